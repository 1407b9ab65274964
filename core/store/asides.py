"""Finds that a person has set aside: looked at, and fine as they are.

A mark names a kind of find and the content that it was found in, never a row by its number: it holds through reloads
and later searches, and for the same text wherever it stands. Once the text is another, the question is back.
"""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import Column, ColumnElement, ForeignKey, Integer, String, Table, delete, exists, select

from core.store.database import Database, insert_missing, metadata, plain_text

set_aside = Table(
    "set_aside",
    metadata,
    Column("dataset_id", Integer, ForeignKey("dataset.id", ondelete="CASCADE"), primary_key=True),
    Column("kind", String(40), primary_key=True),
    Column("content", plain_text(), primary_key=True),
)


class Asides:
    """The marks of all datasets. A mark is (kind, content)."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, dataset_id: int, marks: Iterable[tuple[str, str]]) -> None:
        """Set finds aside; those that are set aside already stay so."""
        rows = [{"dataset_id": dataset_id, "kind": kind, "content": content} for kind, content in marks]
        if rows:
            with self._database.write() as connection:
                connection.execute(insert_missing(connection, set_aside), rows)

    def take_back(self, dataset_id: int, marks: Iterable[tuple[str, str]]) -> None:
        """Ask about these finds again."""
        with self._database.write() as connection:
            for kind, content in marks:
                connection.execute(delete(set_aside).where(_mark(dataset_id, kind, content)))

    def marks(self, dataset_id: int) -> set[tuple[str, str]]:
        """All that is set aside in a dataset."""
        wanted = select(set_aside.c.kind, set_aside.c.content).where(set_aside.c.dataset_id == dataset_id)
        with self._database.read() as connection:
            return {(row.kind, row.content) for row in connection.execute(wanted)}


def is_aside(
    dataset_id: int, kind: ColumnElement[str] | str, content: ColumnElement[str], wanted: bool = True
) -> ColumnElement[bool]:
    """Whether a find is set aside, as a part of another question; `wanted` False: whether it is not."""
    found = exists().where(_mark(dataset_id, kind, content))
    return found if wanted else ~found


def _mark(dataset_id: int, kind: ColumnElement[str] | str, content: ColumnElement[str] | str) -> ColumnElement[bool]:
    return (set_aside.c.dataset_id == dataset_id) & (set_aside.c.kind == kind) & (set_aside.c.content == content)
