"""JSON Lines and JSON files: one object a row, every bad line with its place and reason."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

import orjson

from core.dataset.encodings import damage, open_text, visible
from core.dataset.examples import dump
from core.dataset.readers.containers import as_conversation, cell_of, flat, objects_in
from core.dataset.readers.headers import clean_name
from core.dataset.readers.values import Reject, Row, Source, damaged, excerpt
from core.errors import BadInput
from core.words import T, Text

MAX_DEPTH = 64
MAX_LINE = 1 << 24  # characters
MAX_JSON = 512 << 20  # bytes of a .json file, which is held in memory whole
_BLANK = " \t\r\n\ufeff"
# Between two objects; a list that ends may be followed by another one.
_BETWEEN = re.compile(r"[\s,]*(?:\][\s,]*(?:\[[\s,]*|(?=\{)))*")
_NO_NUMBER = T("NaN and Infinity are no JSON values. Write a number or null.")


class Item(NamedTuple):
    """One object of a file: its number, its JSON text, its value."""

    number: int
    raw: str
    body: dict[str, Any]


def lines(source: Source) -> Iterator[Row | Reject]:
    """The objects of a JSON Lines file, in constant memory; a row's number is its line's."""
    names: dict[str, str] = {}
    for found in items(source):
        yield row_of(found, source.columns, names) if isinstance(found, Item) else found


def items(source: Source) -> Iterator[Item | Reject]:
    """The same without their cells, which takes half the time."""
    with open_text(source.path, source.encoding, newline="\n") as file:
        number = 0
        while line := file.readline(MAX_LINE):
            number += 1
            if len(line) == MAX_LINE and not line.endswith("\n"):
                reason = T("The line is longer than {limit} characters.", limit=MAX_LINE)
                yield Reject(number, "", reason, excerpt(line), endless=True)
                while (line := file.readline(MAX_LINE)) and not line.endswith("\n"):
                    pass
                continue
            found = parse_line(number, line)
            if isinstance(found, Item):
                yield found
            elif found:
                yield found.keeping(line.strip("\ufeff\r\n"))


def whole(source: Source) -> Iterator[Row | Reject]:
    """The objects of a JSON file; a row's number is its place in the list."""
    names: dict[str, str] = {}
    for found in whole_items(source):
        yield row_of(found, source.columns, names) if isinstance(found, Item) else found


def parse_line(number: int, line: str) -> Item | Reject | None:
    """One line of JSON Lines: an object, a reason why not, or nothing where it is blank."""
    raw = line.strip("\ufeff").rstrip("\r\n") if line[:1] == "\ufeff" or line[-1:] in "\r\n" else line
    if not raw.strip(_BLANK):
        return None
    if bytes_seen := damage(raw):
        return damaged(number, "", bytes_seen, raw)
    try:
        body = orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        return _bad_json(number, raw, error)
    return _checked(number, raw, body)


def whole_items(source: Source) -> Iterator[Item | Reject]:
    """The objects of a file that is one list of objects, or one object holding such a list. Raises BadInput."""
    if source.size > MAX_JSON:
        raise BadInput(
            T("{file} is larger than {limit} MiB.", file=source.name, limit=MAX_JSON >> 20),
            T("Save it as JSON Lines (one object a line): that has no limit."),
        )
    with open_text(source.path, source.encoding, newline="") as file:
        text = file.read().lstrip("\ufeff")
    try:
        content = orjson.loads(text)
    except (orjson.JSONDecodeError, UnicodeEncodeError):
        yield from _until_the_fault(text)
        return
    for number, value in enumerate(objects_in(content, source.name), start=1):
        yield _checked(number, "", value)


def columns_of(items: Iterable[Item]) -> tuple[str, ...]:
    """The names of all fields, in the order in which they first appear."""
    names: dict[str, str] = {}
    for item in items:
        for key in flat(item.body):
            _name(key, names)
    return tuple(names.values())


def row_of(item: Item, columns: tuple[str, ...], names: dict[str, str]) -> Row:
    cells = dict.fromkeys(columns, "")
    precise: dict[str, Any] | None = None
    for key, value in flat(item.body).items():
        name = names.get(key) or _name(key, names)
        if isinstance(value, str):
            cells[name] = visible(value) if "\0" in value else value
        elif isinstance(value, float) and item.raw:
            # The number as it was written: 1.10 stays 1.10, a long one keeps its digits.
            precise = precise or flat(json.loads(item.raw, parse_float=str, parse_int=str))
            cells[name] = str(precise[key])
        else:
            cells[name] = "" if value is None else cell_of(name, value)
    return Row(item.number, cells, item.raw)


def dump_value(value: Any) -> str:
    """A value that is no text, as compact JSON."""
    return value if isinstance(value, str) else dump(value)


def _name(key: str, names: dict[str, str]) -> str:
    """The clean name of a field; two fields that look the same get different ones."""
    if key not in names:
        wanted = clean_name(key) or f"column {len(names) + 1}"
        name, again = wanted, 2
        while name in names.values():
            name, again = f"{wanted} {again}", again + 1
        names[key] = name
    return names[key]


def _checked(number: int, raw: str, body: Any) -> Item | Reject:
    if isinstance(body, list) and (told := as_conversation(body)):
        raw, body = "", told
    if not isinstance(body, dict):
        reason = T("This is {kind}, not an object in braces.", kind=_kind(body))
        return Reject(number, "", reason, excerpt(raw or dump_value(body))).keeping(raw or dump_value(body))
    # Counting brackets costs little and clears nearly every row; the few others are measured.
    if (not raw or raw.count("[") + raw.count("{") > MAX_DEPTH) and depth(body) > MAX_DEPTH:
        return Reject(number, "", T("The object is nested deeper than {limit} levels.", limit=MAX_DEPTH), excerpt(raw))
    return Item(number, raw or dump(body), body)


def depth(value: Any) -> int:
    """How many brackets are open at the deepest place."""
    level, here = 0, [value]
    while here := [v for v in here if isinstance(v, dict | list)]:
        level += 1
        here = [child for v in here for child in (v.values() if isinstance(v, dict) else v)]
    return level


def _kind(value: Any) -> Text:
    if isinstance(value, list):
        return T("a list")
    if isinstance(value, str):
        return T("a text")
    return T("an empty value") if value is None else T("a bare value")


def _bad_json(number: int, raw: str, error: json.JSONDecodeError) -> Reject:
    place = error.pos + 1
    if re.search(r"\b(NaN|-?Infinity)\b", raw) and _parses(raw):
        reason = _NO_NUMBER
    elif "surrogate" in error.msg:
        reason = T("Half a character (a lone surrogate) stands at character {place}. Write it whole.", place=place)
    elif "depth" in error.msg:
        reason = T("The object is nested deeper than {limit} levels.", limit=MAX_DEPTH)
    else:
        reason = T("No valid JSON at character {place}: {fault}.", place=place, fault=error.msg)
    start = max(0, error.pos - 20)
    return Reject(number, "", reason, excerpt(raw[start : start + 60]))


def _parses(raw: str) -> bool:
    try:
        json.loads(raw)
    except (ValueError, RecursionError):
        return False
    return True


def _until_the_fault(text: str) -> Iterator[Item | Reject]:
    """The objects of a broken list, or of objects or lists one behind the other, up to the place where it breaks, then
    the reason."""
    decoder = json.JSONDecoder(parse_constant=_refuse)
    place, number = _beginning(decoder, text), 0
    while place is not None:
        place = _BETWEEN.match(text, place).end()  # type: ignore[union-attr]  # it matches nothing at least
        if place == len(text):
            break
        if text[place] == "]":
            if text.lstrip()[0] == "[" and text[place + 1 :].strip():
                yield _fault(number + 1, text, place + 1, "Extra data")
            break
        number += 1
        try:
            value, end = decoder.raw_decode(text, place)
            if damage(text[place:end]):
                yield damaged(number, "", damage(text[place:end]), text[place:end])
            elif damage(json.dumps(value, ensure_ascii=False)):
                yield Reject(
                    number, "", T("Half a character (a lone surrogate) stands in it."), excerpt(text[place:end])
                )
            else:
                yield _checked(number, "", value)
            place = end
        except json.JSONDecodeError as error:
            yield _fault(number, text, error.pos, error.msg).keeping(text[place:])
            return
        except _NotANumber:
            yield Reject(number, "", _NO_NUMBER, excerpt(text[place:])).keeping(text[place:])
            return
        except RecursionError:
            yield Reject(number, "", T("The object is nested deeper than {limit} levels.", limit=MAX_DEPTH))
            return
    if not number:
        yield _fault(1, text, 0, "no list")


def _beginning(decoder: json.JSONDecoder, text: str) -> int | None:
    """Where the first object stands: at the beginning, where one is whole there, else behind the first bracket."""
    start = len(text) - len(text.lstrip())
    try:
        if text[start : start + 1] == "{" and decoder.raw_decode(text, start):
            return start
    except (ValueError, RecursionError):
        pass
    return text.find("[") + 1 or None


class _NotANumber(ValueError):
    """NaN or Infinity was met."""


def _refuse(_constant: str) -> None:
    raise _NotANumber


def _fault(number: int, text: str, place: int, message: str) -> Reject:
    line = text.count("\n", 0, place) + 1
    column = place - text.rfind("\n", 0, place)
    reason = T(
        "No valid JSON at line {line}, character {place}: {fault}. Nothing after it could be read.",
        line=line,
        place=column,
        fault=message,
    )
    return Reject(number, "", reason, excerpt(text[max(0, place - 20) : place + 40]))
