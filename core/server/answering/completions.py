"""The route /v1/completions: what follows a prompt, the older kind of question."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from core.server import wire
from core.server.answering.answers import Bounds
from core.server.answering.asking import CompletionRequest
from core.server.answering.routes import AskedRoute
from core.server.answering.schemas import TextReply
from core.server.engines.base import Piece, Predictor
from core.server.openapi import Operation


@dataclass
class Continuation:
    """One choice as far as it has come; with `echo` it begins with the prompt, as one token without a probability."""

    with_logprobs: bool
    text: str = ""
    tokens: int = 0
    bounded: str | None = None
    pieces: list[wire.Json] = field(default_factory=list)
    likelihood: list[float] = field(default_factory=list)

    def add(self, piece: Piece) -> wire.Json | None:
        """Takes a piece in; its logprobs alone are returned, for a stream."""
        token = {
            "tokens": piece.text,
            "token_logprobs": piece.logprob,
            "top_logprobs": dict(piece.top) if piece.logprob is not None else None,
            "text_offset": len(self.text),
        }
        self.text += piece.text
        self.tokens += piece.tokens
        self.pieces.append(token)
        if piece.logprob is not None:
            self.likelihood.append(piece.logprob)
        return self._logprobs([token])

    @property
    def mean(self) -> float:
        """The mean log probability of its tokens, by which the best of several are chosen."""
        return sum(self.likelihood) / len(self.likelihood) if self.likelihood else 0.0

    def choice(self, index: int) -> wire.Json:
        """The choice of a whole completion."""
        return choice(index, self.text, self._logprobs(self.pieces), self.bounded or "stop")

    def _logprobs(self, pieces: list[wire.Json]) -> wire.Json | None:
        if not self.with_logprobs or not any(piece["token_logprobs"] is not None for piece in pieces):
            return None
        return {name: [piece[name] for piece in pieces] for name in pieces[0]}


def choice(index: int, text: str, logprobs: wire.Json | None, finish: str | None) -> wire.Json:
    """A choice, whole or as a part of a stream."""
    return {"index": index, "text": text, "logprobs": logprobs, "finish_reason": finish}


class Completions(AskedRoute[CompletionRequest]):
    """Answers of base and fine-tuned models to bare prompts."""

    path = "/v1/completions"
    objects = ("text_completion", "text_completion")
    prefix = "cmpl-"
    kind = CompletionRequest

    def prompt_tokens(self, predictor: Predictor, asked: CompletionRequest) -> int:
        return sum(predictor.count([{"role": "user", "content": prompt}]) for prompt in asked.prompts)

    def choices(self, predictor: Predictor, asked: CompletionRequest) -> tuple[list[wire.Json], int]:
        chosen: list[Continuation] = []
        written = 0
        for text in asked.prompts:
            tried = [_written(predictor, asked, text, index) for index in range(asked.best_of or asked.n or 1)]
            written += sum(one.tokens for one in tried)
            chosen += sorted(tried, key=lambda one: -one.mean)[: asked.n or 1]
        return [one.choice(index) for index, one in enumerate(chosen)], written

    def parts(self, predictor: Predictor, asked: CompletionRequest) -> Iterator[tuple[wire.Json, int]]:
        for index in range(len(asked.prompts) * (asked.n or 1)):
            place, number = divmod(index, asked.n or 1)
            one = Continuation(asked.logprobs is not None)
            for piece in _pieces(predictor, asked, asked.prompts[place], number, one):
                yield choice(index, piece.text, one.add(piece), None), 0
            yield choice(index, "", None, one.bounded or "stop"), one.tokens


def _written(predictor: Predictor, asked: CompletionRequest, prompt: str, number: int) -> Continuation:
    one = Continuation(asked.logprobs is not None)
    for piece in _pieces(predictor, asked, prompt, number, one):
        one.add(piece)
    return one


def _pieces(
    predictor: Predictor, asked: CompletionRequest, prompt: str, number: int, one: Continuation
) -> Iterator[Piece]:
    if asked.echo:
        yield Piece(prompt, tokens=0)
    if not asked.limit:
        one.bounded = "length"
        return
    bounds = Bounds(asked.stops, asked.limit)
    yield from bounds.apply(predictor.complete(prompt, asked.params(number)))
    one.bounded = bounds.finish


DOCUMENTED = (
    Operation(
        "POST",
        "/v1/completions",
        "Goes on from bare prompts",
        TextReply,
        body=CompletionRequest,
        events=TextReply,
        errors=(404,),
    ),
)
