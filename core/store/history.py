"""The history of edits, as it is shown."""

from __future__ import annotations

from sqlalchemy import select

from core.store.part import Part
from core.store.schema import batch, history, steps_of
from core.store.values import HistoryEntry


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
