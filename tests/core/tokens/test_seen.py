"""An example as the model sees it: the same text, the same tokens, and what of them is learnt."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.dataset.examples import messages_of
from core.tokens import count_body, encoding_names
from core.tokens.seen import seen

S = {"role": "system", "content": "Be brief."}
U = {"role": "user", "content": "Where is my parcel? 🚚"}
A = {"role": "assistant", "content": "On its way. 包裹"}
CALL = {"id": "c", "type": "function", "function": {"name": "track", "arguments": '{"number": 7}'}}
TOOL = {"type": "function", "function": {"name": "track", "description": "Look up", "parameters": {}}}
IMAGE = {"type": "image_url", "image_url": {"url": "https://a.example/1.png", "detail": "low"}}

BODIES: list[dict[str, Any]] = [
    {"messages": [S, U, A]},
    {"messages": [{**U, "name": "Mei"}, {**A, "weight": 0}, U, {**A, "weight": 1}]},
    {"messages": [U, {"role": "assistant", "tool_calls": [CALL]}, {"role": "tool", "content": "{}"}, A],
     "tools": [TOOL]},
    {"messages": [{"role": "user", "content": [{"type": "text", "text": "What?"}, IMAGE]}, A]},
    {"messages": [U, {"role": "assistant", "function_call": CALL["function"]}], "functions": [TOOL["function"]]},
    {"messages": [U], "reference": "8"},
    {"messages": []},
    {"messages": ["odd", {}, {"role": 3, "content": 4}, {"role": "user", "content": [5, {"text": 6}]}]},
    {"messages": "odd"},
    {"prompt": "Order 19 ->", "completion": " complaint\n"},
    {"prompt": None, "completion": 7},
    {},
    {"input": {"messages": [U], "tools": [TOOL]}, "preferred_output": [A], "non_preferred_output": [S]},
    {"input": 3, "preferred_output": "x"},
    {"messages": [U, {**A, "content": " " * 250_000 + "x"}]},
]  # fmt: skip


def texts(body: dict[str, Any]) -> str:
    """Everything that is written in an example, in its order."""
    if "preferred_output" in body or "non_preferred_output" in body:
        given = body.get("input")
        parts = [given if isinstance(given, dict) else {}]
        parts += [{"messages": body.get(key)} for key in ("preferred_output", "non_preferred_output")]
        return "".join(said(message) for part in parts for message in messages_of(part))
    if "messages" in body:
        return "".join(map(said, messages_of(body)))
    return "".join(body[key] for key in ("prompt", "completion") if isinstance(body.get(key), str))


def said(message: dict[str, Any]) -> str:
    content = message.get("content")
    parts = content if isinstance(content, list) else [{"text": content}]
    calls = [call["function"] for call in message.get("tool_calls", [])]
    calls += [message["function_call"]] if "function_call" in message else []
    words = [part.get("text") for part in parts if isinstance(part, dict)]
    words += [call[key] for call in calls for key in ("name", "arguments")]
    return "".join(word for word in words if isinstance(word, str))


@pytest.mark.parametrize("name", encoding_names())
@pytest.mark.parametrize("body", BODIES, ids=range(len(BODIES)))
def test_it_is_the_examples_text_and_its_tokens(body: dict[str, Any], name: str) -> None:
    found = seen(body, name, 20)
    assert found.text == texts(body)
    assert found.tokens == count_body(body, name).tokens
    assert found.tokens == sum(segment.tokens for segment in found.segments)


MESSAGES = st.lists(
    st.fixed_dictionaries(
        {"role": st.sampled_from(["system", "user", "assistant"]), "content": st.text(max_size=60)},
        optional={"weight": st.sampled_from([0, 1])},
    ),
    max_size=5,
)


@given(MESSAGES, st.integers(0, 200))
def test_whatever_is_said_and_wherever_it_is_cut(messages: list[dict[str, Any]], limit: int) -> None:
    body = {"messages": messages}
    found, count = seen(body, "o200k_base", limit), count_body(body, "o200k_base")
    assert found.text == texts(body) and found.tokens == count.tokens
    assert found.tokens - found.cut <= limit and 0 <= found.trained <= count.answer_tokens
    whole = seen(body, "o200k_base", 10**9)
    unlearnt = sum(count_body({"prompt": "", "completion": m["content"]}, "o200k_base").tokens for m in messages
                   if m["role"] == "assistant" and m.get("weight") == 0)  # fmt: skip
    assert whole.cut == 0 and whole.trained == count.answer_tokens - unlearnt
    pieces = list(found.pieces)
    first = next((at for at, piece in enumerate(pieces) if piece.cut), len(pieces))
    assert all(piece.cut for piece in pieces[first:]), "what is cut is the end"


@given(st.text(max_size=40))
def test_no_piece_holds_half_a_character(text: str) -> None:
    for piece in seen({"prompt": text, "completion": "👩‍👩‍👧 ẛ̣"}, "cl100k_base", 9).pieces:
        assert "\ufffd" not in piece.text or "\ufffd" in text


def test_half_characters_are_counted_as_the_tokeniser_counts_them() -> None:
    body = {"messages": [{"role": "user", "content": "a\ud83db"}, A]}
    found = seen(body, "o200k_base", 99)
    assert found.tokens == count_body(body, "o200k_base").tokens
    assert found.text == re.sub("[\ud800-\udfff]", "\ufffd", texts(body))


def test_each_answer_of_a_pair_is_read_behind_the_question() -> None:
    body = BODIES[12]
    question = count_body({"messages": [U], "tools": [TOOL]}, "o200k_base").tokens
    found = seen(body, "o200k_base", question + 1)
    assert [(s.role, s.branch, any(p.cut for p in s.pieces)) for s in found.segments] == [
        ("tools", "", False), ("user", "", False), ("", "", False),
        ("assistant", "preferred", True), ("system", "rejected", True),
    ]  # fmt: skip


def test_the_middle_of_a_very_long_turn_can_be_left_out() -> None:
    body = {"messages": [{**U, "content": "word " * 9_000}, {**A, "content": "yes " * 9_000}]}
    whole, short = seen(body, "o200k_base", 12_000), seen(body, "o200k_base", 12_000, short=True)
    assert (short.tokens, short.trained, short.cut) == (whole.tokens, whole.trained, whole.cut)
    assert len(list(short.pieces)) < 4_000 < len(list(whole.pieces))
    assert any("tokens" in str(piece.label) for piece in short.pieces)
