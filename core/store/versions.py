"""Versions: a dataset frozen and named by its content, so that a job and an evaluation know what they saw."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterator

from sqlalchemy import Connection, func, insert, literal, select

from core.errors import NotFound
from core.store.database import insert_missing, inserted_id, now
from core.store.part import Part, load_dataset
from core.store.schema import content, example, version, version_example
from core.store.values import Version, VersionRow
from core.words import T

_READ_AT_ONCE = 1000


class Versions(Part):
    """Freezing and reading what was frozen."""

    def freeze(self, dataset_id: int) -> Version:
        """The version with the content of now; the same content twice is the same version."""
        with self.database.write() as connection:
            load_dataset(connection, dataset_id, lock=True)
            digest, by_split = _digest(connection, dataset_id)
            known = select(version).where(version.c.dataset_id == dataset_id, version.c.digest == digest)
            row = connection.execute(known).one_or_none()
            if row is None:
                facts = {"digest": digest, "rows": sum(by_split.values()), "by_split": by_split, "created_at": now()}
                made = inserted_id(connection.execute(insert(version).values(dataset_id=dataset_id, **facts)))
                _copy(connection, dataset_id, made)
                row = connection.execute(known).one()
        return Version(**row._mapping)

    def version(self, version_id: int) -> Version:
        """One version; NotFound where there is none."""
        with self.database.read() as connection:
            row = connection.execute(select(version).where(version.c.id == version_id)).one_or_none()
        if row is None:
            raise NotFound(T("This version does not exist any more."))
        return Version(**row._mapping)

    def versions(self, dataset_id: int) -> list[Version]:
        """The versions of a dataset, newest first."""
        wanted = select(version).where(version.c.dataset_id == dataset_id).order_by(version.c.id.desc())
        with self.database.read() as connection:
            return [Version(**row._mapping) for row in connection.execute(wanted)]

    def version_rows(self, version_id: int, split: str | None = None) -> Iterator[VersionRow]:
        """The rows of a version (of one split of it), in their order, read a thousand at a time."""
        self.version(version_id)
        line = version_example.c
        wanted = select(line.example_id, line.ordinal, content.c.raw, line.label, line.split).join(content)
        wanted = wanted.where(line.version_id == version_id).order_by(line.ordinal).limit(_READ_AT_ONCE)
        if split is not None:
            wanted = wanted.where(line.split == str(split))
        last = 0
        while True:
            with self.database.read() as connection:
                rows = [VersionRow(*row) for row in connection.execute(wanted.where(line.ordinal > last))]
            yield from rows
            if len(rows) < _READ_AT_ONCE:
                return
            last = rows[-1].position


def _digest(connection: Connection, dataset_id: int) -> tuple[str, dict[str, int]]:
    wanted = select(example.c.content_hash, example.c.label, example.c.split)
    wanted = wanted.where(example.c.dataset_id == dataset_id).order_by(example.c.position)
    digest = hashlib.blake2b(digest_size=16)
    by_split: Counter[str] = Counter()
    for row in connection.execute(wanted):
        digest.update(json.dumps(list(row)).encode() + b"\n")
        by_split[row.split] += 1
    return digest.hexdigest(), dict(by_split)


def _copy(connection: Connection, dataset_id: int, version_id: int) -> None:
    inside = example.c.dataset_id == dataset_id
    texts = select(example.c.content_hash, func.min(example.c.raw)).where(inside).group_by(example.c.content_hash)
    connection.execute(insert_missing(connection, content).from_select(["hash", "raw"], texts))
    order = func.row_number().over(order_by=example.c.position)
    columns = (example.c.id, example.c.content_hash, example.c.label, example.c.split)
    lines = select(literal(version_id), order, *columns).where(inside)
    names = ["version_id", "ordinal", "example_id", "content_hash", "label", "split"]
    connection.execute(insert(version_example).from_select(names, lines))
