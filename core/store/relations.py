"""What a dataset's rows have to do with each other, as it was computed last: for which revision, how much, which rows.

The result is replaced as a whole. Its rows are ids, in the order that the finding gave them; a row that was edited or
removed since is still named, so whoever acts on them looks at the rows themselves first. What was set aside is not in
the counts, the labels and the groups, but where it is asked for.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from hashlib import blake2b
from typing import Any, NamedTuple

from sqlalchemy import Column, ForeignKey, Integer, String, Table, delete, insert, select

from core.dataset.examples import Body, Example, load
from core.store.asides import Asides, is_aside
from core.store.database import Database, Json, Moment, bulk_insert, metadata, now
from core.store.part import chunks, load_dataset, load_examples
from core.store.schema import example

ASKED = ("exact", "near", "contradiction", "leak")  # the kinds that a person may set aside
SLIP = "label_slip"  # and of label names, each with the one that was probably meant
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
    Column("content", String(32), nullable=False, server_default=""),  # what is set aside: the same for the same texts
    sqlite_with_rowid=False,
)


@dataclass(frozen=True)
class RelationReport:
    """What was found for one revision of a dataset; `labels` holds [label, rows, meant, rows of that, why].

    `aside` says how many finds of each kind were set aside.
    """

    dataset_id: int
    revision: int
    rows: int
    made_at: datetime
    counts: dict[str, int]
    labels: list[list[Any]]
    aside: dict[str, int] = field(default_factory=dict)


class Group(NamedTuple):
    """Ids of rows that belong together, how much they are alike (1 is the same), and what names their texts."""

    rows: tuple[int, ...]
    score: float
    content: str = ""


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
        lines = []
        for kind, of_kind in groups.items():
            listed = list(of_kind)
            contents = self.contents([found.rows for found in listed]) if kind in ASKED else [""] * len(listed)
            for place, (found, content) in enumerate(zip(listed, contents, strict=True)):
                share = round(found.score * 10_000)
                lines.append((dataset_id, kind, place, share, f"[{','.join(map(str, found.rows))}]", content))
        with self._database.write() as connection:
            load_dataset(connection, dataset_id, lock=True)
            for table in (group, report):
                connection.execute(delete(table).where(table.c.dataset_id == dataset_id))
            facts = {"revision": revision, "rows": rows, "made_at": now(), "counts": dict(counts)}
            connection.execute(insert(report).values(dataset_id=dataset_id, labels=list(map(list, labels)), **facts))
            names = [column.name for column in group.columns]
            for start in range(0, len(lines), _WRITTEN_AT_ONCE):
                bulk_insert(connection, group, names, lines[start : start + _WRITTEN_AT_ONCE])

    def contents(self, groups: Sequence[Sequence[int]]) -> list[str]:
        """What names the texts of each group of rows: the hash of their content, where it is one for all."""
        ids = list({row for rows in groups for row in rows})
        hashes: dict[int, str] = {}
        for some in chunks(ids):
            with self._database.read() as connection:
                wanted = select(example.c.id, example.c.content_hash).where(example.c.id.in_(some))
                hashes |= {row.id: row.content_hash for row in connection.execute(wanted)}
        return [_one_name(sorted({hashes[row] for row in rows if row in hashes})) for rows in groups]

    def latest(self, dataset_id: int) -> RelationReport | None:
        """The result that was computed last; None where there is none."""
        with self._database.read() as connection:
            row = connection.execute(select(report).where(report.c.dataset_id == dataset_id)).one_or_none()
        return self._without_asides(RelationReport(**row._mapping)) if row is not None else None

    def _without_asides(self, found: RelationReport) -> RelationReport:
        groups = {kind: self.groups(found.dataset_id, kind, aside=True) for kind in ASKED}
        marks = Asides(self._database).marks(found.dataset_id)
        labels = [slip for slip in found.labels if slip_mark(slip) not in marks]
        aside = {kind: len(of_kind) for kind, of_kind in groups.items()} | {SLIP: len(found.labels) - len(labels)}
        rows = {kind: sum(len(of.rows) for of in of_kind) for kind, of_kind in groups.items()}
        less = {
            "repeat_groups": aside["exact"], "repeats": rows["exact"] - aside["exact"], "near_pairs": aside["near"],
            "contradictions": aside["contradiction"], "contradicting_rows": rows["contradiction"],
            "leaks": aside["leak"], "to_train": aside["leak"], "label_slips": aside[SLIP],
        }  # fmt: skip
        counts = {name: count - less.get(name, 0) for name, count in found.counts.items()}
        return replace(found, counts=counts, labels=labels, aside=aside)

    def slips_aside(self, dataset_id: int) -> list[list[Any]]:
        """The label names that were set aside, as they are in a report."""
        with self._database.read() as connection:
            wanted = select(report.c.labels).where(report.c.dataset_id == dataset_id)
            labels: list[list[Any]] = connection.execute(wanted).scalar_one_or_none() or []
        marks = Asides(self._database).marks(dataset_id)
        return [slip for slip in labels if slip_mark(slip) in marks]

    def groups(self, dataset_id: int, kind: str, limit: int | None = None, aside: bool = False) -> list[Group]:
        """The groups of a kind, or the first of them; `aside`: of those that were set aside."""
        mine = (group.c.dataset_id == dataset_id, group.c.kind == kind)
        columns = (group.c.rows, group.c.share, group.c.content)
        wanted = select(*columns).where(*mine, is_aside(dataset_id, kind, group.c.content, aside))
        with self._database.read() as connection:
            rows = connection.execute(wanted.order_by(group.c.place).limit(limit)).all()
        return [Group(tuple(row.rows), row.share / 10_000, row.content) for row in rows]

    def living(self, dataset_id: int, ids: Sequence[int]) -> dict[int, Example]:
        """The rows of a dataset among these ids, as they are now."""
        with self._database.read() as connection:
            found = load_examples(connection, ids)
        return {id: row for id, row in found.items() if row.dataset_id == dataset_id}


def slip_mark(slip: Sequence[Any]) -> tuple[str, str]:
    """The mark of a slip that is set aside: the label and the name that was probably meant."""
    return SLIP, json.dumps([slip[0], slip[2]], ensure_ascii=False)


def _one_name(hashes: Sequence[str]) -> str:
    return hashes[0] if len(hashes) == 1 else blake2b(" ".join(hashes).encode(), digest_size=16).hexdigest()


def _body(raw: str) -> Body | None:
    try:
        return load(raw)
    except (ValueError, RecursionError):
        return None
