"""How a dataset was split: what was asked for, so that new rows join in the same way, and whether its test set is
locked. The rows' own parts stand in the rows."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import Boolean, Column, Connection, ForeignKey, Integer, Table, Text, select, update

from core.dataset.examples import Split
from core.store.database import Database, Json, Moment, insert_missing, metadata, now
from core.store.part import load_dataset
from core.store.schema import example

_READ_AT_ONCE = 5_000
_LOOKED_AT = 100  # rows that tell which columns there are

split_plan = Table(
    "split_plan",
    metadata,
    Column("dataset_id", ForeignKey("dataset.id", ondelete="CASCADE"), primary_key=True),
    Column("validation", Json),
    Column("test", Json),
    Column("seed", Integer, nullable=False),
    Column("stratified", Boolean, nullable=False),
    Column("together", Text, nullable=False),
    Column("locked", Boolean, nullable=False),
    Column("locked_by", Text, nullable=False),
    Column("locked_at", Moment),
)


@dataclass(frozen=True)
class SplitPlan:
    """What is to be held out (a share, or a number of rows), drawn with which seed, what stays together.

    `together` is "" (every row for itself), "question" (the same question), "near" (nearly the same, too), or
    "column:NAME" (the same value in this column of the file).
    """

    validation: float | int = 0.1
    test: float | int = 0
    seed: int = 0
    stratified: bool = True
    together: str = "question"


class Lock(NamedTuple):
    """Who locked a test set, and when."""

    who: str
    at: datetime


class SplitRow(NamedTuple):
    """A row as a split sees it; `together` is the text that the rows of its group share, as it stands there."""

    id: int
    content_hash: str
    label: str
    split: Split
    together: str


class Splits:
    """The plans, the locks, and the rows to be placed."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def plan(self, dataset_id: int) -> SplitPlan | None:
        """What was asked for last; None where this dataset was never split."""
        row = self._row(dataset_id)
        if row is None or row.validation is None:
            return None
        return SplitPlan(row.validation, row.test, row.seed, row.stratified, row.together)

    def keep(self, dataset_id: int, plan: SplitPlan) -> None:
        """Remember what was asked for."""
        self._write(dataset_id, vars(plan))

    def lock(self, dataset_id: int) -> Lock | None:
        """The lock of the test set; None where it is open."""
        row = self._row(dataset_id)
        return Lock(row.locked_by, row.locked_at) if row is not None and row.locked else None

    def set_lock(self, dataset_id: int, locked: bool, who: str) -> None:
        """Lock or unlock the test set: while it is locked none of its rows can be moved out of it."""
        self._write(dataset_id, {"locked": locked, "locked_by": who, "locked_at": now()})

    def _row(self, dataset_id: int) -> Any:
        with self._database.read() as connection:
            return connection.execute(select(split_plan).where(split_plan.c.dataset_id == dataset_id)).one_or_none()

    def _write(self, dataset_id: int, values: dict[str, Any]) -> None:
        fresh = {"seed": 0, "stratified": True, "together": "", "locked": False, "locked_by": ""}
        with self._database.write() as connection:
            load_dataset(connection, dataset_id, lock=True)
            connection.execute(insert_missing(connection, split_plan).values(dataset_id=dataset_id, **fresh))
            connection.execute(update(split_plan).where(split_plan.c.dataset_id == dataset_id).values(**values))

    def rows(self, dataset_id: int, together: str = "") -> Iterator[SplitRow]:
        """Every row in its order, with its question or with its cell of a column."""
        text = {"": None, "question": example.c.question}.get(together, example.c.origin)
        column = together.removeprefix("column:")
        names = [example.c[name] for name in ("id", "content_hash", "label", "split", "position")]
        wanted = select(*names, *([] if text is None else [text])).where(example.c.dataset_id == dataset_id)
        last = -1
        while True:
            page = wanted.where(example.c.position > last).order_by(example.c.position).limit(_READ_AT_ONCE)
            with self._database.read() as connection:
                rows = connection.execute(page).all()
            for row in rows:
                shared = "" if text is None else row[5] if together == "question" else _cell(row[5], column)
                yield SplitRow(row.id, row.content_hash, row.label, Split(row.split), shared)
            if len(rows) < _READ_AT_ONCE:
                return
            last = rows[-1].position

    def columns(self, dataset_id: int) -> list[str]:
        """The columns of the file that the rows came from, as far as they were kept."""
        wanted = select(example.c.origin).where(example.c.dataset_id == dataset_id).order_by(example.c.position)
        with self._database.read() as connection:
            origins = connection.execute(wanted.limit(_LOOKED_AT)).scalars().all()
        return list(dict.fromkeys(name for origin in origins if origin for name in origin[3]))


def locked_since(connection: Connection, dataset_id: int) -> datetime | None:
    """Since when the test set of a dataset is locked (None: it is open), as a part of another transaction."""
    wanted = select(split_plan.c.locked_at).where(split_plan.c.dataset_id == dataset_id, split_plan.c.locked)
    return connection.execute(wanted).scalar()


def _cell(origin: Any, column: str) -> str:
    return str(origin[3].get(column, "")).strip() if origin else ""
