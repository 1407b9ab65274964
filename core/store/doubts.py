"""Labels that are probably wrong, as they were found last, and those that a person has said are right.

A doubt belongs to the content of a row and its label, so one of a row that was edited since is not shown any more. A
label that was kept is not asked about again, in no later search either.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import (
    BigInteger,
    Column,
    ColumnElement,
    Float,
    ForeignKey,
    Integer,
    String,
    Table,
    delete,
    exists,
    func,
    insert,
    select,
)

from core.store.database import Database, Json, Moment, bulk_insert, insert_missing, metadata, now, plain_text
from core.store.part import load_dataset
from core.store.schema import example

label_report = Table(
    "label_report",
    metadata,
    Column("dataset_id", ForeignKey("dataset.id", ondelete="CASCADE"), primary_key=True),
    Column("revision", Integer, nullable=False),
    Column("rows", Integer, nullable=False),
    Column("classes", Integer, nullable=False),
    Column("found", Integer, nullable=False),
    Column("agreed", Float, nullable=False),
    Column("made_at", Moment, nullable=False),
)
label_doubt = Table(
    "label_doubt",
    metadata,
    Column("dataset_id", ForeignKey("dataset.id", ondelete="CASCADE"), primary_key=True),
    Column("place", Integer, primary_key=True),
    Column("example_id", BigInteger, nullable=False),
    Column("content_hash", String(32), nullable=False),
    Column("given", plain_text(), nullable=False),
    Column("suggested", plain_text(), nullable=False),
    Column("given_share", Float, nullable=False),
    Column("suggested_share", Float, nullable=False),
    Column("alike", Json, nullable=False),
)
label_kept = Table(
    "label_kept",
    metadata,
    Column("dataset_id", ForeignKey("dataset.id", ondelete="CASCADE"), primary_key=True),
    Column("content_hash", String(32), primary_key=True),
    Column("label", plain_text(), primary_key=True),
)
TABLES = (label_report, label_doubt, label_kept)


@dataclass(frozen=True)
class LabelReport:
    """What a search looked at: of which revision, how many rows and classes, how many labels it doubts."""

    dataset_id: int
    revision: int
    rows: int
    classes: int
    found: int
    agreed: float
    made_at: datetime


class LabelDoubt(NamedTuple):
    """A doubted label: `place` is its rank, 0 the worst; `alike` holds (row, how much) of the most similar rows."""

    place: int
    example_id: int
    content_hash: str
    given: str
    suggested: str
    given_share: float
    suggested_share: float
    alike: list[list[float]]


class LabelDoubts:
    """The rows of the three tables."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def save(self, report: LabelReport, found: Sequence[LabelDoubt]) -> None:
        """Keep a result in place of the one before; `made_at` is set. Raises NotFound where the dataset is gone."""
        names = ["dataset_id", *LabelDoubt._fields]
        lines = [(report.dataset_id, *doubt[:-1], _json(doubt.alike)) for doubt in found]
        with self._database.write() as connection:
            load_dataset(connection, report.dataset_id, lock=True)
            for table in (label_doubt, label_report):
                connection.execute(delete(table).where(table.c.dataset_id == report.dataset_id))
            connection.execute(insert(label_report).values(**{**vars(report), "made_at": now()}))
            bulk_insert(connection, label_doubt, names, lines)

    def latest(self, dataset_id: int) -> LabelReport | None:
        """The last result; None where nobody has looked yet."""
        with self._database.read() as connection:
            wanted = select(label_report).where(label_report.c.dataset_id == dataset_id)
            row = connection.execute(wanted).one_or_none()
        return LabelReport(**row._mapping) if row is not None else None

    def waiting(self, dataset_id: int) -> int:
        """How many doubts wait for a decision."""
        with self._database.read() as connection:
            wanted = select(func.count()).select_from(label_doubt.join(example, _holds())).where(*_open(dataset_id))
            return int(connection.execute(wanted).scalar_one())

    def page(self, dataset_id: int, start: int = 0, limit: int = 1) -> list[LabelDoubt]:
        """Some of the doubts that wait, the worst first."""
        columns = [label_doubt.c[name] for name in LabelDoubt._fields]
        wanted = select(*columns).join(example, _holds()).where(*_open(dataset_id)).order_by(label_doubt.c.place)
        with self._database.read() as connection:
            return [LabelDoubt(*row) for row in connection.execute(wanted.offset(start).limit(limit))]

    def keep(self, dataset_id: int, doubt: LabelDoubt) -> None:
        """Remember that this label is right."""
        values = {"dataset_id": dataset_id, "content_hash": doubt.content_hash, "label": doubt.given}
        with self._database.write() as connection:
            connection.execute(insert_missing(connection, label_kept).values(**values))

    def ask_again(self, dataset_id: int, doubt: LabelDoubt) -> None:
        """Forget that this label was kept."""
        mine = (label_kept.c.content_hash == doubt.content_hash, label_kept.c.label == doubt.given)
        with self._database.write() as connection:
            connection.execute(delete(label_kept).where(label_kept.c.dataset_id == dataset_id, *mine))


def _holds() -> ColumnElement[bool]:
    """A doubt still belongs to its row: content and label are the same."""
    same = (label_doubt.c.content_hash == example.c.content_hash) & (label_doubt.c.given == example.c.label)
    return (label_doubt.c.example_id == example.c.id) & same


def _open(dataset_id: int) -> tuple[ColumnElement[bool], ...]:
    kept = exists().where(
        label_kept.c.dataset_id == dataset_id,
        label_kept.c.content_hash == label_doubt.c.content_hash,
        label_kept.c.label == label_doubt.c.given,
    )
    return label_doubt.c.dataset_id == dataset_id, example.c.dataset_id == dataset_id, ~kept


def _json(alike: Sequence[Sequence[float]]) -> str:
    return "[" + ",".join(f"[{int(row)},{like}]" for row, like in alike) + "]"
