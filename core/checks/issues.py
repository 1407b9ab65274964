"""The issue: one thing found in an example or a set, said so that a person knows what to do."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

from core.checks.rule import Severity
from core.checks.table import RULES
from core.words import T, Text, _

SEEN = 120  # characters of what was seen that an issue carries
PATH = 200  # characters of its path
PARAM = 60  # characters of anything else that its sentence names


@dataclass(frozen=True)
class Issue:
    """One finding: `field` is the path inside the example, `where` the line ("line 7") or the example's id."""

    code: str
    severity: Severity
    field: str = ""
    seen: str = ""
    where: str = ""
    params: Mapping[str, Any] = dataclasses.field(default_factory=dict)

    @property
    def sentence(self) -> str:
        """What was found and what to do, in the current language."""
        return f"{self.found} {self.advice}"

    @property
    def found(self) -> str:
        """What was found, in the current language."""
        return _(RULES[self.code].found.sentence, **self._values)

    @property
    def advice(self) -> str:
        """What to do about it, in the current language."""
        return _(RULES[self.code].advice.sentence, **self._values)

    @property
    def line(self) -> int | None:
        """The line of the file, counted from 1; None for an issue of a set or of a stored example."""
        number = self.where.removeprefix("line ")
        return int(number) if number != self.where else None

    @property
    def place(self) -> str:
        """Where it is, in the current language: line and field, as far as they are known."""
        line = str(T("line {number}", number=self.line)) if self.line else self.where
        return ", ".join(part for part in (line, self.field) if part)

    def at(self, where: str) -> Issue:
        """The same issue, found there."""
        return replace(self, where=where)

    def as_json(self) -> dict[str, str]:
        """The issue as plain values, its sentence in the current language."""
        return {
            "code": self.code,
            "severity": str(self.severity),
            "where": self.where,
            "field": self.field,
            "seen": self.seen,
            "sentence": self.sentence,
        }

    @property
    def _values(self) -> dict[str, Any]:
        return {"field": self.field, "seen": self.seen, **self.params}


def make(code: str, field: str = "", seen: Any = "", /, **params: Any) -> Issue:
    """An issue of this code, its severity taken from the table."""
    shown = {name: value if isinstance(value, int | Text) else visible(value, PARAM) for name, value in params.items()}
    return Issue(code, RULES[code].severity, visible(field, PATH), visible(seen), params=shown)


class Findings(list[Issue]):
    """A growing list of issues, with the path inside the example that the rules are at."""

    def __init__(self) -> None:
        super().__init__()
        self.path = ""

    def add(self, code: str, key: str = "", seen: Any = "", /, **params: Any) -> None:
        """Write down a finding at the current path, or at a key below it."""
        self.append(make(code, join(self.path, key), seen, **params))

    @contextmanager
    def inside(self, key: str) -> Iterator[None]:
        """Look at what is below this key."""
        outer = self.path
        self.path = join(outer, key)
        try:
            yield
        finally:
            self.path = outer


def join(path: str, key: str) -> str:
    """A path and the key below it: "messages" and "[2]" make "messages[2]"."""
    if not path or not key or key.startswith("["):
        return path + key
    return f"{path}.{key}"


def visible(value: Any, limit: int = SEEN) -> str:
    """A value as text of at most `limit` characters: clipped, control characters and lone surrogates as escapes."""
    if isinstance(value, str):
        text = value[: limit + 1]
    elif isinstance(value, bytes):
        text = value[: limit + 1].decode("utf-8", "backslashreplace")
    elif isinstance(value, dict | list):
        text = _shape(value)
    else:
        text = _scalar(value)
    text = text if text.isprintable() else "".join(map(_shown, text))
    return text if len(text) <= limit else text[: limit - 1] + "…"


def _scalar(value: Any) -> str:
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, int) and value.bit_length() > 1024:
        return hex(value)  # Python refuses to write very long integers in decimal
    return str(value) if isinstance(value, int | float) else f"<{type(value).__name__}>"


def _shown(char: str) -> str:
    if char.isprintable() or char == "\u3000":
        return char
    return char.encode("unicode_escape").decode("ascii")


def _shape(value: dict[str, Any] | list[Any]) -> str:
    """The outline of an object or a list, made without walking into it (it may be as deep as it likes)."""
    if isinstance(value, dict):
        keys = ", ".join(key[:30] if isinstance(key, str) else _scalar(key) for key in list(value)[:6])
        return "{" + keys + (", …" if len(value) > 6 else "") + "}"
    return f"[{len(value)}]"
