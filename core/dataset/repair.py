"""Text that is nearly JSON: proposals to mend it, for a person to see and accept. Valid JSON stays as it is."""

from __future__ import annotations

import ast
import json
import re
from collections import Counter
from dataclasses import dataclass
from typing import Any

import orjson

from core.dataset.encodings import damage
from core.dataset.examples import dump
from core.dataset.readers.containers import objects_in
from core.dataset.readers.objects import MAX_DEPTH, depth
from core.errors import BadInput
from core.words import T, Text

LONGEST = 200_000  # characters of a text that is looked at
_STEPS = 2_000_000  # characters the guessing reader may look at before it is stopped: about a second
_PYTHON = re.compile(r"[{\[,:(]\s*'|\b(None|True|False)\b")
_CODE = re.compile(r"\\u([0-9a-fA-F]{4})|\\.", re.DOTALL)
_WORDS = {"None": "null", "True": "true", "False": "false"}
_WORD = re.compile(r"\b(None|True|False)\b")
_STRINGS = re.compile(r'"(?:[^"\\]|\\.)*"', re.DOTALL)
_CONTROL = re.compile(r"[\x00-\x1f]")
_BETWEEN = re.compile(r"[\s,]*")


@dataclass(frozen=True)
class Proposal:
    """What a broken text probably meant: one JSON object a line, what was done, the letters and digits it drops."""

    lines: tuple[str, ...]
    how: Text
    lost: str = ""


def propose(text: str) -> Proposal | None:
    """A proposal for a text that is no JSON object; None where it is one already, or nothing sure can be said."""
    text = text.strip().strip("\ufeff")
    if not text or len(text) > LONGEST or damage(text) or is_object(text):
        return None
    for way in (_one_after_another, raw_characters, _python, _guessed):
        if found := way(text):
            return found
    return None


def is_object(text: str) -> bool:
    """Whether a text is one JSON object."""
    try:
        return isinstance(orjson.loads(text), dict)
    except ValueError:
        return False


def _one_after_another(text: str) -> Proposal | None:
    """Whole objects on one line, each kept letter for letter; a list of them too."""
    decoder, place, lines = json.JSONDecoder(parse_constant=_refuse), 0, list[str]()
    if text.startswith("["):
        return None
    try:
        while place < len(text):
            value, end = decoder.raw_decode(text, place)
            piece = text[place:end]
            if not isinstance(value, dict) or not is_object(piece):
                return None
            lines.append(_CONTROL.sub(" ", piece))  # between tokens: in a text they would be refused
            place = _BETWEEN.match(text, end).end()  # type: ignore[union-attr]  # it matches nothing at least
    except (ValueError, RecursionError):
        return None
    how = T("Each object gets a line of its own.") if len(lines) > 1 else T("The comma behind the object is taken out.")
    return Proposal(tuple(lines), how)


def _refuse(_constant: str) -> None:
    raise ValueError


def raw_characters(text: str) -> Proposal | None:
    """Line breaks and tabs that stand in a text as they are; nothing else is touched."""
    line = _STRINGS.sub(lambda text: _CONTROL.sub(lambda sign: json.dumps(sign[0])[1:-1], text[0]), text)
    line = _CONTROL.sub(" ", line)  # between tokens
    if not is_object(line):
        return None
    return Proposal((line,), T("Line breaks and tabs inside texts are written as \\n and \\t."))


def _python(text: str) -> Proposal | None:
    """What Python prints: single quotes, None, True, False."""
    if not _PYTHON.search(text) or "\\/" in text or "\\ud" in text.lower():
        return None
    try:
        lines = _lines(ast.literal_eval(text), text)
    except (ValueError, SyntaxError, RecursionError, MemoryError, TypeError):
        return None
    return _checked(text, lines, T("It was written as Python prints it: quotes, None, True and False became JSON's."))


class _TooLong(Exception):
    """The guessing reader goes to and fro for too long."""


class _Counted(str):
    """A text that may be looked at only so often; some broken ones take the reader quadratic time."""

    left = _STEPS

    def __getitem__(self, place: Any) -> str:
        self.left -= 1
        if self.left < 0:
            raise _TooLong
        return str.__getitem__(self, place)


def _guessed(text: str) -> Proposal | None:
    """Everything else: missing quotes, brackets and commas, comments, a cut end."""
    import json_repair

    try:
        lines = _lines(json_repair.loads(_Counted(text), skip_json_loads=True), text)
    except (_TooLong, ValueError, TypeError, RecursionError, IndexError, AttributeError):
        return None
    return _checked(text, lines, T("Quotes, commas and brackets were put right."))


def _checked(text: str, lines: tuple[str, ...] | None, how: Text) -> Proposal | None:
    return Proposal(lines, how, lost(text, "".join(lines))) if lines else None


def _lines(value: Any, text: str) -> tuple[str, ...] | None:
    """The objects of a value as lines that are JSON for certain; None where there is none, or too deep ones."""
    spaced = ": " in text
    if not isinstance(value, dict | list) or depth(value) > MAX_DEPTH:
        return None
    try:
        values = objects_in(value, "") if isinstance(value, list) else [value]
        lines = tuple(_written(item, spaced) for item in values if isinstance(item, dict) and item)
    except (BadInput, ValueError, TypeError):
        return None
    same = len(lines) == len(values) and all(is_object(line) and "\n" not in line for line in lines)
    return lines if lines and same else None


def _written(item: dict[str, Any], spaced: bool) -> str:
    """An object as a line, with blanks where the text had them, so that only the repair differs."""
    line = dump(item)
    return json.dumps(orjson.loads(line), ensure_ascii=False) if spaced and line.find("\\u") < 0 else line


def lost(before: str, after: str) -> str:
    """The letters and digits of a text that are not in what became of it, in their order, the first 40 of them."""
    words = _WORD.sub(lambda word: _WORDS[word[0]], before)
    left = Counter(character for character in _decoded(after) if character.isalnum())
    gone = []
    for character in _decoded(words):
        if character.isalnum():
            if left[character]:
                left[character] -= 1
            else:
                gone.append(character)
    return "".join(gone[:40])


def _decoded(text: str) -> str:
    """A text with its escapes resolved, roughly: enough to count letters."""
    return _CODE.sub(lambda code: chr(int(code[1], 16)) if code[1] else " ", text)


@dataclass(frozen=True)
class Piece:
    """A stretch of a difference: what stood there, what stands there now; equal where nothing changed."""

    before: str
    after: str


SHOWN = 1_500  # characters of either side that are compared
_AROUND = 24  # characters shown before and after a change


def difference(before: str, after: str) -> list[Piece]:
    """What changed, stretch by stretch, for a person to see; long stretches that are the same are cut in the middle."""
    from rapidfuzz.distance import Levenshtein

    before, after = _cut(before), _cut(after)
    pieces: list[Piece] = []
    for step in Levenshtein.opcodes(before, after):
        old, new = before[step.src_start : step.src_end], after[step.dest_start : step.dest_end]
        if step.tag == "equal" and len(old) > 2 * _AROUND + 8:
            head = "" if not pieces else old[:_AROUND]
            old = new = f"{head} … {old[-_AROUND:]}" if step.src_end < len(before) else f"{old[:_AROUND]} …"
        pieces.append(Piece(old, new))
    return pieces


def _cut(text: str) -> str:
    return text if len(text) <= SHOWN else text[:SHOWN] + "…"
