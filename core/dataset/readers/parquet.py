"""Parquet files: opened in a child process, a batch of rows at a time, each row an object as in JSON Lines."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import orjson

from core.dataset.readers import objects, parquet_child
from core.dataset.readers.children import Child
from core.dataset.readers.values import Reject, Row, Source
from core.errors import BadInput
from core.words import T

MAGIC = b"PAR1"
_CHILD = Path(parquet_child.__file__)


def head(path: Path, name: str, limit: int) -> tuple[int, tuple[str, ...], list[objects.Item | Reject]]:
    """How many rows a file has, the names of its columns, its first rows. Raises BadInput where it is broken."""
    with _child(path, name) as lines:
        count, columns = orjson.loads(next(lines, b"[0,[]]"))
        found = [item for item, _number in zip(_items(lines), range(limit), strict=False)]
    return count, tuple(columns), found


def rows(source: Source) -> Iterator[Row | Reject]:
    """Every row; its number is its place in the file. Raises BadInput where the file breaks off."""
    names: dict[str, str] = {}
    with _child(source.path, source.name) as lines:
        next(lines, b"")
        for found in _items(lines):
            yield objects.row_of(found, source.columns, names) if isinstance(found, objects.Item) else found


def _items(lines: Iterator[bytes]) -> Iterator[objects.Item | Reject]:
    for number, line in enumerate(lines, start=1):
        found = objects.parse_line(number, line.decode())
        if found is not None:
            yield found


def _child(path: Path, name: str) -> Child:
    return Child(_CHILD, str(path), refuse=lambda _code: _broken(name))


def _broken(name: str) -> BadInput:
    return BadInput(
        T("{file} cannot be opened as Parquet: it is damaged, or unpacks to far more than it should.", file=name),
        T("Write it again, or save it as JSON Lines."),
    )
