"""What a scan of a dataset found: which rows hold which kinds. Never the finds themselves.

A find belongs to the content of a row (its hash), so one of a row that was edited is not shown any more, and is there
again when the edit is undone. A scan is written beside the last one and takes its place when it is whole.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import (
    Column,
    ColumnElement,
    ForeignKey,
    Integer,
    Select,
    String,
    Table,
    Text,
    delete,
    func,
    insert,
    select,
    update,
)
from sqlalchemy.exc import IntegrityError

from core.checks.privacy.values import ODD, PERSONAL
from core.store.asides import is_aside
from core.store.database import Database, Json, Moment, insert_missing, inserted_id, metadata, now
from core.store.part import chunks
from core.store.schema import example

privacy_scan = Table(
    "privacy_scan",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("dataset_id", Integer, ForeignKey("dataset.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("done", Integer, nullable=False),
    Column("revision", Integer, nullable=False),
    Column("rows", Integer, nullable=False),
    Column("scripts", Json, nullable=False),
    Column("at", Moment, nullable=False),
    sqlite_autoincrement=True,
)
privacy_finding = Table(
    "privacy_finding",
    metadata,
    Column("scan_id", Integer, ForeignKey("privacy_scan.id", ondelete="CASCADE"), primary_key=True),
    Column("kind", String(40), primary_key=True),
    Column("example_id", ForeignKey("example.id", ondelete="CASCADE"), primary_key=True, index=True),
    Column("content_hash", String(32), primary_key=True),
    Column("found", Integer, nullable=False),
)
privacy_book = Table(
    "privacy_book",
    metadata,
    Column("dataset_id", Integer, ForeignKey("dataset.id", ondelete="CASCADE"), primary_key=True),
    Column("salt", Text, nullable=False),
)
privacy_mask = Table(
    "privacy_mask",
    metadata,
    Column("dataset_id", Integer, ForeignKey("dataset.id", ondelete="CASCADE"), primary_key=True),
    Column("kind", String(40), primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("digest", String(32), nullable=False),
)
TABLES = (privacy_scan, privacy_finding, privacy_book, privacy_mask)


def kinds_of(name: str) -> tuple[str, ...]:
    """The kinds that a name stands for: one, or all of a group."""
    return {"personal": PERSONAL, "odd": ODD}.get(name, (name,))


class Found(NamedTuple):
    """One kind of find in one row: how often."""

    example_id: int
    kind: str
    content_hash: str
    found: int


class Line(NamedTuple):
    """A row as a scan reads it."""

    id: int
    revision: int
    raw: str
    label: str
    content_hash: str


@dataclass(frozen=True)
class Scan:
    """A whole scan: of which revision, how many rows, and how many of them in each script."""

    id: int
    dataset_id: int
    revision: int
    rows: int
    scripts: Mapping[str, int]
    at: datetime

    @property
    def main_script(self) -> str:
        """The script that most rows are written in; "" where none holds letters."""
        lettered = {script: rows for script, rows in self.scripts.items() if script}
        return max(lettered, key=lettered.__getitem__) if lettered else ""


class Findings:
    """Scans and what they found."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def begin(self, dataset_id: int, revision: int) -> int:
        """The id of a new scan; what an interrupted one left behind goes."""
        facts = {"dataset_id": dataset_id, "revision": revision, "done": 0, "rows": 0, "scripts": {}, "at": now()}
        with self._database.write() as connection:
            half = (privacy_scan.c.dataset_id == dataset_id, privacy_scan.c.done == 0)
            connection.execute(delete(privacy_scan).where(*half))
            return inserted_id(connection.execute(insert(privacy_scan).values(**facts)))

    def add(self, scan_id: int, found: Sequence[Found]) -> None:
        """Write finds of a scan; those that are there already stay."""
        if found:
            with self._database.write() as connection:
                rows = [{"scan_id": scan_id, **one._asdict()} for one in found]
                connection.execute(insert_missing(connection, privacy_finding), rows)

    def finish(self, scan_id: int, rows: int, scripts: Mapping[str, int]) -> Scan:
        """A scan is whole: it takes the place of the one before."""
        with self._database.write() as connection:
            whole = {"done": 1, "rows": rows, "scripts": dict(scripts), "at": now()}
            connection.execute(update(privacy_scan).where(privacy_scan.c.id == scan_id).values(**whole))
            row = connection.execute(select(privacy_scan).where(privacy_scan.c.id == scan_id)).one()
            older = (privacy_scan.c.dataset_id == row.dataset_id, privacy_scan.c.id < scan_id)
            connection.execute(delete(privacy_scan).where(*older))
        return Scan(row.id, row.dataset_id, row.revision, row.rows, row.scripts, row.at)

    def latest(self, dataset_id: int) -> Scan | None:
        """The last whole scan of a dataset."""
        wanted = select(privacy_scan).where(privacy_scan.c.dataset_id == dataset_id, privacy_scan.c.done == 1)
        with self._database.read() as connection:
            row = connection.execute(wanted.order_by(privacy_scan.c.id.desc()).limit(1)).first()
        return None if row is None else Scan(row.id, row.dataset_id, row.revision, row.rows, row.scripts, row.at)

    def keep_up(self, scan: Scan, revision: int) -> None:
        """A scan holds for a newer revision too: the rows that changed were looked through."""
        with self._database.write() as connection:
            where = (privacy_scan.c.id == scan.id, privacy_scan.c.revision == scan.revision)
            connection.execute(update(privacy_scan).where(*where).values(revision=revision))

    def counts(self, dataset_id: int, aside: bool = False) -> dict[str, tuple[int, int]]:
        """Of each kind, the rows that hold it and how often in all, the most frequent first.

        Here and in `rows` finds that were set aside do not count; `aside`: only those.
        """
        rows, found = func.count().label("rows"), func.sum(privacy_finding.c.found)
        wanted = select(privacy_finding.c.kind, rows, found).join(example, _holds()).where(*_of(dataset_id, aside))
        with self._database.read() as connection:
            result = connection.execute(wanted.group_by(privacy_finding.c.kind).order_by(rows.desc()))
            return {kind: (int(number), int(times)) for kind, number, times in result}

    def rows(self, dataset_id: int, kinds: Iterable[str], limit: int | None = None, aside: bool = False) -> list[int]:
        """The ids of the rows that hold one of these kinds, in their order."""
        wanted = select(example.c.id).where(example.c.id.in_(with_finding(dataset_id, kinds, aside)))
        wanted = wanted.where(example.c.dataset_id == dataset_id).order_by(example.c.position)
        with self._database.read() as connection:
            return list(connection.execute(wanted if limit is None else wanted.limit(limit)).scalars())

    def lines(self, dataset_id: int, ids: Sequence[int] | None = None) -> Iterator[list[Line]]:
        """The rows of a dataset (or those of these ids), in pieces of a few hundred."""
        columns = [example.c[name] for name in Line._fields]
        if ids is None:
            with self._database.read() as connection:
                wanted = select(example.c.id).where(example.c.dataset_id == dataset_id).order_by(example.c.position)
                ids = list(connection.execute(wanted).scalars())
        for some in chunks(ids):
            with self._database.read() as connection:
                where = (example.c.id.in_(some), example.c.dataset_id == dataset_id)
                rows = connection.execute(select(*columns).where(*where)).all()
            yield [Line(*row) for row in rows]

    def book(self, dataset_id: int) -> tuple[bytes, list[tuple[str, str, int]]]:
        """The salt of a dataset's masks, and the numbers that are given out: (kind, digest, number)."""
        with self._database.write() as connection:
            fresh = {"dataset_id": dataset_id, "salt": secrets.token_hex(32)}
            connection.execute(insert_missing(connection, privacy_book).values(**fresh))
            salt = connection.execute(select(privacy_book.c.salt).where(privacy_book.c.dataset_id == dataset_id))
            columns = (privacy_mask.c.kind, privacy_mask.c.digest, privacy_mask.c.number)
            known = connection.execute(select(*columns).where(privacy_mask.c.dataset_id == dataset_id)).all()
            return bytes.fromhex(salt.scalar_one()), [(kind, digest, number) for kind, digest, number in known]

    def add_to_book(self, dataset_id: int, added: Sequence[tuple[str, str, int]]) -> bool:
        """Keep numbers that were given out; False where somebody else gave out the same ones first."""
        rows = [{"dataset_id": dataset_id, "kind": kind, "digest": d, "number": n} for kind, d, n in added]
        try:
            with self._database.write() as connection:
                if rows:
                    connection.execute(insert(privacy_mask), rows)
        except IntegrityError:
            return False
        return True


def _holds() -> ColumnElement[bool]:
    """A find still belongs to its row: the content is the same."""
    same = privacy_finding.c.content_hash == example.c.content_hash
    return (privacy_finding.c.example_id == example.c.id) & same


def _of(dataset_id: int, aside: bool) -> tuple[ColumnElement[bool], ...]:
    newest = select(func.max(privacy_scan.c.id)).where(
        privacy_scan.c.dataset_id == dataset_id, privacy_scan.c.done == 1
    )
    asked = is_aside(dataset_id, privacy_finding.c.kind, privacy_finding.c.content_hash, aside)
    return privacy_finding.c.scan_id == newest.scalar_subquery(), example.c.dataset_id == dataset_id, asked


def with_finding(dataset_id: int, kinds: Iterable[str], aside: bool = False) -> Select[tuple[int]]:
    """The ids of the rows that hold one of these kinds, as a part of another question."""
    wanted = select(privacy_finding.c.example_id).join(example, _holds())
    return wanted.where(*_of(dataset_id, aside), privacy_finding.c.kind.in_(list(kinds)))
