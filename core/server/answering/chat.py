"""The route /v1/chat/completions."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

from core.server import wire
from core.server.answering.answers import Answer, Bounds, delta, logprob, one_call, wrapped
from core.server.answering.asking import ChatRequest
from core.server.answering.routes import AskedRoute
from core.server.answering.schemas import ChatChunk, ChatReply
from core.server.engines.base import Piece, Predictor
from core.server.openapi import Operation


class Chat(AskedRoute[ChatRequest]):
    """Answers of base and fine-tuned models to conversations."""

    path = "/v1/chat/completions"
    objects = ("chat.completion", "chat.completion.chunk")
    prefix = "chatcmpl-"
    kind = ChatRequest

    def prompt_tokens(self, predictor: Predictor, asked: ChatRequest) -> int:
        return predictor.count(asked.messages)

    def choices(self, predictor: Predictor, asked: ChatRequest) -> tuple[list[wire.Json], int]:
        answers = []
        for index in range(asked.n or 1):
            answer = Answer()
            for piece in pieces(predictor, asked, index, answer):
                answer.add(piece)
            answers.append(answer)
        made = [answer.choice(index, bool(asked.logprobs)) for index, answer in enumerate(answers)]
        return made, sum(answer.tokens for answer in answers)

    def parts(self, predictor: Predictor, asked: ChatRequest) -> Iterator[tuple[wire.Json, int]]:
        for index in range(asked.n or 1):
            answer = Answer()
            for change, logs in _changes(predictor, asked, index, answer):
                yield _chunk_choice(index, change, logs if asked.logprobs else None), 0
            yield _chunk_choice(index, {}, None, answer.finish), answer.tokens


def pieces(predictor: Predictor, asked: ChatRequest, index: int, answer: Answer) -> Iterator[Piece]:
    """The pieces of one choice within its bounds; how it ended is noted in `answer` when they are through."""
    bounds = Bounds(asked.stops, asked.limit)
    for piece in bounds.apply(predictor.generate(asked.messages, asked.params(index, predictor.abilities))):
        yield piece if asked.parallel_tool_calls is not False else one_call(piece)
    answer.bounded = bounds.finish


def _changes(
    predictor: Predictor, asked: ChatRequest, index: int, answer: Answer
) -> Iterator[tuple[wire.Json, wire.Json | None]]:
    """The deltas of one choice with their logprobs; the role comes with the first, once there is something to say."""
    coming = pieces(predictor, asked, index, answer)
    first = next(coming, None)
    is_call = first is not None and first.kind == "tool_calls"
    yield {"role": "assistant", "content": None if is_call else "", "refusal": None}, None
    for piece in itertools.chain([first] if first else [], coming):
        change = delta(piece, len(answer.calls))
        answer.add(piece)
        yield change, _piece_logprobs(piece)


def _piece_logprobs(piece: Piece) -> wire.Json | None:
    return wrapped([logprob(piece)] if piece.logprob is not None else [])


def _chunk_choice(index: int, change: wire.Json, logs: wire.Json | None, finish: str | None = None) -> wire.Json:
    return {"index": index, "delta": change, "logprobs": logs, "finish_reason": finish}


DOCUMENTED = (
    Operation(
        "POST",
        "/v1/chat/completions",
        "Answers a conversation",
        ChatReply,
        body=ChatRequest,
        events=ChatChunk,
        errors=(404,),
    ),
)
