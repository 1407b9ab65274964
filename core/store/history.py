"""The history of edits, as it is shown."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, func, select

from core.store.part import Part
from core.store.schema import batch, history, steps_of
from core.store.values import HistoryEntry, Step


class History(Part):
    """Who did what, when."""

    def history(self, dataset_id: int, example_id: int | None = None, limit: int = 100) -> list[HistoryEntry]:
        """What was done to a dataset or to one of its rows, newest first."""
        facts = (batch.c.at, batch.c.who, batch.c.kind, batch.c.undone)
        lines = (history.c.batch_id, history.c.action, history.c.example_id, history.c.before, history.c.after)
        if example_id is None:  # the ids of steps follow those of their batches
            wanted = select(*lines, *facts).join_from(batch, history, steps_of(batch.c.id))
            wanted = wanted.where(batch.c.dataset_id == dataset_id).order_by(batch.c.id.desc(), history.c.id.desc())
        else:
            wanted = select(*lines, *facts).join_from(history, batch, history.c.batch_id == batch.c.id)
            mine = (history.c.example_id == example_id, history.c.dataset_id == dataset_id)
            wanted = wanted.where(*mine).order_by(history.c.id.desc())
        with self.database.read() as connection:
            rows = connection.execute(wanted.limit(limit)).all()
        return [HistoryEntry(**row._mapping) for row in rows]

    def steps(self, dataset_id: int, limit: int = 20) -> list[Step]:
        """The edits of a dataset, newest first."""
        edits = (batch.c.dataset_id == dataset_id, batch.c.kind == "edit")
        newest = select(batch).where(*edits).order_by(batch.c.id.desc()).limit(limit)
        with self.database.read() as connection:
            return [_step(connection, row) for row in connection.execute(newest).all()]


def _step(connection: Connection, edit: Any) -> Step:
    rows = (func.count(), func.min(history.c.id), func.min(history.c.example_id))
    wanted = select(history.c.action, *rows).where(steps_of(edit.id)).group_by(history.c.action)
    found = {action: (number, first, row) for action, number, first, row in connection.execute(wanted)}
    counts = {action: number for action, (number, _first, _row) in found.items()}
    only = next(row for _number, _first, row in found.values()) if sum(counts.values()) == 1 else 0
    after: dict[str, Any] | None = None
    if "change" in found:
        after = connection.scalar(select(history.c.after).where(history.c.id == found["change"][1]))
    return Step(edit.id, edit.at, edit.who, edit.undone, counts, only, tuple(after or ()))
