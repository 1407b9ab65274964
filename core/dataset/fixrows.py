"""The row that advice is given on: what is asked, what is answered, and the line that it came from."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import orjson

from core.dataset.edits import with_texts
from core.dataset.examples import Body, Kind, answer_text, dump, load, messages_of, text_of, user_text


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
    return with_texts(row.raw, kind, fields_of(row))


def line_bytes(row: Row, kind: Kind) -> bytes:
    """The line of a row with its line break, as it is written to a file."""
    if kind is Kind.COMPLETION and (row.changed or not row.raw):
        return orjson.dumps({"prompt": row.question, "completion": row.answer}, option=orjson.OPT_APPEND_NEWLINE)
    return f"{line_of(row, kind)}\n".encode()


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
