"""Datasets: made by an import in many transactions, listed when it is finished, discarded when it is given up."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from sqlalchemy import Connection, bindparam, case, delete, exists, func, insert, or_, select, update

from core.dataset.edits import clean, new_line
from core.dataset.examples import Draft, Kind, Origin
from core.errors import BadInput, Cancelled
from core.store.database import bulk_insert, inserted_id, metadata, now, run, run_many
from core.store.loading import COLUMNS, Batch, Loader, Prepared, prepare
from core.store.part import (
    CHUNK,
    OriginFacts,
    Part,
    chunks,
    keep_looks,
    load_dataset,
    reserve_ids,
    to_dataset,
)
from core.store.placing import last_place
from core.store.schema import (
    BATCH_IDS,
    GAP,
    batch,
    content,
    dataset,
    example,
    example_issue,
    version,
    version_example,
)
from core.store.tally import add_counts, count_again
from core.store.values import Dataset
from core.store.words import add_sets
from core.words import T

# Answers form a closed set (classes) where they are few, short, and mostly seen more than once.
CLOSED_ANSWERS, CLOSED_LENGTH, CLOSED_SHARE = 500, 64, 0.8


class Loading:
    """The way in for the drafts of one import."""

    def __init__(self, loader: Loader, dataset: Dataset, last: int) -> None:
        self._loader, self._dataset, self._last = loader, dataset, last

    def add(self, drafts: Sequence[Draft], *, read: bool = False) -> None:
        """Take a batch of drafts. Raises BadInput for one that is no line of JSON.

        `read` says that each is known to be an object on one line, as everything is that a reader of files gives.
        """
        raws = [draft.raw if read else new_line(draft) for draft in drafts]
        facts = [(it.kind.value, it.label, it.split.value, _facts(it.origin)) for it in drafts]
        self._loader.add(Batch(raws, facts, self._dataset.encoding, self._dataset.kind, self._last))
        self._last += len(raws) * GAP

    def when_stored(self, step: Callable[[], None]) -> None:
        """Do this as soon as all drafts taken so far are stored."""
        self._loader.when_written(step)


def _facts(origin: Origin) -> OriginFacts:
    return origin.file, origin.row, origin.sheet, origin.fields


class Datasets(Part):
    """Making, naming and removing datasets."""

    def create_dataset(
        self,
        name: str,
        kind: Kind,
        *,
        encoding: str = "o200k_base",
        origin: str = "",
        recipe: dict[str, Any] | None = None,
    ) -> Dataset:
        """A new, empty dataset in state "importing"."""
        values = {"name": clean(name), "kind": kind.value, "encoding": encoding, "origin": clean(origin)}
        fixed = {"revision": 0, "rows": 0, "state": "importing", "answers_closed": False, "created_at": now()}
        with self.database.write() as connection:
            made = inserted_id(connection.execute(insert(dataset).values(**values, **fixed, recipe=recipe)))
            return load_dataset(connection, made)

    def add_drafts(self, dataset_id: int, drafts: Sequence[Draft]) -> int:
        """Judge and store drafts at the end of a dataset that is being imported; how many there were."""
        with self.loader(dataset_id) as loader:
            loader.add(drafts)
        return len(drafts)

    @contextmanager
    def loader(self, dataset_id: int) -> Iterator[Loading]:
        """Takes the drafts of a long import, batch by batch; all are stored when the context is left without error."""
        current = self.dataset(dataset_id)
        with Loader(self._judge, lambda made, batch: self._write(dataset_id, made, batch)) as loader:
            yield Loading(loader, current, self._last(dataset_id))
            loader.finish()

    def _last(self, dataset_id: int) -> int:
        with self.database.read() as connection:
            return last_place(connection, dataset_id)

    def _write(self, dataset_id: int, made: Prepared, batch: Batch) -> None:
        with self.database.write(lasting=False) as connection:  # what makes it ready is durable, and all before it
            current = load_dataset(connection, dataset_id, lock=True)
            if current.state != "importing":
                raise BadInput(T("The import of “{name}” is finished. Add rows in the table.", name=current.name))
            last = last_place(connection, dataset_id)
            if last != made.last:  # somebody else's rows came in between
                made = prepare(replace(batch, last=last), self._judge)
            ids = reserve_ids(connection, len(made.rows))
            rows = [(id, dataset_id, raw, *row) for id, raw, row in zip(ids, batch.raws, made.rows, strict=True)]
            bulk_insert(connection, example, ("id", "dataset_id", "raw", *COLUMNS), rows)
            place = COLUMNS.index("position")
            found = [(ids[n], code, dataset_id, severity, made.rows[n][place]) for n, code, severity in made.issues]
            bulk_insert(connection, example_issue, ("example_id", "code", "dataset_id", "severity", "position"), found)
            add_counts(connection, dataset_id, made.counts)
            add_sets(connection, dataset_id, made.words)
            _update(connection, dataset_id, rows=current.rows + len(rows))

    def finish_import(self, dataset_id: int) -> Dataset:
        """Make a dataset ready; where no row has a label and the answers form a closed set, they become the labels."""
        with self.database.write() as connection:
            current = load_dataset(connection, dataset_id, lock=True)
            if current.state == "ready":
                return current
            closed = _answers_closed(connection, dataset_id)
            inside = example.c.dataset_id == dataset_id
            labelled = connection.execute(select(exists().where(inside, example.c.label != ""))).scalar()
            if closed and not labelled:
                connection.execute(update(example).where(inside).values(label=example.c.answer))
                count_again(connection, dataset_id)
            _update(connection, dataset_id, state="ready", answers_closed=closed, revision=current.revision + 1)
            return load_dataset(connection, dataset_id)

    def discard(self, dataset_id: int) -> None:
        """Give up an import: nothing of it stays. A finished dataset is left alone."""
        with self.database.write() as connection:
            found = select(dataset.c.state).where(dataset.c.id == dataset_id)
            if connection.execute(found).scalar() == "importing":
                _delete(connection, dataset_id)

    def datasets(self, *, importing: bool = False) -> list[Dataset]:
        """The datasets that are ready, newest first; with `importing` also those that are not finished."""
        wanted = select(dataset).order_by(dataset.c.id.desc())
        with self.database.read() as connection:
            rows = connection.execute(wanted if importing else wanted.where(dataset.c.state == "ready")).all()
        return [to_dataset(row) for row in rows]

    def dataset(self, dataset_id: int) -> Dataset:
        """One dataset; NotFound where it is gone."""
        with self.database.read() as connection:
            return load_dataset(connection, dataset_id)

    def rename(self, dataset_id: int, name: str) -> Dataset:
        """Give a dataset another name."""
        if not name.strip():
            raise BadInput(T("A dataset needs a name."))
        with self.database.write() as connection:
            load_dataset(connection, dataset_id, lock=True)
            _update(connection, dataset_id, name=clean(name.strip()))
            return load_dataset(connection, dataset_id)

    def delete_dataset(self, dataset_id: int) -> None:
        """Remove a dataset with its history. Versions that a job or an evaluation names stay."""
        with self.database.write() as connection:
            _delete(connection, dataset_id)

    def set_encoding(
        self,
        dataset_id: int,
        encoding: str,
        progress: Callable[[int, int], None] = lambda _done, _of: None,
        cancelled: Callable[[], bool] = lambda: False,
    ) -> Dataset:
        """Count every row again with another encoding. Raises Cancelled when `cancelled` says so.

        `progress` is told rows counted and how many there are; when it has heard of all, they are still to be written.
        """
        known: dict[str, tuple[int, int]] = {}
        with self.database.read() as connection:
            kind = load_dataset(connection, dataset_id).kind
            ids = _ids(connection, dataset_id)
        for done, some in enumerate(chunks(ids)):
            if cancelled():
                raise Cancelled(T("The work was stopped."))
            progress(done * CHUNK, len(ids))
            with self.database.read() as connection:
                self._count(connection, some, (encoding, kind), known)
        progress(len(ids), len(ids))
        with self.database.write() as connection:
            current = load_dataset(connection, dataset_id, lock=True)
            for some in chunks(_ids(connection, dataset_id)):
                rows = self._count(connection, some, (encoding, kind), known)
                connection.execute(
                    update(example).where(example.c.id == bindparam("row_id")),
                    [{"row_id": id, "tokens": known[h][0], "answer_tokens": known[h][1]} for id, h in rows],
                )
            count_again(connection, dataset_id)
            _update(connection, dataset_id, encoding=encoding, revision=current.revision + 1)
            recounted = load_dataset(connection, dataset_id)
            keep_looks(connection, recounted)
            return recounted

    def _count(
        self, connection: Connection, ids: Sequence[int], how: tuple[str, Kind], known: dict[str, tuple[int, int]]
    ) -> list[tuple[int, str]]:
        """Add what is not known yet of these rows; their ids and content hashes."""
        rows = connection.execute(select(example.c.id, example.c.content_hash).where(example.c.id.in_(ids))).all()
        new = [row.id for row in rows if row.content_hash not in known]
        if new:
            wanted = select(example.c.content_hash, example.c.raw).where(example.c.id.in_(new))
            hashes, raws = zip(*connection.execute(wanted).all(), strict=True)
            judged = self._judge(raws, *how)
            known.update((h, (it.tokens, it.answer_tokens)) for h, it in zip(hashes, judged, strict=True))
        return [(row.id, row.content_hash) for row in rows]


def _ids(connection: Connection, dataset_id: int) -> list[int]:
    return list(connection.execute(select(example.c.id).where(example.c.dataset_id == dataset_id)).scalars())


def _update(connection: Connection, dataset_id: int, **values: Any) -> None:
    connection.execute(update(dataset).where(dataset.c.id == dataset_id).values(**values))


def _answers_closed(connection: Connection, dataset_id: int) -> bool:
    long = "SELECT id FROM example WHERE dataset_id = ? AND length(answer) > ? LIMIT 1"
    if run(connection, long, (dataset_id, CLOSED_LENGTH)):
        return False  # known at once, without grouping texts of any length
    counted = (
        select(example.c.answer, func.count().label("rows"))
        .where(example.c.dataset_id == dataset_id)
        .group_by(example.c.answer)
        .subquery()
    )
    given = counted.c.answer != ""
    repeated = func.sum(case(((counted.c.rows > 1) & given, counted.c.rows), else_=0))
    distinct = func.sum(case((given, 1), else_=0))
    row = connection.execute(select(distinct, repeated, func.sum(counted.c.rows))).one()
    classes, shared, rows = (int(value or 0) for value in row)
    return 0 < classes <= CLOSED_ANSWERS and shared >= CLOSED_SHARE * rows


def _delete(connection: Connection, dataset_id: int) -> None:
    """Remove everything of a dataset, but for the versions that other tables name."""
    connection.execute(select(dataset.c.id).where(dataset.c.id == dataset_id).with_for_update())
    mine = version.c.dataset_id == dataset_id
    names = [
        key.parent for table in metadata.tables.values() for key in table.foreign_keys if key.column is version.c.id
    ]
    used = [exists().where(column == version.c.id) for column in names if column.table is not version_example]
    doomed = list(connection.execute(select(version.c.id).where(mine, *(~use for use in used))).scalars())
    for some in chunks(doomed):
        inside = version_example.c.version_id.in_(some)
        hashes = list(connection.execute(select(version_example.c.content_hash).where(inside).distinct()).scalars())
        connection.execute(delete(version_example).where(inside))
        connection.execute(delete(version).where(version.c.id.in_(some)))
        for part in chunks(hashes):
            free = ~exists().where(version_example.c.content_hash == content.c.hash)
            connection.execute(delete(content).where(content.c.hash.in_(part), free))
    rows = or_(example.c.dataset_id == dataset_id, example.c.removed_from == dataset_id)
    steps = [
        (number * BATCH_IDS, (number + 1) * BATCH_IDS)
        for (number,) in run(connection, "SELECT id FROM batch WHERE dataset_id = ?", (dataset_id,))
    ]
    run_many(connection, "DELETE FROM history WHERE id >= ? AND id < ?", steps)
    connection.execute(delete(batch).where(batch.c.dataset_id == dataset_id))
    connection.execute(delete(example_issue).where(example_issue.c.dataset_id == dataset_id))
    connection.execute(delete(example).where(rows))
    connection.execute(delete(dataset).where(dataset.c.id == dataset_id))
