"""From an engine's pieces to a completion: cuts at stop sequences and token limits, tool calls, logprobs."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from openai.types.chat import ChatCompletionMessage
from openai.types.chat.chat_completion import Choice

from core.server.answering import Answer, ChatRequest
from core.server.answering.answers import Bounds, delta
from core.server.answering.asking import CompletionRequest, EmbeddingRequest
from core.server.engines.base import Piece
from core.server.errors import ApiError
from core.server.jobs.requests import CreateJob
from core.server.reading import parse

CALLS = [{"id": "call_1", "type": "function", "function": {"name": "track", "arguments": '{"n": 1}'}}]


def said(pieces: list[Piece], stop: tuple[str, ...] = (), max_tokens: int | None = None) -> tuple[str, str | None]:
    bounds = Bounds(stop, max_tokens)
    text = "".join(piece.text for piece in bounds.apply(pieces))
    return text, bounds.finish


@pytest.mark.parametrize(
    ("texts", "stop", "max_tokens", "text", "finish"),
    [
        (["a", "b", "c"], (), None, "abc", None),
        (["a", "b", "c"], (), 3, "abc", None),
        (["a", "b", "c"], (), 2, "ab", "length"),
        (["one\ntwo"], ("\n",), None, "one", "stop"),
        (["one", "\n", "\n", "two"], ("\n\n",), None, "one", "stop"),
        (["one", "\n", "two"], ("\n\n",), None, "one\ntwo", None),
        (["one\n"], ("\n\n",), None, "one\n", None),
        (["ab", "cd"], ("x", "bc"), None, "a", "stop"),
        (["stop"], ("stop",), None, "", "stop"),
        ([], ("x",), 1, "", None),
        (["你好", "世界"], ("好世",), None, "你", "stop"),
    ],
)
def test_an_answer_is_cut_where_asked(
    texts: list[str], stop: tuple[str, ...], max_tokens: int | None, text: str, finish: str | None
) -> None:
    assert said([Piece(t) for t in texts], stop, max_tokens) == (text, finish)


def test_a_long_piece_is_cut_in_proportion() -> None:
    assert said([Piece("x" * 100, tokens=50)], max_tokens=10) == ("x" * 20, "length")
    assert said([Piece("x" * 100, tokens=50)], max_tokens=50) == ("x" * 100, None)


@given(texts=st.lists(st.text("ab", max_size=4), max_size=8), stop=st.lists(st.text("ab", min_size=1, max_size=3)))
def test_cutting_does_not_depend_on_the_pieces(texts: list[str], stop: list[str]) -> None:
    whole = "".join(texts)
    ends = [(whole.find(s) + len(s), whole.find(s)) for s in stop if s in whole]
    text, finish = said([Piece(t) for t in texts], tuple(stop))
    assert (text, finish) == ((whole[: min(ends)[1]], "stop") if ends else (whole, None))


@given(texts=st.lists(st.text("ab", max_size=4), max_size=8))
def test_text_that_cannot_begin_a_stop_is_not_held_back(texts: list[str]) -> None:
    fed: list[str] = []

    def source() -> Any:
        for text in texts:
            fed.append(text)
            yield Piece(text)

    for number, piece in enumerate(Bounds(("\n\n",), None).apply(source())):
        assert piece.text == texts[number] and len(fed) == number + 1


def test_tool_calls_are_a_message_that_the_client_can_read() -> None:
    answer = Answer()
    answer.add(Piece(json.dumps(CALLS), -0.5, kind="tool_calls"))
    choice = Choice.model_validate(answer.choice(0, True))
    assert choice.finish_reason == "tool_calls" and choice.message.content is None
    assert isinstance(choice.message, ChatCompletionMessage) and choice.message.tool_calls
    assert choice.message.tool_calls[0].id == "call_1"
    assert delta(Piece(json.dumps(CALLS), kind="tool_calls")) == {"tool_calls": [{"index": 0, **CALLS[0]}]}


def test_without_probabilities_logprobs_are_null() -> None:
    answer = Answer()
    answer.add(Piece("text"))
    assert answer.choice(0, True)["logprobs"] is None


def test_logprobs_carry_bytes_and_alternatives() -> None:
    answer = Answer()
    answer.add(Piece("体育", -0.1, (("体育", -0.1), ("科技", -2.4))))
    content = answer.choice(0, True)["logprobs"]["content"]
    assert bytes(content[0]["bytes"]).decode() == "体育"
    assert [top["token"] for top in content[0]["top_logprobs"]] == ["体育", "科技"]
    assert answer.choice(0, False)["logprobs"] is None


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=10), inner, max_size=3),
    max_leaves=8,
)
MODELS = (CreateJob, ChatRequest, CompletionRequest, EmbeddingRequest)
NAMES = sorted({name for model in MODELS for name in model.model_fields})


@given(body=st.dictionaries(st.sampled_from(NAMES), anything, max_size=6) | anything)
def test_any_json_is_either_understood_or_refused_with_a_sentence(body: Any) -> None:
    for model in MODELS:
        try:
            asked = parse(model, body)
            if not isinstance(asked, CreateJob):
                asked.check()
        except ApiError as error:
            assert error.status == 400 and str(error)
