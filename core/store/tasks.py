"""Long work as rows: what is asked for, how far it is, how it ended. The worker fills them, pages read them."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import (
    Boolean,
    Column,
    Engine,
    Integer,
    Row,
    String,
    Table,
    create_engine,
    event,
    insert,
    or_,
    select,
    update,
)
from sqlalchemy.exc import IntegrityError

from core import sqlite
from core.errors import AppError, NotFound
from core.store.database import BUSY_SECONDS, Database, Json, Moment, metadata, now
from core.store.texts import pack, pack_error, unpack, unpack_error
from core.words import T, Text

tasks = Table(
    "tasks",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("kind", String(32), nullable=False),
    Column("subject", String(400), nullable=False, index=True),
    Column("args", Json, nullable=False),
    Column("who", String(200), nullable=False),
    Column("state", String(16), nullable=False, index=True),
    Column("done", Integer, nullable=False),
    Column("total", Integer),
    Column("message", Json),
    Column("error", Json),
    Column("result", Json, nullable=False),
    Column("cancel_requested", Boolean, nullable=False),
    Column("once", String(440), unique=True),  # set while the task is active: the same work is not begun twice
    Column("created_at", Moment, nullable=False, index=True),
    Column("started_at", Moment),
    Column("finished_at", Moment),
    Column("heartbeat", Moment),
    Column("rate_from", Moment),
    Column("rate_done", Integer, nullable=False),
)

ACTIVE = ("queued", "running")


@dataclass(frozen=True)
class Task:
    """A piece of long work. `total` is None while nobody knows how much there is; times are in UTC."""

    id: str
    kind: str
    subject: str
    args: dict[str, Any] = field(repr=False)
    who: str
    state: str
    done: int
    total: int | None
    message: Text | str
    error: AppError | None
    result: dict[str, Any]
    cancel_requested: bool
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    heartbeat: datetime | None
    rate: float | None

    @property
    def is_active(self) -> bool:
        """Whether it still waits or runs."""
        return self.state in ACTIVE

    @property
    def share(self) -> float | None:
        """How much is done, 0 to 1; None while the total is not known."""
        return min(1.0, self.done / self.total) if self.total else None

    @property
    def remaining_s(self) -> float | None:
        """Seconds that are left at the pace since it (re)started; None where that cannot be said."""
        if self.state != "running" or not self.total or not self.rate:
            return None
        return max(0.0, (self.total - self.done) / self.rate)


class Tasks:
    """The rows of long work."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def create(self, kind: str, subject: str, args: Mapping[str, Any], who: str, *, once: bool = True) -> Task:
        """Write down that this is to be done. With `once`, active work of the same kind and subject is returned."""
        key = f"{kind}:{subject}" if once else None
        row = {
            "id": uuid.uuid4().hex,
            "kind": kind,
            "subject": subject,
            "args": dict(args),
            "who": who,
            "state": "queued",
            "done": 0,
            "result": {},
            "cancel_requested": False,
            "once": key,
            "created_at": now(),
            "rate_done": 0,
        }
        for _attempt in range(3):
            try:
                with self._database.write() as connection:
                    connection.execute(insert(tasks).values(**row))
                return self.get(str(row["id"]))
            except IntegrityError:
                with self._database.read() as connection:
                    found = connection.execute(select(tasks).where(tasks.c.once == key)).first()
                if found is not None:
                    return _task(found)
        raise AppError(T("This work could not be written down."), T("Please try again."))

    def get(self, task_id: str) -> Task:
        """One task. Raises NotFound."""
        with self._database.read() as connection:
            row = connection.execute(select(tasks).where(tasks.c.id == task_id)).first()
        if row is None:
            raise NotFound(T("There is no task {id}.", id=task_id))
        return _task(row)

    def latest(self, kind: str, subject: str) -> Task | None:
        """The newest task of this kind on this subject."""
        wanted = select(tasks).where(tasks.c.kind == kind, tasks.c.subject == subject)
        with self._database.read() as connection:
            row = connection.execute(wanted.order_by(tasks.c.created_at.desc()).limit(1)).first()
        return _task(row) if row is not None else None

    def active(self) -> list[Task]:
        """What waits or runs, oldest first."""
        with self._database.read() as connection:
            rows = connection.execute(select(tasks).where(tasks.c.state.in_(ACTIVE)).order_by(tasks.c.created_at)).all()
        return [_task(row) for row in rows]

    def recent(self, limit: int = 20) -> list[Task]:
        """The newest tasks, newest first."""
        with self._database.read() as connection:
            rows = connection.execute(select(tasks).order_by(tasks.c.created_at.desc()).limit(limit)).all()
        return [_task(row) for row in rows]

    def begin(self, task_id: str) -> Task | None:
        """Take up a task that waits, or one whose worker died; None if it is over (cancelled, say)."""
        moment = now()
        with self._database.write() as connection:
            taken = connection.execute(
                update(tasks)
                .where(tasks.c.id == task_id, tasks.c.state.in_(ACTIVE))
                .values(state="running", heartbeat=moment, rate_from=moment, rate_done=tasks.c.done)
            ).rowcount
            connection.execute(
                update(tasks).where(tasks.c.id == task_id, tasks.c.started_at.is_(None)).values(started_at=moment)
            )
        return self.get(task_id) if taken else None

    def update_progress(
        self, task_id: str, done: int, total: int | None = None, message: Text | str | None = None
    ) -> None:
        """Write how far a running task is; what is None stays as it was."""
        values: dict[str, Any] = {"done": int(done), "heartbeat": now()}
        if total is not None:
            values["total"] = int(total)
        if message is not None:
            values["message"] = pack(message)
        with self._database.write() as connection:
            connection.execute(update(tasks).where(tasks.c.id == task_id, tasks.c.state == "running").values(**values))

    def note(self, task_id: str, result: Mapping[str, Any]) -> None:
        """Keep a first part of a running task's result."""
        with self._database.write() as connection:
            running = (tasks.c.id == task_id, tasks.c.state == "running")
            connection.execute(update(tasks).where(*running).values(result=dict(result)))

    def beat(self, task_ids: list[str]) -> None:
        """Say that these running tasks are alive."""
        with self._database.write() as connection:
            connection.execute(update(tasks).where(tasks.c.id.in_(task_ids)).values(heartbeat=now()))

    def finish(
        self, task_id: str, state: str, *, result: Mapping[str, Any] | None = None, error: AppError | None = None
    ) -> None:
        """End an active task as succeeded, failed or cancelled."""
        values = {"state": state, "result": dict(result or {}), "error": pack_error(error), "finished_at": now()}
        with self._database.write() as connection:
            connection.execute(
                update(tasks).where(tasks.c.id == task_id, tasks.c.state.in_(ACTIVE)).values(**values, once=None)
            )

    def request_cancel(self, task_id: str) -> None:
        """Ask a task to stop: at once if it still waits, else at its next look at the flag."""
        over = {"state": "cancelled", "finished_at": now(), "once": None, "cancel_requested": True}
        with self._database.write() as connection:
            waiting = connection.execute(
                update(tasks).where(tasks.c.id == task_id, tasks.c.state == "queued").values(**over)
            ).rowcount
            if not waiting:
                connection.execute(
                    update(tasks).where(tasks.c.id == task_id, tasks.c.state == "running").values(cancel_requested=True)
                )

    def cancel_requested(self, task_id: str) -> bool:
        """Whether somebody asked for this task to stop (or it is over)."""
        wanted = select(tasks.c.id).where(
            tasks.c.id == task_id, or_(tasks.c.cancel_requested, tasks.c.state.not_in(ACTIVE))
        )
        with self._database.read() as connection:
            return connection.execute(wanted).first() is not None


def _task(row: Row[Any]) -> Task:
    elapsed = (row.heartbeat - row.rate_from).total_seconds() if row.rate_from and row.heartbeat else 0.0
    gained = row.done - row.rate_done
    return Task(
        id=row.id,
        kind=row.kind,
        subject=row.subject,
        args=row.args,
        who=row.who,
        state=row.state,
        done=row.done,
        total=row.total,
        message=unpack(row.message),
        error=unpack_error(row.error),
        result=row.result or {},
        cancel_requested=bool(row.cancel_requested),
        created_at=row.created_at,
        started_at=row.started_at,
        finished_at=row.finished_at,
        heartbeat=row.heartbeat,
        rate=gained / elapsed if gained > 0 and elapsed > 0 else None,
    )


def engine_for(url: str) -> Engine:
    """The SQLite engine that the durable queue works with: our driver, safe journal, one writer at a time.

    The queue starts its transactions in the driver's own way, so it cannot share the store's engine. Losing its last
    moments with the power does no harm: the rows of the store are the truth, and the worker compares.
    """
    engine = create_engine(url, module=sqlite.module(), connect_args={"timeout": BUSY_SECONDS})

    def prepare(connection: Any, _record: Any) -> None:
        connection.execute(f"PRAGMA journal_mode = {sqlite.journal_mode()}")
        connection.execute(f"PRAGMA synchronous = {'NORMAL' if sqlite.journal_mode() == 'WAL' else 'FULL'}")
        connection.execute("PRAGMA foreign_keys = ON")
        connection.isolation_level = "IMMEDIATE"

    event.listen(engine, "connect", prepare)
    return engine
