"""What an edit makes of a line: the right text changes, everything else stays as it was written."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.dataset.edits import apply_change, new_line, one_line
from core.dataset.examples import (
    Draft,
    Example,
    Kind,
    Split,
    Status,
    answer_text,
    content_hash,
    dump,
    load,
    system_text,
    user_text,
)
from core.errors import BadInput


def row(raw: str, *, label: str = "", kind: Kind = Kind.CHAT) -> Example:
    return Example(1, 1, 1, kind, raw, label, Split.NONE, Status.NEW, 1, 5, 2, (), content_hash(raw))


def chat(*messages: tuple[str, Any], **more: Any) -> str:
    return dump({"messages": [{"role": role, "content": content} for role, content in messages], **more})


def edited(raw: str, kind: Kind = Kind.CHAT, **fields: str | None) -> Any:
    return load(apply_change(row(raw, kind=kind), fields).raw)


PLAIN = chat(("system", "S"), ("user", "Q"), ("assistant", "A"))


@pytest.mark.parametrize(
    ("raw", "fields", "expected"),
    [
        (PLAIN, {"system": "T"}, chat(("system", "T"), ("user", "Q"), ("assistant", "A"))),
        (PLAIN, {"system": ""}, chat(("user", "Q"), ("assistant", "A"))),
        (PLAIN, {"user": "R"}, chat(("system", "S"), ("user", "R"), ("assistant", "A"))),
        (PLAIN, {"assistant": None}, chat(("system", "S"), ("user", "Q"), ("assistant", ""))),
        (chat(("user", "Q")), {"assistant": "A"}, chat(("user", "Q"), ("assistant", "A"))),
        (chat(("assistant", "A")), {"user": "Q", "system": "S"}, PLAIN),
        (chat(), {"assistant": "A", "user": "Q"}, chat(("user", "Q"), ("assistant", "A"))),
        (
            chat(("user", "1"), ("assistant", "2"), ("user", "3"), ("assistant", "4")),
            {"user": "x", "assistant": "y"},
            chat(("user", "1"), ("assistant", "2"), ("user", "x"), ("assistant", "y")),
        ),
        (
            chat(("user", [{"type": "text", "text": "a"}, {"type": "image_url", "image_url": {"url": "u"}}])),
            {"user": "b"},
            chat(("user", [{"type": "text", "text": "b"}, {"type": "image_url", "image_url": {"url": "u"}}])),
        ),
        (
            chat(("user", [{"type": "image_url", "image_url": {"url": "u"}}])),
            {"user": "b"},
            chat(("user", [{"type": "text", "text": "b"}, {"type": "image_url", "image_url": {"url": "u"}}])),
        ),
    ],
)
def test_a_field_changes_its_message(raw: str, fields: dict[str, str | None], expected: str) -> None:
    assert edited(raw, **fields) == load(expected)


def test_a_completion_has_a_prompt_and_a_completion() -> None:
    raw = '{"prompt":"a","completion":"b","id":7}'
    assert edited(raw, Kind.COMPLETION, user="c", assistant="d") == {"prompt": "c", "completion": "d", "id": 7}
    with pytest.raises(BadInput, match="system"):
        edited(raw, Kind.COMPLETION, system="s")


def test_numbers_and_unknown_keys_survive_an_edit_of_the_text_as_they_were_written() -> None:
    raw = '{"messages":[{"role":"user","content":"Q","weight":1.00}],"id":123456789012345678901234567890,"x":1E5}'
    assert apply_change(row(raw), {"user": "R"}).raw == raw.replace('"Q"', '"R"')


def test_a_line_that_is_not_touched_keeps_every_byte() -> None:
    raw = '{ "messages": [ {"role":"user","content":"\\u4f60"} ] }'
    assert apply_change(row(raw), {"user": "你", "status": "approved"}).raw == raw


def test_tool_calls_shown_as_the_answer_are_not_written_into_it() -> None:
    call = {"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    raw = dump({"messages": [{"role": "user", "content": "q"}, {"role": "assistant", "tool_calls": [call]}]})
    assert apply_change(row(raw), {"assistant": answer_text(load(raw))}).raw == raw


@pytest.mark.parametrize(
    ("label", "answer", "closed", "fields", "expected"),
    [
        ("文化", "文化", False, {"label": "体育"}, ("体育", "体育")),
        ("文化", "文化", False, {"assistant": "体育"}, ("体育", "体育")),
        ("文化", "文化", False, {"assistant": "体育", "label": "财经"}, ("财经", "体育")),
        ("culture", "文化", False, {"label": "sport"}, ("sport", "文化")),
        ("culture", "文化", False, {"assistant": "体育"}, ("culture", "体育")),
        ("", "", False, {"assistant": "long answer"}, ("", "long answer")),
        ("", "", True, {"assistant": "体育"}, ("体育", "体育")),
        ("", "文化", True, {"assistant": "体育"}, ("", "体育")),
    ],
)
def test_label_and_answer_stay_together_while_they_are_the_same(
    label: str, answer: str, closed: bool, fields: dict[str, str], expected: tuple[str, str]
) -> None:
    content = apply_change(row(chat(("user", "q"), ("assistant", answer)), label=label), fields, closed=closed)
    assert (content.label, answer_text(load(content.raw))) == expected


def test_a_whole_line_takes_the_label_along() -> None:
    before = row(chat(("user", "q"), ("assistant", "文化")), label="文化")
    content = apply_change(before, {"raw": chat(("user", "q"), ("assistant", "体育"))})
    assert content.label == "体育"


@pytest.mark.parametrize(
    "fields",
    [
        {"raw": "{"},
        {"raw": "[1]"},
        {"raw": ""},
        {"raw": '{"a": NaN}'},
        {"split": "training"},
        {"status": "good"},
        {"colour": "red"},
        {"user": "half \ud800"},
    ],
)
def test_what_cannot_be_is_told_in_a_sentence(fields: dict[str, str]) -> None:
    with pytest.raises(BadInput) as error:
        apply_change(row(PLAIN), fields)
    assert str(error.value).endswith(".")


def test_what_is_judged_has_no_answer_cell() -> None:
    with pytest.raises(BadInput):
        edited(chat(("user", "q"), answer="8"), Kind.REINFORCEMENT, assistant="x")


def test_of_a_preference_the_question_and_the_better_answer_are_edited() -> None:
    turns = {"input": {"messages": [{"role": "user", "content": "Thank them."}], "tools": []},
             "preferred_output": [{"role": "assistant", "content": "Thank you."}],
             "non_preferred_output": [{"role": "assistant", "content": "Thx"}]}  # fmt: skip
    body = edited(json.dumps(turns), Kind.PREFERENCE, system="Be kind.", user="Thank Li.", assistant="Thank you, Li.")
    assert (system_text(body), user_text(body), answer_text(body)) == ("Be kind.", "Thank Li.", "Thank you, Li.")
    assert body["non_preferred_output"] == turns["non_preferred_output"] and body["input"]["tools"] == []
    empty = edited('{"input":{"messages":[]},"preferred_output":[]}', Kind.PREFERENCE, assistant="x", user="y")
    assert (user_text(empty), answer_text(empty)) == ("y", "x")
    with pytest.raises(BadInput):
        edited('{"input":"?","preferred_output":[]}', Kind.PREFERENCE, user="x")


def test_a_pretty_printed_object_becomes_one_line_with_its_texts_unchanged() -> None:
    body = {"messages": [{"role": "user", "content": "two\nlines  and \r spaces"}], "n": [1, 2]}
    line = one_line(json.dumps(body, indent=4, ensure_ascii=False))
    assert "\n" not in line and load(line) == body
    assert new_line(Draft('{\n"a": 1}', Kind.CHAT)) == '{"a": 1}'


texts = st.text(st.characters(exclude_categories=("Cs",)), max_size=30)


@given(texts, texts, texts, texts, texts, texts)
def test_what_was_typed_is_what_is_read(a: str, b: str, c: str, x: str, y: str, z: str) -> None:
    raw = chat(("system", a), ("user", b), ("assistant", c), kept={"deep": [1, 2.5, None]})
    body = edited(raw, system=x, user=y, assistant=z)
    assert (system_text(body), user_text(body), answer_text(body)) == (x, y, z)
    assert body["kept"] == {"deep": [1, 2.5, None]}
    again = apply_change(row(dump(body)), {"system": x, "user": y, "assistant": z})
    assert again.raw == dump(body)
