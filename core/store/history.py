"""The history of edits, as it is shown."""

from __future__ import annotations

from sqlalchemy import select

from core.store.part import Part
from core.store.schema import batch, history
from core.store.values import HistoryEntry


class History(Part):
    """Who did what, when."""

    def history(self, dataset_id: int, example_id: int | None = None, limit: int = 100) -> list[HistoryEntry]:
        """What was done to a dataset or to one of its rows, newest first."""
        facts = (batch.c.at, batch.c.who, batch.c.kind, batch.c.undone)
        lines = (history.c.batch_id, history.c.action, history.c.example_id, history.c.before, history.c.after)
        wanted = select(*lines, *facts).join(batch).where(history.c.dataset_id == dataset_id)
        if example_id is not None:
            wanted = wanted.where(history.c.example_id == example_id)
        with self.database.read() as connection:
            rows = connection.execute(wanted.order_by(history.c.id.desc()).limit(limit)).all()
        return [HistoryEntry(**row._mapping) for row in rows]
