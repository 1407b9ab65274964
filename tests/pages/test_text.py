"""Foreign text stays text: wherever Streamlit would read Markdown, HTML, icons, links or arrows."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pagedriver import HOSTILE, Page, plain
from streamlit.testing.v1 import AppTest

from pages.parts.text import JOINER, escape, for_chart


def shown(source: str) -> str:
    """What Markdown makes of backslashes, and a reader of the joiner: nothing."""
    return re.sub(r"\\([!-/:-@\[-`{-~])", r"\1", source).replace(JOINER, "")


@given(st.text())
def test_nothing_is_lost_or_added_that_can_be_seen(value: str) -> None:
    assert shown(escape(value)) == value.replace("\r", "").replace("\n", " ").replace(JOINER, "")


@given(st.text(alphabet="![]()<>*_`~$:#+-.|&{}\\ab1\n@w/"))
def test_every_sign_that_means_something_is_held_back(value: str) -> None:
    rest = re.sub(r"\\.", "", escape(value))
    assert not set("![]()<>*_`~$:#|&{}\\\n") & set(rest)


@pytest.mark.parametrize(
    ("value", "broken"),
    [
        (":material/bolt:", ":material/"),
        (":streamlit:", ":streamlit:"),
        ("see https://evil.test/x", "://"),
        ("www.evil.test", "www."),
        ("WWW.evil.test", "WWW."),
        ("ada@evil.test", "@e"),
        ("a -> b", "->"),
        ("a <- b", "<-"),
        ("a -- b", "--"),
        ("a >= b", ">="),
        ("a <-> b", "<->"),
    ],
)
def test_what_works_behind_a_backslash_too_is_kept_apart(value: str, broken: str) -> None:
    assert broken not in escape(value).replace("\\", "") and shown(escape(value)) == value


@pytest.mark.parametrize("value", ["python -m core serve --port 0", "3.5 < 4", "a@ b", "12:30", "http:x", "文化"])
def test_what_means_nothing_is_left_so_that_it_can_be_copied(value: str) -> None:
    assert JOINER not in escape(value)


@pytest.mark.parametrize("value", ["<b>x</b>", '<a href="javascript:alert(1)">x</a>', "a & b", "<br>"])
def test_charts_get_no_tags(value: str) -> None:
    assert "<" not in for_chart(value) and for_chart(value) != value


def careless() -> None:
    """A page that trusts everybody."""
    import streamlit as st
    from pagedriver import HOSTILE

    st.markdown(HOSTILE)
    st.caption(f"- {HOSTILE}")
    st.button(HOSTILE)
    st.text(HOSTILE)
    st.code(HOSTILE)


def test_these_tests_would_notice_a_careless_page() -> None:
    page = Page.__new__(Page)
    page.app = AppTest.from_function(careless).run()
    assert sorted(page.unescaped(HOSTILE)) == ["button", "caption", "markdown"]
    assert plain(escape(HOSTILE)) == HOSTILE.replace("\\", "")
