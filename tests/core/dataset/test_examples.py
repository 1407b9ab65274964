"""The example: looked into from every side, written back as it came."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.dataset.examples import (
    Body,
    Draft,
    Example,
    Kind,
    Split,
    Status,
    answer_text,
    chat_line,
    content_hash,
    dump,
    kind_of,
    load,
    messages_of,
    prompt_messages,
    system_text,
    text_of,
    user_text,
)

# What JSON can hold, big and odd numbers and lone surrogates left out: those have tests of their own.
LEAVES = st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False)
TEXTS = st.text(st.characters(exclude_categories=["Cs"]))
VALUES = st.recursive(LEAVES | TEXTS, lambda inner: st.lists(inner) | st.dictionaries(TEXTS, inner), max_leaves=20)
BODIES = st.dictionaries(TEXTS, VALUES)
# What stands in real files, and what nobody expects there.
MESSAGES = st.lists(
    st.fixed_dictionaries(
        {}, optional={"role": st.sampled_from(["system", "user", "assistant", "tool"]) | VALUES, "content": VALUES}
    )
    | VALUES,
    max_size=6,
)
STRANGE = st.fixed_dictionaries(
    {}, optional={"messages": MESSAGES | VALUES, "prompt": VALUES, "completion": VALUES, "tools": VALUES}
)


def chat(*turns: tuple[str, Any], **more: Any) -> Body:
    return {"messages": [{"role": role, "content": content} for role, content in turns], **more}


@given(BODIES)
def test_what_is_dumped_is_loaded_again(body: Body) -> None:
    raw = dump(body)
    assert load(raw) == body and "\n" not in raw
    assert list(load(raw)) == list(body), "keys keep their order"
    assert dump(load(raw)) == raw, "a second time changes nothing"
    assert json.loads(raw) == body, "and any other JSON reader agrees"


@pytest.mark.parametrize("body", [{"a": "\ud800"}, {"a": 2**80}, {"\udc00": [1]}])
def test_what_the_fast_writer_refuses_is_written_all_the_same(body: Body) -> None:
    assert json.loads(dump(body)) == body


@pytest.mark.parametrize("number", [float("nan"), float("inf")])
def test_a_number_that_json_does_not_know_is_never_written_as_such(number: float) -> None:
    assert "NaN" not in dump({"a": number}) and "Infinity" not in dump({"a": number})


@pytest.mark.parametrize("raw", ["", "[]", '"text"', "7", "null", "{", '{"a": NaN}', '{"a": 1} {"b": 2}'])
def test_what_is_no_object_is_refused(raw: str) -> None:
    with pytest.raises(ValueError):
        load(raw)


def test_chinese_stays_readable_in_a_line() -> None:
    assert dump({"text": "文化 ✓"}) == '{"text":"文化 ✓"}'


@given(TEXTS, TEXTS)
def test_the_hash_names_the_content(one: str, other: str) -> None:
    assert len(content_hash(one)) == 32 and content_hash(one) == content_hash(one)
    assert (content_hash(one) == content_hash(other)) == (one == other)


def test_the_hash_takes_text_that_is_not_quite_unicode() -> None:
    assert content_hash("\ud800") != content_hash("\ud801")


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (chat(("user", "q"), ("assistant", "a")), Kind.CHAT),
        (chat(("user", "q")), Kind.CHAT),
        (chat(("user", "q"), ("assistant", "a"), reference="x"), Kind.CHAT),
        (chat(("user", "q"), reference="x"), Kind.REINFORCEMENT),
        (chat(("user", "q"), tools=[]), Kind.CHAT),
        (chat(("user", "q"), tools=[], parallel_tool_calls=False, functions=[]), Kind.CHAT),
        ({"messages": []}, Kind.CHAT),
        ({"messages": ["no object"]}, Kind.CHAT),
        ({"prompt": "p", "completion": "c"}, Kind.COMPLETION),
        ({"prompt": "p"}, Kind.COMPLETION),
        ({"completion": "c"}, Kind.COMPLETION),
        ({"input": {}, "preferred_output": [], "non_preferred_output": []}, Kind.PREFERENCE),
        ({"messages": [], "preferred_output": []}, Kind.PREFERENCE),
        ({"messages": "no list", "prompt": "p"}, Kind.COMPLETION),
        ({"messages": "no list"}, None),
        ({"question": "q"}, None),
        ({}, None),
    ],
)
def test_the_format_is_known_by_its_keys(body: Body, kind: Kind | None) -> None:
    assert kind_of(body) == kind


@pytest.mark.parametrize(
    ("content", "text"),
    [
        ("plain", "plain"),
        ("", ""),
        (None, ""),
        (7, ""),
        ({"text": "x"}, ""),
        ([], ""),
        ([{"type": "text", "text": "a"}, {"type": "text", "text": "b"}], "a\nb"),
        ([{"type": "image_url", "image_url": {}}, {"type": "text", "text": "b"}], "b"),
        ([{"type": "text", "text": None}, "loose", {"text": "c"}], "c"),
    ],
)
def test_the_text_of_a_content(content: Any, text: str) -> None:
    assert text_of(content) == text


CALLS = [{"id": "1", "type": "function", "function": {"name": "天气", "arguments": "{}"}}]


@pytest.mark.parametrize(
    ("body", "system", "user", "answer"),
    [
        (chat(("system", "s"), ("user", "q"), ("assistant", "a")), "s", "q", "a"),
        (chat(("developer", "d"), ("user", "q"), ("assistant", "a")), "d", "q", "a"),
        (chat(("user", "q1"), ("assistant", "a1"), ("user", "q2"), ("assistant", "a2")), "", "q2", "a2"),
        (chat(("system", "s1"), ("system", "s2"), ("user", [{"type": "text", "text": "q"}])), "s1", "q", ""),
        ({"prompt": "p", "completion": "c"}, "", "p", "c"),
        ({"prompt": ["p"], "completion": 7}, "", "", ""),
        ({"messages": [{"role": "assistant", "content": None, "tool_calls": CALLS}]}, "", "",
         json.dumps(CALLS, ensure_ascii=False)),
        ({"messages": [{"role": "assistant", "function_call": {"name": "f"}}]}, "", "", '{"name": "f"}'),
        ({"messages": [{"role": "assistant"}]}, "", "", ""),
        ({}, "", "", ""),
    ],
)  # fmt: skip
def test_the_three_texts_of_an_example(body: Body, system: str, user: str, answer: str) -> None:
    assert (system_text(body), user_text(body), answer_text(body)) == (system, user, answer)


@pytest.mark.parametrize(
    ("body", "roles"),
    [
        (chat(("system", "s"), ("user", "q"), ("assistant", "a")), ["system", "user"]),
        (chat(("user", "q1"), ("assistant", "a1"), ("user", "q2"), ("assistant", "a2")), ["user", "assistant", "user"]),
        (chat(("user", "q"), ("assistant", "a"), ("tool", "t")), ["user"]),
        (chat(("user", "q")), ["user"]),
        ({"prompt": "p", "completion": "c"}, ["user"]),
        ({"prompt": 7}, []),
        ({}, []),
    ],
)
def test_what_a_model_is_asked_ends_before_the_last_answer(body: Body, roles: list[str]) -> None:
    assert [message["role"] for message in prompt_messages(body)] == roles


@given(STRANGE)
def test_nothing_that_a_file_may_hold_makes_these_fail(body: Body) -> None:
    messages = messages_of(body)
    assert all(isinstance(message, dict) for message in messages)
    for look in (system_text, user_text, answer_text):
        assert isinstance(look(body), str)
    asked = prompt_messages(body)
    assert asked == messages[: len(asked)] or asked == [{"role": "user", "content": body["prompt"]}]
    assert kind_of(body) in (None, *Kind)


@given(BODIES)
def test_a_draft_and_an_example_read_their_line(body: Body) -> None:
    raw = dump(body)
    assert Draft(raw, Kind.CHAT).body == body
    example = Example(1, 1, 0, Kind.CHAT, raw, "", Split.NONE, Status.NEW, 1, 5, 2, (), content_hash(raw))
    assert example.body == body


@given(st.lists(st.fixed_dictionaries({"role": st.sampled_from(["user", "assistant"]), "content": TEXTS})))
def test_a_chat_made_from_a_table_is_the_line_that_pythons_json_writes(messages: list[dict[str, Any]]) -> None:
    assert chat_line(messages) == json.dumps({"messages": messages}, ensure_ascii=False)
