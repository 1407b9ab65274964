"""The words around every question are left out of the grid and put back exactly."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pages.parts.wrapping import Wrap, shared

LEAD, TAIL = "对给定文本进行分类，类别包括：科技、金融、娱乐。\n\n给定文本：\n", "\n类别："


def test_a_template_is_left_out_and_the_text_in_it_stays() -> None:
    texts = [f"{LEAD}{title}{TAIL}" for title in ("出栏一头猪", "以色列大规模空袭", "江疏影自拍")]
    wrap = shared(texts)
    assert wrap == Wrap(LEAD, TAIL)
    assert [wrap.inner(text) for text in texts] == ["出栏一头猪", "以色列大规模空袭", "江疏影自拍"]


@pytest.mark.parametrize(
    "texts",
    [
        [],
        ["one row only, however long it may be"],
        ["the same long question"] * 5,
        ["short: a", "short: b", "short: c"],
        ["nothing", "in", "common"],
    ],
)
def test_nothing_is_left_out_where_little_is_shared(texts: list[str]) -> None:
    assert shared(texts) == Wrap()


def test_words_that_begin_alike_are_not_cut() -> None:
    wrap = shared([f"Sort this message into one of these: returns{rest}" for rest in ("", "_refunds", "_late")])
    assert wrap.lead == "Sort this message into one of these: "


def test_a_row_without_the_words_is_shown_and_edited_as_it_is() -> None:
    wrap = Wrap(LEAD, TAIL)
    assert wrap.inner("something else") == "something else"
    assert wrap.outer("something else", "edited") == "edited"


@given(st.lists(st.text(max_size=60), max_size=8), st.text(max_size=60), st.text(max_size=20), st.text())
def test_what_is_left_out_can_always_be_put_back(texts: list[str], lead: str, tail: str, edit: str) -> None:
    texts = [f"{lead}{text}{tail}" for text in texts]
    wrap = shared(texts)
    for text in texts:
        assert wrap.outer(text, wrap.inner(text)) == text
        if wrap.fits(text):
            assert wrap.inner(wrap.outer(text, edit)) == edit
