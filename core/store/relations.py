"""What a dataset's rows have to do with each other, as it was computed last: for which revision, how much, which rows.

The result is replaced as a whole. Its rows are ids, in the order that the finding gave them; a row that was edited or
removed since is still named, so whoever acts on them looks at the rows themselves first.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import Column, ForeignKey, Integer, String, Table, delete, insert, select

from core.dataset.examples import Body, Example, load
from core.store.database import Database, Json, Moment, bulk_insert, metadata, now
from core.store.part import load_dataset, load_examples
from core.store.schema import example

KINDS = ("exact", "near", "contradiction", "leak", "to_train", "company")
_READ_AT_ONCE = 2_000
_WRITTEN_AT_ONCE = 20_000

report = Table(
    "relation_report",
    metadata,
    Column("dataset_id", ForeignKey("dataset.id", ondelete="CASCADE"), primary_key=True),
    Column("revision", Integer, nullable=False),
    Column("rows", Integer, nullable=False),
    Column("made_at", Moment, nullable=False),
    Column("counts", Json, nullable=False),
    Column("labels", Json, nullable=False),
)

group = Table(
    "relation_group",
    metadata,
    Column("dataset_id", ForeignKey("dataset.id", ondelete="CASCADE"), primary_key=True),
    Column("kind", String(20), primary_key=True),
    Column("place", Integer, primary_key=True),
    Column("share", Integer, nullable=False),  # how much is alike, in hundredths of a percent
    Column("rows", Json, nullable=False),
    sqlite_with_rowid=False,
)


@dataclass(frozen=True)
class RelationReport:
    """What was found for one revision of a dataset; `labels` holds [label, rows, meant, rows of that, why]."""

    dataset_id: int
    revision: int
    rows: int
    made_at: datetime
    counts: dict[str, int]
    labels: list[list[Any]]


class Group(NamedTuple):
    """Ids of rows that belong together, and how much they are alike: 1 is the same."""

    rows: tuple[int, ...]
    score: float


class Relations:
    """The rows of the two tables, and the texts that they are computed from."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def texts(self, dataset_id: int) -> Iterator[tuple[int, Body, str]]:
        """The id, body and split of every row whose line is a JSON object, in their order."""
        columns = (example.c.id, example.c.position, example.c.raw, example.c.split)
        last: int | None = None
        while True:
            wanted = select(*columns).where(example.c.dataset_id == dataset_id)
            if last is not None:
                wanted = wanted.where(example.c.position > last)
            with self._database.read() as connection:
                rows = connection.execute(wanted.order_by(example.c.position).limit(_READ_AT_ONCE)).all()
            for id, _position, raw, split in rows:
                body = _body(raw)
                if body is not None:
                    yield id, body, split
            if len(rows) < _READ_AT_ONCE:
                return
            last = rows[-1].position

    def save(
        self,
        dataset_id: int,
        revision: int,
        rows: int,
        counts: Mapping[str, int],
        labels: Sequence[Sequence[Any]],
        groups: Mapping[str, Iterable[Group]],
    ) -> None:
        """Keep a result in place of the one before. Raises NotFound where the dataset is gone."""
        lines = [
            (dataset_id, kind, place, round(found.score * 10_000), f"[{','.join(map(str, found.rows))}]")
            for kind, of_kind in groups.items()
            for place, found in enumerate(of_kind)
        ]
        with self._database.write() as connection:
            load_dataset(connection, dataset_id, lock=True)
            for table in (group, report):
                connection.execute(delete(table).where(table.c.dataset_id == dataset_id))
            facts = {"revision": revision, "rows": rows, "made_at": now(), "counts": dict(counts)}
            connection.execute(insert(report).values(dataset_id=dataset_id, labels=list(map(list, labels)), **facts))
            names = [column.name for column in group.columns]
            for start in range(0, len(lines), _WRITTEN_AT_ONCE):
                bulk_insert(connection, group, names, lines[start : start + _WRITTEN_AT_ONCE])

    def latest(self, dataset_id: int) -> RelationReport | None:
        """The result that was computed last; None where there is none."""
        with self._database.read() as connection:
            row = connection.execute(select(report).where(report.c.dataset_id == dataset_id)).one_or_none()
        return RelationReport(**row._mapping) if row is not None else None

    def groups(self, dataset_id: int, kind: str, start: int = 0, limit: int | None = None) -> list[Group]:
        """Some groups of a kind, from the place `start` on."""
        wanted = select(group.c.rows, group.c.share).where(
            group.c.dataset_id == dataset_id, group.c.kind == kind, group.c.place >= start
        )
        if limit is not None:
            wanted = wanted.where(group.c.place < start + limit)
        with self._database.read() as connection:
            rows = connection.execute(wanted.order_by(group.c.place)).all()
        return [Group(tuple(row.rows), row.share / 10_000) for row in rows]

    def living(self, dataset_id: int, ids: Sequence[int]) -> dict[int, Example]:
        """The rows of a dataset among these ids, as they are now."""
        with self._database.read() as connection:
            found = load_examples(connection, ids)
        return {id: row for id, row in found.items() if row.dataset_id == dataset_id}


def _body(raw: str) -> Body | None:
    try:
        return load(raw)
    except (ValueError, RecursionError):
        return None
