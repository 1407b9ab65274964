"""What rows hold that not every model takes: their bytes, and the lines that offer tools or show images."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from sqlalchemy import ColumnElement, func, or_, select

from core.store.database import Database
from core.store.schema import example

_READ_AT_ONCE = 500


class Contents:
    """Questions that read every line of a dataset once."""

    def __init__(self, database: Database) -> None:
        self.database = database

    def characters(self, dataset_id: int, split: str | None = None) -> int:
        """Characters of all lines, line breaks included: at most as many as the exported file has bytes."""
        wanted = select(func.sum(func.length(example.c.raw) + 1)).where(*_inside(dataset_id, split))
        with self.database.read() as connection:
            return int(connection.execute(wanted).scalar() or 0)

    def holding(self, dataset_id: int, marks: Sequence[str], split: str | None = None) -> Iterator[str]:
        """The lines that hold one of these texts (the case of letters makes no difference)."""
        found = or_(*(example.c.raw.contains(mark, autoescape=True) for mark in marks))
        where = (*_inside(dataset_id, split), found)
        with self.database.read() as connection:
            ids = list(connection.execute(select(example.c.id).where(*where)).scalars())
        for start in range(0, len(ids), _READ_AT_ONCE):
            some = ids[start : start + _READ_AT_ONCE]
            with self.database.read() as connection:
                lines = list(connection.execute(select(example.c.raw).where(example.c.id.in_(some))).scalars())
            yield from lines


def _inside(dataset_id: int, split: str | None) -> list[ColumnElement[bool]]:
    where = [example.c.dataset_id == dataset_id]
    return where if split is None else [*where, example.c.split == str(split)]
