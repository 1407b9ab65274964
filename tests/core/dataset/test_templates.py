"""Templates: cells where the braces are, and a sentence for every slip."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.dataset import templates
from core.errors import BadInput


@pytest.mark.parametrize(
    ("template", "cells", "expected"),
    [
        ("{a}", {"a": "1"}, "1"),
        ("x {a}{b} y", {"a": "1", "b": "2"}, "x 12 y"),
        ("{ My Label }", {"My Label": "1"}, "1"),
        ("{{a}}", {"a": "1"}, "{a}"),
        ("{{{a}}}", {"a": "1"}, "{1}"),
        ("no column", {}, "no column"),
        ("", {}, ""),
        ("{问题}\n类别：\n", {"问题": "好？"}, "好？\n类别：\n"),
        ("{a}", {"a": "{b}", "b": "x"}, "{b}"),
    ],
)
def test_columns_are_filled_in(template: str, cells: dict[str, str], expected: str) -> None:
    assert templates.parse(template).render(cells) == expected


@pytest.mark.parametrize(
    ("template", "seen"), [("a {", "{"), ("a } b", "}"), ("{}", "{}"), ("{ }", "{ }"), ("{a{b}", "{")]
)
def test_a_lone_brace_is_shown_with_its_place(template: str, seen: str) -> None:
    with pytest.raises(BadInput) as error:
        templates.parse(template)
    assert f'"{seen}" at character {template.index(seen) + 1}' in str(error.value)
    assert '"{{" and "}}"' in str(error.value)


def test_an_unknown_column_is_named_with_those_there_are() -> None:
    with pytest.raises(BadInput, match=r'"txt".*text, label.*"\{\{" for a brace'):
        templates.check("{text} {txt}", ["text", "label"])


@given(st.text())
def test_escaped_text_comes_out_as_it_was(text: str) -> None:
    assert templates.parse(templates.escape(text)).render({}) == text


@given(st.text(alphabet="{}ab \n", max_size=20))
def test_any_text_is_a_template_or_gets_a_sentence(text: str) -> None:
    try:
        template = templates.parse(text)
    except BadInput as error:
        assert "at character" in str(error)
    else:
        assert len(template.texts) == len(template.columns) + 1
        rebuilt = templates.escape(template.texts[0])
        for column, literal in zip(template.columns, template.texts[1:], strict=True):
            rebuilt += "{" + column + "}" + templates.escape(literal)
        assert templates.parse(rebuilt) == template
