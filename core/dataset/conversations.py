"""Conversations that a table holds in several rows: rows of one id together, turns in their order."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

from core.dataset.examples import Body
from core.dataset.readers.values import Reject, Row
from core.dataset.shapes import SPEAKERS, unknown_speaker
from core.words import T, Text


class Turn(NamedTuple):
    """What one row gives to its conversation."""

    order: str
    row: int
    speaker: str | None  # None: there is no such column, the row holds a question and its answer
    system: str
    user: str
    assistant: str
    label: str


class Conversation(NamedTuple):
    """The rows of one id, in the file's order; `first` is the row it began in."""

    first: Row
    turns: list[Turn]


class Unusable(Exception):
    """A conversation that cannot become an example: its row, and why."""

    def __init__(self, row: int, column: str, reason: Text) -> None:
        super().__init__(row)
        self.row = row
        self.column = column
        self.reason = reason


def grouped(rows: Iterable[tuple[str, Row, Turn] | Reject]) -> Iterator[Conversation | Reject]:
    """Rejected rows at once, then every conversation in the order in which they begin.

    Held in memory, since the rows of one conversation may stand anywhere; the same id in two files is two
    conversations.
    """
    found: dict[tuple[str, str], Conversation] = {}
    for item in rows:
        if isinstance(item, Reject):
            yield item
            continue
        key, row, turn = item
        found.setdefault((row.file, key), Conversation(row, [])).turns.append(turn)
    while found:
        yield found.pop(next(iter(found)))


def messages(turns: list[Turn], speaker_column: str) -> list[Body]:
    """The turns as messages. Raises Unusable."""
    ordered = sorted(turns, key=_order(turns))
    system = next((turn.system for turn in ordered if turn.system.strip()), "")
    out: list[Body] = [{"role": "system", "content": system}] if system else []
    for turn in ordered:
        if turn.speaker is not None:
            out.append(_spoken(turn, speaker_column))
            continue
        pair = (("user", turn.user), ("assistant", turn.assistant))
        out += [{"role": role, "content": text} for role, text in pair if text.strip()]
    roles = {message["role"] for message in out}
    for role, reason in _MISSING.items():
        if role not in roles:
            raise Unusable(turns[0].row, "", reason)
    return out


_MISSING = {
    "user": T("Nobody asks in this conversation."),
    "assistant": T("Nobody answers in this conversation."),
}


def _spoken(turn: Turn, column: str) -> Body:
    role = SPEAKERS.get((turn.speaker or "").strip().casefold())
    if role not in ("user", "assistant", "system"):
        raise Unusable(turn.row, column, unknown_speaker(turn.speaker))
    text = turn.user or turn.assistant
    if not text.strip():
        raise Unusable(turn.row, "", T("A turn of this conversation is empty. Fill the cell, or leave the row out."))
    return {"role": role, "content": text}


def _order(turns: list[Turn]) -> Callable[[Turn], tuple[float, str]]:
    """Numbers by their value, anything else (dates) as it is written; rows without a turn keep their place."""
    try:
        numbers = {turn.order: float(turn.order) for turn in turns if turn.order}
    except ValueError:
        numbers = None
    if numbers is None:
        return lambda turn: (0.0, turn.order)
    return lambda turn: (numbers.get(turn.order, 0.0), "")
