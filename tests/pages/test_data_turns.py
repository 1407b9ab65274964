"""A conversation in the form: turns out of a line and back, with nothing changed that nobody touched."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import BadInput
from pages.parts.turns import Turn, changes, differences, line_of, moved, next_role, one_object, pretty, turns_of

TOOLS = (
    '{"messages":[{"role":"user","content":"a","weight":1.0},'
    '{"content":null,"role":"assistant","tool_calls":[{"id":"1","n":1.50}]}],"z":1e3}'
)


def turns(raw: str) -> list[Turn]:
    found = turns_of(raw)
    assert found is not None
    return found


TEXT = st.text(st.characters(exclude_categories=("Cs",)), max_size=20)
MESSAGE = st.fixed_dictionaries(
    {"role": st.sampled_from(["system", "user", "assistant", "tool", "other"])},
    optional={
        "content": st.one_of(TEXT, st.just([{"type": "text", "text": "x"}])),
        "name": TEXT,
        "weight": st.sampled_from([0, 1, 0.5]),
    },
)


@given(st.fixed_dictionaries({"messages": st.lists(MESSAGE, max_size=4)}, optional={"tools": st.just([]), "n": TEXT}))
def test_a_line_nobody_touched_comes_back_as_the_same_values(body: dict[str, object]) -> None:
    raw = json.dumps(body, ensure_ascii=False, separators=(",", ":"))
    back = json.loads(line_of(raw, turns(raw)))
    for old, new in zip(body["messages"], back["messages"], strict=True):  # type: ignore[call-overload]
        assert {"content": "", **old} == new
    assert {k: v for k, v in back.items() if k != "messages"} == {k: v for k, v in body.items() if k != "messages"}


def test_numbers_key_order_and_null_contents_stay_as_they_are_written() -> None:
    assert line_of(TOOLS, turns(TOOLS)) == TOOLS


def test_a_changed_text_changes_only_that_text() -> None:
    first, second = turns(TOOLS)
    assert line_of(TOOLS, [replace(first, text="b"), second]) == TOOLS.replace('"content":"a"', '"content":"b"')


def test_turns_are_added_moved_and_removed() -> None:
    raw = '{"messages":[{"role":"user","content":"1"},{"role":"assistant","content":"2"}]}'
    first, second = turns(raw)
    assert next_role([first]) == "assistant" and next_role([first, second]) == "user"
    longer = [first, second, Turn("user", "3")]
    assert [m["content"] for m in json.loads(line_of(raw, longer))["messages"]] == ["1", "2", "3"]
    assert moved(longer, 2, -1) == [first, longer[2], second]
    assert moved(longer, 0, -1) == longer
    assert json.loads(line_of(raw, [second]))["messages"] == [{"role": "assistant", "content": "2"}]


@pytest.mark.parametrize("raw", ['{"prompt":"a","completion":"b"}', "no json", '{"messages":"x"}', '{"messages":[1]}'])
def test_what_is_no_conversation_is_edited_as_json(raw: str) -> None:
    assert turns_of(raw) is None


@pytest.mark.parametrize("calls", ["[1,", '[{"a": NaN}]'])
def test_bad_json_of_a_tool_call_names_the_turn(calls: str) -> None:
    with pytest.raises(BadInput, match="Turn 2"):
        line_of(TOOLS, [turns(TOOLS)[0], replace(turns(TOOLS)[1], calls=calls)])


def test_json_over_several_lines_becomes_the_same_line_again() -> None:
    assert one_object(pretty(TOOLS)) == TOOLS
    assert pretty("no json") == "no json"


@pytest.mark.parametrize("text", ["[1]", '{"a":', "", '{"a": Infinity}'])
def test_only_one_json_object_is_a_line(text: str) -> None:
    with pytest.raises(BadInput, match="not a JSON object"):
        one_object(text)


def test_history_shows_only_the_turns_that_differ() -> None:
    after = TOOLS.replace('"content":"a"', '"content":"b"')
    assert differences({"raw": TOOLS, "label": "x"}, {"raw": after, "label": "x"}) == [("user: a", "user: b")]
    assert changes(TOOLS, after) == [("user", "a", "b")]
    assert changes('{"messages":[{"role":"user","content":"a"}]}', TOOLS)[0][0] == "", "other turns"
    assert differences({"split": ""}, {"split": "train"}) == [("", "train")]
    assert differences({}, {"raw": '{"prompt":"a"}'}) == [("", '{"prompt":"a"}')]
