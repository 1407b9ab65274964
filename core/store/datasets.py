"""Datasets: made by an import in many transactions, listed when it is finished, discarded when it is given up."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, bindparam, case, delete, exists, func, insert, or_, select, update

from core.dataset.edits import clean, new_line
from core.dataset.examples import Draft, Kind, Status
from core.errors import BadInput
from core.store.database import inserted_id, metadata, now
from core.store.part import (
    Judgement,
    Part,
    chunks,
    insert_examples,
    insert_issues,
    judged_columns,
    load_dataset,
    origin_json,
    reserve_ids,
    text_columns,
    to_dataset,
)
from core.store.schema import (
    GAP,
    batch,
    content,
    dataset,
    example,
    example_issue,
    history,
    version,
    version_example,
)
from core.store.values import Dataset
from core.words import T

# Answers form a closed set (classes) where they are few, short, and mostly seen more than once.
CLOSED_ANSWERS, CLOSED_LENGTH, CLOSED_SHARE = 500, 64, 0.8


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
        found = self.dataset(dataset_id)
        raws = [new_line(draft) for draft in drafts]
        judged = list(self._judge(raws, found.encoding, found.kind))
        rows = [draft_row(draft, raw, it) for draft, raw, it in zip(drafts, raws, judged, strict=True)]
        with self.database.write() as connection:
            current = load_dataset(connection, dataset_id, lock=True)
            if current.state != "importing":
                raise BadInput(T("The import of “{name}” is finished. Add rows in the table.", name=current.name))
            last = connection.execute(
                select(func.max(example.c.position)).where(example.c.dataset_id == dataset_id)
            ).scalar()
            ids = reserve_ids(connection, len(rows))
            for number, (example_id, row) in enumerate(zip(ids, rows, strict=True), 1):
                row.update(id=example_id, dataset_id=dataset_id, position=(last or 0) + number * GAP)
            insert_examples(connection, rows)
            insert_issues(connection, dataset_id, zip(ids, judged, strict=True))
            _update(connection, dataset_id, rows=current.rows + len(rows))
        return len(rows)

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

    def set_encoding(self, dataset_id: int, encoding: str) -> Dataset:
        """Count every row again with another encoding."""
        known: dict[str, tuple[int, int]] = {}
        with self.database.read() as connection:
            kind = load_dataset(connection, dataset_id).kind
            ids = _ids(connection, dataset_id)
        for some in chunks(ids):
            with self.database.read() as connection:
                self._count(connection, some, (encoding, kind), known)
        with self.database.write() as connection:
            current = load_dataset(connection, dataset_id, lock=True)
            for some in chunks(_ids(connection, dataset_id)):
                rows = self._count(connection, some, (encoding, kind), known)
                connection.execute(
                    update(example).where(example.c.id == bindparam("row_id")),
                    [{"row_id": id, "tokens": known[h][0], "answer_tokens": known[h][1]} for id, h in rows],
                )
            _update(connection, dataset_id, encoding=encoding, revision=current.revision + 1)
            return load_dataset(connection, dataset_id)

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


def draft_row(draft: Draft, raw: str, judgement: Judgement) -> dict[str, Any]:
    """The columns of a new row, but for its id, dataset and position."""
    return {
        **text_columns(raw),
        **judged_columns(judgement),
        "kind": draft.kind.value,
        "label": clean(draft.label),
        "split": draft.split.value,
        "status": Status.NEW.value,
        "revision": 1,
        "origin": origin_json(draft.origin),
    }


def _ids(connection: Connection, dataset_id: int) -> list[int]:
    return list(connection.execute(select(example.c.id).where(example.c.dataset_id == dataset_id)).scalars())


def _update(connection: Connection, dataset_id: int, **values: Any) -> None:
    connection.execute(update(dataset).where(dataset.c.id == dataset_id).values(**values))


def _answers_closed(connection: Connection, dataset_id: int) -> bool:
    counted = (
        select(example.c.answer, func.count().label("rows"))
        .where(example.c.dataset_id == dataset_id)
        .group_by(example.c.answer)
        .subquery()
    )
    given = counted.c.answer != ""
    repeated = func.sum(case(((counted.c.rows > 1) & given, counted.c.rows), else_=0))
    longest = func.max(func.length(counted.c.answer))
    distinct = func.sum(case((given, 1), else_=0))
    row = connection.execute(select(distinct, longest, repeated, func.sum(counted.c.rows))).one()
    classes, length, shared, rows = (int(value or 0) for value in row)
    return 0 < classes <= CLOSED_ANSWERS and length <= CLOSED_LENGTH and shared >= CLOSED_SHARE * rows


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
    connection.execute(delete(history).where(history.c.dataset_id == dataset_id))
    connection.execute(delete(batch).where(batch.c.dataset_id == dataset_id))
    connection.execute(delete(example_issue).where(example_issue.c.dataset_id == dataset_id))
    connection.execute(delete(example).where(rows))
    connection.execute(delete(dataset).where(dataset.c.id == dataset_id))
