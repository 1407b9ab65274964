"""An example as the model sees it: token by token, what is learnt, and where it is cut off.

Texts of all pieces together are exactly the example's texts (for a model's own tokenizer: the text that its chat
template writes), and their tokens are those of `count_body`.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any

from core.dataset.examples import Body
from core.tokens.counting import LONG_BLANK, PER_EXAMPLE, PER_MESSAGE, PER_NAME, Counter, counter, pieces_of
from core.tokens.encodings import encoding
from core.tokens.images import tokens_of_image
from core.tokens.own import OwnCounter, Reading
from core.tokens.tools import functions_of
from core.words import T, Text

LEAD, TRAIL = 1_500, 300  # pieces that are kept of a long turn, at its beginning and at its end


@dataclass(frozen=True)
class Piece:
    """One token, or a few that only together make whole characters. Without text: what the format itself costs.

    label: what stands there instead of text. trained: it carries loss. cut: it lies beyond the limit.
    """

    text: str
    tokens: int
    trained: bool = False
    cut: bool = False
    special: bool = False
    label: Text | str = ""


Keep = Callable[[Iterable[Piece]], tuple[Piece, ...]]


@dataclass(frozen=True)
class Segment:
    """One turn. branch: "preferred" or "rejected" for the two answers of a pair. weighed: False for weight 0."""

    role: str
    pieces: tuple[Piece, ...]
    branch: str = ""
    weighed: bool = True

    @property
    def tokens(self) -> int:
        """Tokens of the turn, with what the format adds."""
        return sum(piece.tokens for piece in self.pieces)


@dataclass(frozen=True)
class Seen:
    """The turns of an example. refused: why the model's own template could not be used."""

    segments: tuple[Segment, ...]
    limit: int
    refused: Text | str = ""

    def _sum(self, pieces: Iterable[Piece]) -> int:
        return sum(piece.tokens for piece in pieces)

    @property
    def pieces(self) -> Iterator[Piece]:
        """All pieces in their order."""
        return (piece for segment in self.segments for piece in segment.pieces)

    @property
    def text(self) -> str:
        """The text of all pieces."""
        return "".join(piece.text for piece in self.pieces)

    @property
    def tokens(self) -> int:
        """Tokens of the whole example."""
        return self._sum(self.pieces)

    @property
    def trained(self) -> int:
        """Tokens that carry loss and are not cut off."""
        return self._sum(piece for piece in self.pieces if piece.trained and not piece.cut)

    @property
    def cut(self) -> int:
        """Tokens that lie beyond the limit."""
        return self._sum(piece for piece in self.pieces if piece.cut)


def seen(body: Body, encoding_name: str, limit: int, *, short: bool = False) -> Seen:
    """An example of any kind as the model sees it; `short` leaves the middle of very long turns out."""
    count = counter(encoding_name)
    keep: Keep = _short if short else tuple
    refused: Text | str = ""
    if isinstance(count, OwnCounter):
        readings = count.readings(body)
        refused = next((reading.refused for reading in readings if reading.refused), "")
        segments = [turn for at, reading in enumerate(readings) for turn in _read(count, reading, at, limit, keep)]
        if len(readings) == 2:
            segments = _branches(segments, body)
    else:
        segments = list(_Cookbook(count, limit, keep).example(body))
    return Seen(tuple(segments), limit, refused)


def _short(pieces: Iterable[Piece]) -> tuple[Piece, ...]:
    """The first and the last pieces of a turn; how many tokens stand between them, seen and cut off."""
    first: list[Piece] = []
    last: deque[Piece] = deque()
    left_out: dict[tuple[bool, bool], int] = {}
    for piece in pieces:
        if len(first) < LEAD:
            first.append(piece)
            continue
        last.append(piece)
        if len(last) > TRAIL:
            gone = last.popleft()
            left_out[gone.cut, gone.trained] = left_out.get((gone.cut, gone.trained), 0) + gone.tokens
    gaps = (
        Piece("", tokens, trained, cut, label=T("… {n} {n:token|tokens} …", n=f"{tokens:,}"))
        for (cut, trained), tokens in sorted(left_out.items())
    )
    return (*first, *gaps, *last)


class _Cookbook:
    """The pieces of an example as counting.Counter counts it, with the place of each against the limit."""

    def __init__(self, count: Counter, limit: int, keep: Keep) -> None:
        self.count, self.limit, self.keep = count, limit, keep
        self.encoding = encoding(count.name)
        self.at = 0

    def example(self, body: Body) -> Iterator[Segment]:
        """The turns of an example of any kind."""
        if "preferred_output" in body or "non_preferred_output" in body:
            yield from self._pair(body)
        elif isinstance(body.get("messages"), list):
            yield from self._tools(body)
            yield from self._messages(body["messages"])
            yield self._end()
        else:
            for key in ("prompt", "completion"):
                yield Segment(key, self.keep(self._text(body.get(key), key == "completion")))

    def _pair(self, body: Body) -> Iterator[Segment]:
        given = body.get("input")
        if isinstance(given, dict):
            yield from self._tools(given)
            yield from self._messages(given.get("messages"))
        yield self._end()
        begin = self.at
        for key, branch in (("preferred_output", "preferred"), ("non_preferred_output", "rejected")):
            self.at = begin
            for segment in self._messages(body.get(key)):
                yield replace(segment, branch=branch)

    def _end(self) -> Segment:
        return Segment("", (self._frame(PER_EXAMPLE),))

    def _frame(self, tokens: int, label: Text | str = "") -> Piece:
        self.at += tokens
        return Piece("", tokens, cut=self.at > self.limit, special=True, label=label)

    def _tools(self, body: Body) -> Iterator[Segment]:
        tokens = self.count.tools(body)
        if tokens:
            names = ", ".join(str(function.get("name"))[:64] for function in functions_of(body)[:20])
            yield Segment("tools", (self._frame(tokens, names),))

    def _messages(self, messages: Any) -> Iterator[Segment]:
        for message in messages if isinstance(messages, list) else ():
            if isinstance(message, dict):
                role = message.get("role")
                weighed = message.get("weight") != 0 or role != "assistant"
                learnt = role == "assistant" and weighed
                yield Segment(str(role), self.keep(self._message(message, learnt)), weighed=weighed)

    def _message(self, message: dict[str, Any], learnt: bool) -> Iterator[Piece]:
        frame = PER_MESSAGE + self._cost(message.get("role"))
        if "name" in message:
            frame += PER_NAME + self._cost(message["name"])
        yield self._frame(frame)
        content = message.get("content")
        for part in content if isinstance(content, list) else ():
            if isinstance(part, dict):
                if part.get("type") == "image_url":
                    yield self._frame(tokens_of_image(part), T("image"))
                else:
                    yield from self._text(part.get("text"), learnt)
        yield from self._text(content, learnt)
        calls = message.get("tool_calls")
        called = [call.get("function") for call in calls if isinstance(call, dict)] if isinstance(calls, list) else []
        for function in (*called, message.get("function_call")):
            if isinstance(function, dict):
                yield from self._text(function.get("name"), learnt)
                yield from self._text(function.get("arguments"), learnt)

    def _cost(self, value: Any) -> int:
        return self.count.text(value) if isinstance(value, str) else 0

    def _text(self, text: Any, learnt: bool) -> Iterator[Piece]:
        """The tokens of a text; those that split a character between them stay together."""
        if not isinstance(text, str):
            return
        held, tokens = b"", 0
        for part in pieces_of(text) if len(text) > LONG_BLANK else (text,):
            for token in self.encoding.encode_ordinary(part):
                held, tokens = held + self.encoding.decode_single_token_bytes(token), tokens + 1
                try:
                    shown = held.decode()
                except UnicodeDecodeError:
                    continue
                self.at += tokens
                yield Piece(shown, tokens, learnt, self.at > self.limit)
                held, tokens = b"", 0


def _read(count: OwnCounter, reading: Reading, branch: int, limit: int, keep: Keep) -> Iterator[Segment]:
    """The turns of a text that a model's own tokenizer reads."""
    special = count.own.special
    turns = [*reading.turns] if reading.turns and reading.turns[0][0] == 0 else [(0, ""), *reading.turns]
    ends = [begin for begin, _role in turns[1:]] + [len(reading.text)]
    learnt = [span for span, weighed in zip(reading.answers, reading.weights, strict=True) if weighed]
    greyed = [span for span, weighed in zip(reading.answers, reading.weights, strict=True) if not weighed]
    groups = list(_groups(count.own.tokens(reading), len(reading.text)))
    place = at = 0
    for (begin, role), end in zip(turns, ends, strict=True):
        pieces = []
        while place < len(groups) and (groups[place][0] < end or end == len(reading.text)):
            start, stop, tokens = groups[place]
            place += 1
            at += tokens
            if start < reading.skip:
                continue
            text = reading.text[start:stop]
            trained = any(start < e and stop > b for b, e in learnt)
            pieces.append(Piece(text, tokens, trained, at > limit, text in special))
        if pieces:
            weighed = not any(begin < e and end > b for b, e in greyed)
            yield Segment(role, keep(pieces), "second" if branch else "", weighed)


def _groups(spans: list[tuple[int, int]], length: int) -> Iterator[tuple[int, int, int]]:
    """Tokens as (begin, end, how many), without gap or overlap: those that share a character stay together."""
    at = held = 0
    reach = 0
    for begin, end in spans:
        if begin >= reach and (held or reach > at) and end > begin:
            yield at, reach, held
            at, held = reach, 0
        if begin > at and not held:
            yield at, begin, 0
            at = begin
        held += 1
        reach = max(reach, end, at)
    if held or reach > at:
        yield at, max(reach, at), held
        at = max(reach, at)
    if at < length:
        yield at, length, 0


def _branches(segments: list[Segment], body: Body) -> list[Segment]:
    """Name the two answers of a pair."""
    output = body.get("preferred_output")
    answers = len([m for m in output if isinstance(m, dict)]) if isinstance(output, list) else 0
    second = next((at for at, segment in enumerate(segments) if segment.branch), len(segments))
    return [
        replace(segment, branch="rejected" if segment.branch else "preferred" if at >= second - answers else "")
        for at, segment in enumerate(segments)
    ]
