"""From the pieces of an engine to a chat completion, whole or in chunks."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

from core.server.engines.base import Piece

Json = dict[str, Any]


@dataclass
class Answer:
    """One choice as far as it has come."""

    text: str = ""
    calls: list[Json] = field(default_factory=list)
    logprobs: list[Json] = field(default_factory=list)
    tokens: int = 0
    bounded: str | None = None  # why it ended early, where it did

    @property
    def finish(self) -> str:
        """Why it ended, as `finish_reason` says it."""
        return self.bounded or ("tool_calls" if self.calls else "stop")

    def add(self, piece: Piece) -> None:
        """Takes a piece in."""
        self.tokens += piece.tokens
        if piece.kind == "tool_calls":
            self.calls += json.loads(piece.text)
        else:
            self.text += piece.text
        if piece.logprob is not None:
            self.logprobs.append(logprob(piece))

    def choice(self, index: int, with_logprobs: bool) -> Json:
        """The choice of a whole completion."""
        message: Json = {"role": "assistant", "content": self.text, "refusal": None}
        if self.calls:
            message = {**message, "content": self.text or None, "tool_calls": self.calls}
        return {
            "index": index,
            "message": message,
            "logprobs": wrapped(self.logprobs) if with_logprobs else None,
            "finish_reason": self.finish,
        }


class Bounds:
    """Cuts an answer at the first stop sequence or when its tokens are used up; `finish` says which."""

    def __init__(self, stop: tuple[str, ...], max_tokens: int | None) -> None:
        self._stop = stop
        self._left = max_tokens
        self.finish: str | None = None

    def apply(self, pieces: Iterable[Piece]) -> Iterator[Piece]:
        """The pieces up to the cut. The last characters wait while they could begin a stop sequence."""
        held: list[Piece] = []
        for whole in pieces:
            piece = self._within(whole)
            if piece is not None:
                held.append(piece)
                text = "".join(p.text for p in held if p.kind == "text")
                # The one that is complete first cuts, as it would have stopped the model there.
                found = min(((text.find(s) + len(s), text.find(s)) for s in self._stop if s in text), default=None)
                if found is not None:
                    self.finish = "stop"
                    yield from _head(held, found[1])
                    return
                while held and not self._may_begin_stop(held):
                    yield held.pop(0)
            if self.finish:
                break
        yield from held

    def _within(self, piece: Piece) -> Piece | None:
        if self._left is None or piece.tokens <= self._left:
            if self._left is not None:
                self._left -= piece.tokens
            return piece
        self.finish = "length"
        if not self._left or piece.kind != "text":
            return None
        kept = len(piece.text) * self._left // piece.tokens
        return replace(piece, text=piece.text[:kept], tokens=self._left)

    def _may_begin_stop(self, held: list[Piece]) -> bool:
        text = "".join(p.text for p in held if p.kind == "text")
        starts = [len(text) - n for s in self._stop for n in range(1, len(s)) if text.endswith(s[:n])]
        return held[0].kind == "text" and bool(starts) and min(starts) < len(held[0].text)


def _head(pieces: list[Piece], length: int) -> Iterator[Piece]:
    for piece in pieces:
        if piece.kind == "text" and len(piece.text) > length:
            if length:
                yield replace(piece, text=piece.text[:length])
            return
        length -= len(piece.text) if piece.kind == "text" else 0
        yield piece


def logprob(piece: Piece) -> Json:
    """A token with its log probability and the alternatives to it."""
    return {
        **_token(piece.text, piece.logprob),
        "top_logprobs": [_token(text, value) for text, value in piece.top],
    }


def wrapped(logprobs: list[Json]) -> Json | None:
    """The logprobs of a choice; null where the engine has none to give."""
    return {"content": logprobs, "refusal": None} if logprobs else None


def _token(text: str, value: float | None) -> Json:
    return {"token": text, "logprob": value, "bytes": list(text.encode("utf-8", "replace"))}


def delta(piece: Piece, calls: int = 0) -> Json:
    """What a chunk adds to the message, after so many tool calls."""
    if piece.kind != "tool_calls":
        return {"content": piece.text}
    return {"tool_calls": [{"index": index, **call} for index, call in enumerate(json.loads(piece.text), calls)]}


def one_call(piece: Piece) -> Piece:
    """The piece with the first of its tool calls alone."""
    if piece.kind != "tool_calls":
        return piece
    return replace(piece, text=json.dumps(json.loads(piece.text)[:1], ensure_ascii=False))


def usage(prompt: int, completion: int) -> Json:
    """The tokens of a completion, as the engine counts them."""
    return {"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": prompt + completion}
