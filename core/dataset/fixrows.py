"""The rows that advice is given on: what is asked, what is answered, and the line that it came from.

A thousand at a time they are held as columns: whatever is done to all of them is then one pass over a list of texts.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import compress
from typing import Any, NamedTuple

import orjson

from core.dataset.examples import Body, Kind, answer_text, dump, load, messages_of, text_of, user_text

CHUNK = 1_000


class Row(NamedTuple):
    """One example as the preparer sees it.

    `rest` is what else belongs to it: earlier turns, instruction and tools of a chat; of a completion the keys that
    should not be there. `frozen` marks an answer that is not plain text (a tool call, a pair of answers): it is never
    rewritten. `raw` is the line it came from, empty where it came from a table; `changed` says that it no longer fits.
    """

    id: int
    question: str
    answer: str
    rest: str = ""
    raw: str = ""
    frozen: bool = False
    changed: bool = False

    def having(self, question: str, answer: str) -> Row:
        """The same row with other texts."""
        return Row(self.id, question, answer, self.rest, self.raw, self.frozen, True)


class Columns(NamedTuple):
    """Rows that stand one below the other: each field of `Row` as a column."""

    ids: Sequence[int]
    questions: Sequence[str]
    answers: Sequence[str]
    rests: Sequence[str]
    raws: Sequence[str]
    frozen: Sequence[bool]
    changed: Sequence[bool]

    @classmethod
    def plain(cls, ids: Sequence[int], questions: Sequence[str], answers: Sequence[str]) -> Columns:
        """Rows that came from a table."""
        nothing, no = ("",) * len(ids), (False,) * len(ids)
        return cls(ids, questions, answers, nothing, nothing, no, no)

    def rows(self) -> Iterator[Row]:
        """The rows one by one."""
        return map(Row, *self)

    def having(self, questions: Sequence[str] | None = None, answers: Sequence[str] | None = None) -> Columns:
        """The same rows with other texts, each of them counted as changed."""
        return self._replace(
            questions=self.questions if questions is None else questions,
            answers=self.answers if answers is None else answers,
            changed=(True,) * len(self.ids),
        )

    def where(self, wanted: Iterable[object]) -> Columns:
        """The rows at these places, where a truth stands for each."""
        chosen = tuple(map(bool, wanted))
        return self if all(chosen) else Columns._make(tuple(compress(column, chosen)) for column in self)


Rows = Iterable[Row | Columns]


def chunks(rows: Rows) -> Iterator[Columns]:
    """The rows as columns: single ones a thousand at a time, others as they come."""
    single: list[Row] = []
    for row in rows:
        if isinstance(row, Row):
            single.append(row)
        if single and (len(single) == CHUNK or not isinstance(row, Row)):
            yield Columns(*zip(*single, strict=True))
            single.clear()
        if isinstance(row, Columns) and row.ids:
            yield row
    if single:
        yield Columns(*zip(*single, strict=True))


def rows_in(rows: Rows) -> Iterator[Row]:
    """The rows one by one."""
    for chunk in chunks(rows):
        yield from chunk.rows()


def row_of(number: int, raw: str, kind: Kind) -> Row:
    """The row of a line in a training format."""
    try:
        body = load(raw)
    except ValueError:
        return Row(number, "", "", raw, raw, True)
    if kind is Kind.COMPLETION:
        question, answer = (_as_text(body.get(key)) for key in ("prompt", "completion"))
        extra = [key for key in body if key not in ("prompt", "completion")]
        whole = all(isinstance(body.get(key), str) for key in ("prompt", "completion"))
        return Row(number, question, answer, ", ".join(extra), raw, False, not whole)
    return _chat_row(number, raw, body, kind)


def line_of(row: Row, kind: Kind) -> str:
    """The line of a row: as it came where nothing of it was changed."""
    if row.raw and not row.changed:
        return row.raw
    if kind is Kind.COMPLETION:
        return dump({"prompt": row.question, "completion": row.answer})
    from core.dataset.edits import with_texts

    return with_texts(row.raw, kind, fields_of(row))


def lines_of(chunk: Columns, kind: Kind) -> bytes:
    """The lines of rows as they are written to a file, each with its line break."""
    if kind is Kind.COMPLETION and (all(chunk.changed) or not any(chunk.raws)):
        pairs = zip(chunk.questions, chunk.answers, strict=True)
        listed = orjson.dumps([{"prompt": question, "completion": answer} for question, answer in pairs])
        # Inside a text every quote has a backslash before it, so this stands between two rows and nowhere else.
        return listed[1:-1].replace(b'"},{"prompt":"', b'"}\n{"prompt":"') + b"\n"
    return "".join(f"{line_of(row, kind)}\n" for row in chunk.rows()).encode()


def fields_of(row: Row) -> dict[str, str]:
    """The texts of a row under the names that edits give them."""
    return {"user": row.question, "assistant": row.answer}


def _chat_row(number: int, raw: str, body: Body, kind: Kind) -> Row:
    messages = messages_of(body)
    last: Mapping[str, Any] = messages[-1] if messages else {}
    called = last.get("tool_calls") or last.get("function_call")
    plain = isinstance(last.get("content"), str | None) and last.get("role") == "assistant" and not called
    if kind is not Kind.CHAT or (messages and not plain):
        return Row(number, user_text(body), answer_text(body), raw, raw, True)
    return Row(number, user_text(body), answer_text(body), _others(body, messages), raw)


def _others(body: Body, messages: list[dict[str, Any]]) -> str:
    """All of a chat but its last question and answer."""
    if len(body) == 1 and len(messages) <= 3 and all(len(message) == 2 for message in messages):
        return "\n".join(text_of(m.get("content")) for m in messages if m.get("role") not in ("user", "assistant"))
    asked = max((i for i, m in enumerate(messages) if m.get("role") == "user"), default=-1)
    kept = [m for i, m in enumerate(messages[:-1]) if i != asked]
    weight = messages[-1].get("weight") if messages else None
    return dump({**body, "messages": [*kept, weight]})


def _as_text(value: Any) -> str:
    if isinstance(value, str):
        return value
    return "" if value is None else orjson.dumps(value).decode()
