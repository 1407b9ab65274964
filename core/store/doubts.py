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
    func,
    insert,
    select,
)

from core.store.asides import Asides, is_aside
from core.store.database import Database, Json, Moment, bulk_insert, metadata, now, plain_text
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
TABLES = (label_report, label_doubt)
KIND = "label"  # of what is set aside: a label that was kept


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

    def waiting(self, dataset_id: int, kept: bool = False) -> int:
        """How many doubts wait for a decision; `kept`: of how many labels it was said that they are right."""
        with self._database.read() as connection:
            wanted = select(func.count()).select_from(label_doubt.join(example, _holds()))
            return int(connection.execute(wanted.where(*_of(dataset_id, kept))).scalar_one())

    def page(self, dataset_id: int, start: int = 0, limit: int = 1, kept: bool = False) -> list[LabelDoubt]:
        """Some of the doubts that wait, or of those whose label was kept, the worst first."""
        columns = [label_doubt.c[name] for name in LabelDoubt._fields]
        wanted = select(*columns).join(example, _holds()).where(*_of(dataset_id, kept)).order_by(label_doubt.c.place)
        with self._database.read() as connection:
            return [LabelDoubt(*row) for row in connection.execute(wanted.offset(start).limit(limit))]

    def mark(self, doubt: LabelDoubt) -> tuple[str, str]:
        """The mark by which the label of a doubt is kept."""
        return KIND, f"{doubt.content_hash} {doubt.given}"

    def keep(self, dataset_id: int, doubt: LabelDoubt) -> None:
        """Remember that this label is right."""
        Asides(self._database).add(dataset_id, [self.mark(doubt)])

    def ask_again(self, dataset_id: int, doubt: LabelDoubt) -> None:
        """Forget that this label was kept."""
        Asides(self._database).take_back(dataset_id, [self.mark(doubt)])


def _holds() -> ColumnElement[bool]:
    """A doubt still belongs to its row: content and label are the same."""
    same = (label_doubt.c.content_hash == example.c.content_hash) & (label_doubt.c.given == example.c.label)
    return (label_doubt.c.example_id == example.c.id) & same


def _of(dataset_id: int, kept: bool) -> tuple[ColumnElement[bool], ...]:
    mark = label_doubt.c.content_hash + " " + label_doubt.c.given
    mine = (label_doubt.c.dataset_id == dataset_id, example.c.dataset_id == dataset_id)
    return *mine, is_aside(dataset_id, KIND, mark, kept)


def _json(alike: Sequence[Sequence[float]]) -> str:
    return "[" + ",".join(f"[{int(row)},{like}]" for row, like in alike) + "]"
