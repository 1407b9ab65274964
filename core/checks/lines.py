"""From one line of a file to its object, with everything that can be wrong on the way."""

from __future__ import annotations

import json
import re

import orjson

from core.checks.bodies import check_body
from core.checks.hygiene import MAX_DEPTH
from core.checks.issues import Issue, make
from core.dataset.examples import Body, Kind
from core.words import T, Text

_BOM = "\ufeff"
_STRINGS = re.compile(r'"(?:[^"\\]|\\.)*"?', re.DOTALL)
_REASONS = {  # how Python's reader begins its complaints
    "Expecting value": T("a value is missing or not in quotes"),
    "Expecting property name": T("a name in double quotes is expected"),
    "Expecting ':'": T("a colon is missing"),
    "Expecting ','": T("a comma is missing"),
    "Illegal trailing comma": T("there is a comma too many"),
    "Unterminated string": T("a text is not closed"),
    "Invalid control character": T("a line break or control character stands in a text"),
    "Invalid \\": T("a backslash stands before a sign it cannot go with"),
    "Extra data": T("something follows behind the end of the object"),
}
_NOT_BRACKETS = re.compile(r"[^\[\]{}]+")


def check_line(raw: str | bytes, kind: Kind | None = None) -> tuple[Body | None, list[Issue]]:
    """The object of a line, None where it holds none, and its issues. Raises nothing, whatever the line holds."""
    body, issues = read_line(raw)
    if body is not None:
        issues += check_body(body, kind)
    return body, issues


def explain(raw: str | bytes, kind: Kind | None = None) -> list[Issue]:
    """The issues of one line."""
    return check_line(raw, kind)[1]


def read_line(raw: str | bytes) -> tuple[Body | None, list[Issue]]:
    """The object of a line and what is wrong with the line itself; the rules of its format are not looked at."""
    issues: list[Issue] = []
    try:
        text = raw.decode() if isinstance(raw, bytes) else raw
    except UnicodeDecodeError as error:
        around = error.object[max(0, error.start - 20) : error.end + 20]
        return None, [make("not_utf8", "", around)]
    if text.startswith(_BOM):
        issues.append(make("byte_order_mark"))
        text = text.removeprefix(_BOM)
    if not text.strip():
        return None, [*issues, make("blank_line")]
    try:
        value = orjson.loads(text)
    except orjson.JSONDecodeError:
        return _read_odd(text, issues)
    return _object(value, issues)


def _read_odd(text: str, issues: list[Issue]) -> tuple[Body | None, list[Issue]]:
    """A line that the strict reader refuses: find out why, and read it where Python's looser reader can."""
    if depth_of(text) > MAX_DEPTH:
        return None, [*issues, make("too_deep", "", text[:60], limit=MAX_DEPTH)]
    try:
        value = json.loads(text)
    except json.JSONDecodeError as error:
        seen = text[max(0, error.pos - 30) : error.pos + 30]
        return None, [*issues, make("not_json", "", seen, column=error.pos + 1, reason=_reason(error.msg))]
    except ValueError:  # an integer of more digits than Python reads
        return None, [*issues, make("not_json", "", text[:60], column=1, reason=T("a number is too long"))]
    return _object(value, issues)


def _reason(said: str) -> Text | str:
    return next((reason for start, reason in _REASONS.items() if said.startswith(start)), said)


def _object(value: object, issues: list[Issue]) -> tuple[Body | None, list[Issue]]:
    if isinstance(value, dict):
        return value, issues
    return None, [*issues, make("not_an_object", "", value)]


def depth_of(text: str) -> int:
    """How deep the brackets of a JSON text are nested; brackets inside its strings do not count."""
    depth = deepest = 0
    for bracket in _NOT_BRACKETS.sub("", _STRINGS.sub("", text)):
        depth += 1 if bracket in "[{" else -1
        deepest = max(deepest, depth)
    return deepest
