"""Whether the objects of a text file are training examples already, and whether a text is JSON at all."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence

import orjson

from core.dataset.examples import Body, Kind, kind_of
from core.dataset.ownrows import kind_of_rows
from core.dataset.readers.containers import as_conversation, objects_in
from core.dataset.readers.objects import Item
from core.dataset.readers.values import Format, Row
from core.dataset.shapes import KINDS, Shape, opened, shape_of
from core.errors import BadInput

_NEARLY = re.compile(r"""\s*\[?\s*\{\s*(?:'[^'\n]{1,60}'|[“”"][^“”"\n]{1,60}[“”"]|[A-Za-z_]\w{0,40})\s*:\s*\S""")


def json_form(head: str, complete: bool) -> Format | None:
    """JSON Lines where most lines are objects, JSON where a bracket opens the file, else neither."""
    start = head.lstrip()
    lines = [line for line in head.split("\n")[:50] if line.strip()]
    values = [_load(line) for line in lines]
    parsed = [value for value in values if isinstance(value, dict)]
    told = len(parsed) + sum(as_conversation(value) is not None for value in values)
    if told * 2 >= len(lines) > 1 or (len(parsed) == 1 == len(lines) and not _is_container(parsed[0])):
        return Format.JSONL
    if start[:1] == "[" and start[1:].lstrip()[:1] in ("{", "]", "["):
        return Format.JSON
    if start[:1] == "{" and start[1:].lstrip()[:1] in ('"', "}"):
        several = sum(line.lstrip().startswith('{"') for line in lines) > len(lines) // 2 and len(lines) > 1
        return Format.JSONL if several or (len(lines) == 1 and not complete) else Format.JSON
    # No JSON yet, but meant to be: read as such, its lines are listed as broken ones that can be repaired.
    if sum(bool(_NEARLY.match(line)) for line in lines) * 2 > len(lines):
        return Format.JSONL
    return Format.JSON if _NEARLY.match(start) else None


def _is_container(body: dict[str, object]) -> bool:
    """Whether one object holds rows, and is no training example itself."""
    try:
        return not any(row is body for row in objects_in(body, ""))
    except BadInput:
        return True


def _load(line: str) -> object:
    try:
        return orjson.loads(line)
    except orjson.JSONDecodeError:
        return None


def of_objects(items: Sequence[Item]) -> tuple[Kind | None, Shape | None]:
    """The format that most of the objects are in: the provider's own, or another tool's."""
    shapes = Counter(found for item in items if (found := shape_of(item.body)) in KINDS)
    shape, count = shapes.most_common(1)[0] if shapes else (None, 0)
    if shape and count * 2 > len(items):
        return KINDS[shape], shape
    kinds = Counter(kind_of(item.body) for item in items)
    kind, count = kinds.most_common(1)[0] if kinds else (None, 0)
    if kind is Kind.COMPLETION and not any(_is_completion(item.body) for item in items):
        return None, None  # prompts whose answers have another name
    return (kind if kind and count * 2 > len(items) else None), None


def _is_completion(body: Body) -> bool:
    return isinstance(body.get("prompt"), str) and "completion" in body


def of_rows(columns: Sequence[str], rows: Sequence[Row]) -> tuple[Kind | None, Shape | None]:
    """The format of the examples that a table holds, by the names of its columns or by what is in its cells."""
    if shape := shape_of(dict.fromkeys(columns, "")):
        return (kind_of_rows(row.cells for row in rows) if shape is Shape.TABLE else KINDS.get(shape)), shape
    shapes = Counter(_of_cells(opened(row.cells)) for row in rows)
    found, count = shapes.most_common(1)[0] if shapes else (None, 0)
    return (KINDS[found], found) if found in KINDS and count * 2 > len(rows) else (None, None)


def _of_cells(body: Body) -> Shape | None:
    if found := shape_of(body):
        return found
    return Shape.MESSAGES if isinstance(body.get("messages"), list) and kind_of(body) is Kind.CHAT else None
