"""Edits, in one transaction each: nothing stale is written, nothing that was written is forgotten.

A batch writes rows, their history and the dataset's revision together. Undo and redo are batches of their own that
turn an earlier one around, row by row, wherever the row is still as that batch left it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from sqlalchemy import Connection, func, select, update

from core.dataset.edits import (
    Added,
    Applied,
    Change,
    Edits,
    Removed,
    apply_change,
    content_of,
    new_line,
)
from core.dataset.examples import Split
from core.errors import BadInput
from core.store.loading import draft_row
from core.store.part import (
    BLIND_TO_SPLITS,
    Held,
    Part,
    Seen,
    hold_dataset,
    insert_examples,
    insert_issues,
    judged,
    keep_looks,
    load_dataset,
    reserve_ids,
    seen_rows,
)
from core.store.placing import places_after
from core.store.rejects import mark_mended, still_open
from core.store.schema import batch, example
from core.store.writing import CONTENT, Writer
from core.words import T


class Editing(Part):
    """Changing, adding and removing rows; undo and redo."""

    def apply(self, dataset_id: int, edits: Edits, who: str) -> Applied:
        """Make what can be made of these edits, as one batch; conflicts and problems are told, the rest is saved."""
        with self.database.write() as connection:
            current = _ready(connection, dataset_id)
            writer = Writer(connection, current, who, self._judge)
            changes = _merged(edits.changed)
            removals = {removal.example_id: removal for removal in edits.removed}
            ids = {change.example_id for change in changes} | removals.keys()
            rows = seen_rows(connection, dataset_id, sorted(ids))
            for change in changes:
                if change.example_id not in removals:
                    _change(writer, change, rows.get(change.example_id))
            for removal in removals.values():
                typed = [change.fields for change in changes if change.example_id == removal.example_id]
                row = rows.get(removal.example_id)
                if not (edits.by_rule and row and writer.holds(row)):
                    _remove(writer, removal, row, typed[-1] if typed else {})
            added = self._add(writer, edits.added)
            return writer.finish("edit", added_ids=added)

    def assign_splits(self, dataset_id: int, splits: Mapping[int, Split], who: str) -> Applied:
        """Put rows into splits, as one batch that can be undone."""
        with self.database.write() as connection:
            current = _ready(connection, dataset_id)
            writer = Writer(connection, current, who, self._judge)
            columns = (example.c.id, example.c.revision, example.c.split)
            for row in connection.execute(select(*columns).where(example.c.dataset_id == dataset_id)).all():
                wanted = splits.get(row.id)
                if wanted is not None and wanted != row.split:
                    writer.change(row.id, row.revision, {"split": row.split}, {"split": Split(wanted).value})
            applied = writer.finish("edit")
            if applied.batch_id is not None:
                keep_looks(connection, load_dataset(connection, dataset_id), BLIND_TO_SPLITS)
            return applied

    def undo(self, dataset_id: int, who: str, batch_id: int | None = None) -> Applied:
        """Turn around the newest batch that is not undone, or the one named."""
        with self.database.write() as connection:
            current = _ready(connection, dataset_id)
            target = _undoable(connection, dataset_id, batch_id)
            return self._turn(connection, current, who, "undo", target)

    def redo(self, dataset_id: int, who: str) -> Applied:
        """Make again what was undone last; after a new edit there is nothing to redo."""
        with self.database.write() as connection:
            current = _ready(connection, dataset_id)
            return self._turn(connection, current, who, "redo", _redoable(connection, dataset_id))

    def can_undo(self, dataset_id: int) -> bool:
        """Whether there is something to undo."""
        with self.database.read() as connection:
            return _undoable(connection, dataset_id) is not None

    def can_redo(self, dataset_id: int) -> bool:
        """Whether there is something to redo."""
        with self.database.read() as connection:
            return _redoable(connection, dataset_id) is not None

    def _turn(self, connection: Connection, current: Held, who: str, kind: str, target: int | None) -> Applied:
        if target is None:
            return Applied()
        writer = Writer(connection, current, who, self._judge)
        head = connection.execute(select(batch.c.head_id).where(batch.c.id == target)).scalar_one()
        writer.turn_around(head or target)
        applied = writer.finish(kind, target)
        state = {"undone": kind == "undo", "head_id": applied.batch_id}
        connection.execute(update(batch).where(batch.c.id == target).values(**state))
        return applied

    def _add(self, writer: Writer, added: Sequence[Added]) -> tuple[int, ...]:
        if not added:
            return ()
        drafts, raws = [], []
        for item in still_open(writer.connection, added):
            try:
                raws.append(new_line(item.draft))
                drafts.append(item)
            except BadInput as error:
                writer.problem(0, error)
        if not drafts:
            return ()
        current, connection = writer.dataset, writer.connection
        judgements = judged(self._judge, raws, current.encoding, current.kind)
        rows = [draft_row(it.draft, raw, found) for it, raw, found in zip(drafts, raws, judgements, strict=True)]
        ids = reserve_ids(connection, len(rows))
        positions, moved = places_after(connection, current.id, [it.after_id for it in drafts])
        if moved:
            writer.renumbered()
        for example_id, position, row in zip(ids, positions, rows, strict=True):
            if current.answers_closed and not row["label"]:
                row["label"] = row["answer"]
            row.update(id=example_id, dataset_id=current.id, position=position)
        insert_examples(connection, rows)
        insert_issues(connection, current.id, zip(ids, judgements, strict=True))
        mark_mended(connection, zip(drafts, ids, strict=True))
        for row in rows:
            writer.note_added(row)
        return tuple(ids)


def _ready(connection: Connection, dataset_id: int) -> Held:
    """The dataset, held until the transaction ends; one that is still being imported is not edited."""
    current = hold_dataset(connection, dataset_id)
    if current.state != "ready":
        raise BadInput(T("“{name}” is still being imported.", name=current.name), T("Wait until it is ready."))
    return current


def _merged(changes: Sequence[Change]) -> list[Change]:
    """Changes of one row on one revision become one."""
    if len(changes) == 1:
        return list(changes)
    merged: dict[tuple[int, int], Change] = {}
    for change in changes:
        key = (change.example_id, change.revision)
        earlier = merged[key].fields if key in merged else {}
        merged[key] = replace(change, fields={**earlier, **change.fields})
    return list(merged.values())


def _change(writer: Writer, change: Change, row: Seen | None) -> None:
    if row is None:
        writer.conflict(change.example_id, change.fields)
        return
    try:
        wanted = apply_change(row, change.fields, closed=writer.dataset.answers_closed)
    except BadInput as error:
        writer.problem(row.id, error)
        return
    before = content_of(row)
    if wanted == before:  # saved already: by an earlier try of the same change, or by somebody of the same mind
        writer.saved += 1
        writer.revisions[row.id] = row.revision
    elif change.revision != row.revision:
        writer.conflict(row.id, change.fields)
    else:
        was, becomes = {}, {}
        for name, old, new in zip(CONTENT, before, wanted, strict=True):
            if old != new:
                was[name], becomes[name] = str(old), str(new)
        writer.change(row.id, row.revision, was, becomes, row)


def _remove(writer: Writer, removal: Removed, row: Seen | None, typed: Mapping[str, str | None]) -> None:
    if row is None:
        writer.saved += 1  # it is gone, as wanted
    elif removal.revision != row.revision:
        writer.conflict(row.id, typed)
    else:
        writer.remove(row.id)


def _undoable(connection: Connection, dataset_id: int, batch_id: int | None = None) -> int | None:
    open_edits = (batch.c.dataset_id == dataset_id, batch.c.kind == "edit", batch.c.undone.is_(False))
    wanted = select(func.max(batch.c.id)).where(*open_edits)
    found = connection.execute(wanted if batch_id is None else wanted.where(batch.c.id == batch_id)).scalar()
    return None if found is None else int(found)


def _redoable(connection: Connection, dataset_id: int) -> int | None:
    edits = (batch.c.dataset_id == dataset_id, batch.c.kind == "edit")
    newest = select(func.coalesce(func.max(batch.c.id), 0)).where(*edits).scalar_subquery()
    undone = (batch.c.undone.is_(True), batch.c.head_id > newest)
    wanted = select(batch.c.id).where(*edits, *undone).order_by(batch.c.head_id.desc()).limit(1)
    found = connection.execute(wanted).scalar()
    return None if found is None else int(found)
