"""Connections and training jobs as rows. A launch moves only by compare-and-set, so that one worker wins."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import fields, replace
from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Float,
    ForeignKey,
    Integer,
    String,
    Table,
    Text,
    UniqueConstraint,
    delete,
    insert,
    or_,
    select,
    update,
)
from sqlalchemy import Connection as Transaction
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import IntegrityError

from core.errors import NotFound
from core.jobs.values import Checkpoint, Event, Job, LaunchState, Metric
from core.provider.connection import LOCAL, LOCAL_ID, Connection, ProviderKind
from core.provider.status import Status
from core.store.database import Database, Json, Moment, inserted_id, metadata, now
from core.words import T
from core.words import Text as Sentence

connections = Table(
    "connections",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("name", String(200), nullable=False),
    Column("base_url", Text, nullable=False),
    Column("kind", String(16), nullable=False),
    Column("key_source", Text, nullable=False),
    Column("refused", Text, nullable=False),
    Column("created_at", Moment, nullable=False),
)

jobs = Table(
    "jobs",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("token", String(64), nullable=False, unique=True),
    Column("draft_key", String(64), unique=True),  # set while the same draft must not be launched a second time
    Column("name", String(200), nullable=False),
    Column("connection_id", String(64), nullable=False),
    Column("version_id", Integer, ForeignKey("version.id")),
    Column("dataset_id", Integer, index=True),
    Column("model", Text, nullable=False),
    Column("params", Json, nullable=False),
    Column("state", String(16), nullable=False, index=True),
    Column("who", String(200), nullable=False),
    Column("seed", Integer, nullable=False),
    Column("created_at", Moment, nullable=False),
    Column("updated_at", Moment, nullable=False),
    Column("attempt", Integer, nullable=False, default=0),
    Column("sent_at", Moment),
    Column("idempotency_key", String(80), nullable=False, default=""),
    Column("remote_id", Text, nullable=False, default="", index=True),
    Column("status", String(16)),
    Column("raw_status", String(200), nullable=False, default=""),
    Column("fine_tuned_model", Text, nullable=False, default=""),
    Column("trained_tokens", BigInteger),
    Column("error", Json),
    Column("hint", Json),
    Column("error_code", String(200), nullable=False, default=""),
    Column("training_file", Text, nullable=False, default=""),
    Column("validation_file", Text, nullable=False, default=""),
    Column("finished_at", Moment),
    Column("step", Integer),
    Column("total_steps", Integer),
    Column("estimated_finish", Moment),
    Column("result_file", Text, nullable=False, default=""),
    Column("result_sha256", String(64), nullable=False, default=""),
    Column("duplicates", Json),
    Column("collected", Boolean, nullable=False, default=False),
    Column("failures", Integer, nullable=False, default=0),
    Column("uploads", Json),
)

events = Table(
    "job_events",
    metadata,
    Column("arrival", Integer, primary_key=True),
    Column("job_id", Integer, ForeignKey("jobs.id", ondelete="CASCADE"), nullable=False),
    Column("remote_id", String(300), nullable=False),
    Column("at", Moment, nullable=False),
    Column("level", String(16), nullable=False),
    Column("type", String(32), nullable=False),
    Column("message", Text, nullable=False),
    Column("data", Json),
    UniqueConstraint("job_id", "remote_id"),
)

metrics = Table(
    "job_metrics",
    metadata,
    Column("job_id", Integer, ForeignKey("jobs.id", ondelete="CASCADE"), primary_key=True),
    Column("step", Integer, primary_key=True),
    Column("name", String(200), primary_key=True),
    Column("value", Float, nullable=False),
    Column("at", Moment),
    Column("source", String(16), nullable=False),
)

checkpoints = Table(
    "job_checkpoints",
    metadata,
    Column("job_id", Integer, ForeignKey("jobs.id", ondelete="CASCADE"), primary_key=True),
    Column("remote_id", String(300), primary_key=True),
    Column("step", Integer, nullable=False),
    Column("model", Text, nullable=False),
    Column("at", Moment),
    Column("metrics", Json),
)

# What is trusted more when two sources give the same metric at the same step.
_WEAKER = {"result": ("event", "checkpoint", "result"), "event": ("event", "checkpoint"), "checkpoint": ("checkpoint",)}


class Jobs:
    """The connections a person has set up, and every training job with what came back of it."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def connections(self) -> list[Connection]:
        """Every connection, the local provider first: it is always there."""
        with self._database.read() as transaction:
            rows = transaction.execute(select(connections).order_by(connections.c.created_at)).all()
        return [LOCAL, *(_connection(row._mapping) for row in rows)]

    def connection(self, id: str) -> Connection:
        """One connection. Raises NotFound."""
        for connection in self.connections():
            if connection.id == id:
                return connection
        raise NotFound(T("There is no connection {id}.", id=id), T("Choose one in Settings, Connections."))

    def save_connection(self, connection: Connection) -> None:
        """Add a connection, or change the one of this id. The local one cannot be changed."""
        if connection.id == LOCAL_ID:
            return
        values = {field.name: getattr(connection, field.name) for field in fields(Connection)}
        values["kind"] = str(connection.kind)
        with self._database.write() as transaction:
            changed = transaction.execute(update(connections).where(connections.c.id == connection.id).values(values))
            if not changed.rowcount:
                transaction.execute(insert(connections).values(created_at=now(), **values))

    def delete_connection(self, id: str) -> None:
        """Forget a connection; its jobs stay, but can no longer be followed."""
        with self._database.write() as transaction:
            transaction.execute(delete(connections).where(connections.c.id == id))

    def add(self, draft_key: str, values: dict[str, Any]) -> tuple[Job, bool]:
        """Write a launch intent. Where the same draft is already under way, that job comes back, and False."""
        at = now()
        values = {**values, "state": LaunchState.INTENT.value, "created_at": at, "updated_at": at}
        try:
            with self._database.write() as transaction:
                id = inserted_id(transaction.execute(insert(jobs).values(draft_key=draft_key, **_raw(values))))
        except IntegrityError:
            with self._database.read() as transaction:
                row = transaction.execute(select(jobs).where(jobs.c.draft_key == draft_key)).first()
            if row is None:
                raise
            return _job(row._mapping), False
        return self.get(id), True

    def get(self, id: int | str) -> Job:
        """One job by its number, or by its id at the provider. Raises NotFound."""
        number = int(id) if str(id).isdecimal() and len(str(id)) < 10 else -1
        with self._database.read() as transaction:
            row = transaction.execute(select(jobs).where(jobs.c.id == number)).first()
            if row is None:
                found = select(jobs).where(jobs.c.remote_id == str(id)).order_by(jobs.c.id.desc())
                row = transaction.execute(found).first() if id else None
        if row is None:
            raise NotFound(T("There is no job {id}.", id=str(id)), T("Look at the list of jobs."))
        return _job(row._mapping)

    def list(self, dataset_id: int | None = None) -> list[Job]:
        """Every job (of one dataset), newest first."""
        query = select(jobs).order_by(jobs.c.id.desc())
        if dataset_id is not None:
            query = query.where(jobs.c.dataset_id == dataset_id)
        with self._database.read() as transaction:
            return [_job(row._mapping) for row in transaction.execute(query)]

    def unsettled(self) -> Sequence[Job]:
        """The jobs that are worth following, oldest first."""
        return [job for job in reversed(self.list()) if not job.is_settled]

    def move(self, id: int, sources: Iterable[LaunchState], target: LaunchState, **values: Any) -> Job | None:
        """Compare-and-set of the launch state: the job after it, or None where another had moved it before."""
        values = {**_raw(values), "state": target.value, "updated_at": now()}
        if target in (LaunchState.REFUSED, LaunchState.WITHDRAWN):
            values["draft_key"] = None
        allowed = jobs.c.state.in_([state.value for state in sources])
        with self._database.write() as transaction:
            done = transaction.execute(update(jobs).where(jobs.c.id == id, allowed).values(values)).rowcount
        return self.get(id) if done else None

    def release_draft(self, id: int) -> None:
        """Allow the same draft to be launched again."""
        with self._database.write() as transaction:
            transaction.execute(update(jobs).where(jobs.c.id == id).values(draft_key=None))

    def update(self, id: int, **values: Any) -> Job:
        """Write what was learnt of a job. A status that has ended stays, and what was known then is not taken back by
        an answer that was overtaken; the launch state is not touched."""
        status = values.pop("status", None)
        with self._database.write() as transaction:
            if status is not None:
                ended = jobs.c.status.in_([word.value for word in Status if word.is_terminal])
                going = or_(jobs.c.status.is_(None), ~ended)
                changed = update(jobs).where(jobs.c.id == id, going).values(status=Status(status).value)
                if not transaction.execute(changed).rowcount and not Status(status).is_terminal:
                    values.pop("raw_status", None)
                    values = {name: value for name, value in values.items() if value not in (None, "")}
            transaction.execute(update(jobs).where(jobs.c.id == id).values(updated_at=now(), **_raw(values)))
        return self.get(id)

    def recover(self) -> int:
        """At start-up: every launch that was being sent when the process died becomes `unknown`. Returns how many."""
        interrupted = jobs.c.state == LaunchState.SENDING.value
        with self._database.write() as transaction:
            changed = update(jobs).where(interrupted).values(state=LaunchState.UNKNOWN.value, updated_at=now())
            return transaction.execute(changed).rowcount

    def delete(self, id: int) -> None:
        """Forget a job with its events and figures. Nothing is deleted at the provider."""
        with self._database.write() as transaction:
            for table in (events, metrics, checkpoints):
                transaction.execute(delete(table).where(table.c.job_id == id))
            transaction.execute(delete(jobs).where(jobs.c.id == id))

    def add_events(self, id: int, found: Iterable[Event]) -> int:
        """Keep events that are not known yet, in the order given (oldest first). Returns how many were new."""
        new = 0
        with self._database.write() as transaction:
            for event in found:
                values = {field.name: getattr(event, field.name) for field in fields(Event)}
                values.update(job_id=id, remote_id=values.pop("id"))
                del values["arrival"]
                statement = _upsert(transaction, events).values(values).on_conflict_do_nothing()
                new += len(transaction.execute(statement.returning(events.c.arrival)).all())
        return new

    def known_events(self, id: int) -> set[str]:
        """The ids of the events that are kept."""
        with self._database.read() as transaction:
            return set(transaction.execute(select(events.c.remote_id).where(events.c.job_id == id)).scalars())

    def events(self, id: int, limit: int | None = None) -> Sequence[Event]:
        """The newest events of a job, oldest first."""
        query = select(events).where(events.c.job_id == id)
        query = query.order_by(events.c.at.desc(), events.c.arrival.desc()).limit(limit)
        with self._database.read() as transaction:
            rows = transaction.execute(query).all()
        return [
            Event(row.remote_id, row.at, row.level, row.type, row.message, row.data or {}, row.arrival)
            for row in reversed(rows)
        ]

    def add_metrics(self, id: int, found: Sequence[Metric]) -> None:
        """Keep figures, one for each step and name: the result file outranks events, those outrank checkpoints."""
        for source, weaker in _WEAKER.items():
            rows = [
                {"job_id": id, **{field.name: getattr(metric, field.name) for field in fields(Metric)}}
                for metric in found
                if metric.source == source
            ]
            if rows:
                with self._database.write() as transaction:
                    statement = _upsert(transaction, metrics)
                    new = {"value": statement.excluded.value, "source": statement.excluded.source}
                    allowed = or_(*(metrics.c.source == word for word in weaker))
                    keys = ["job_id", "step", "name"]
                    transaction.execute(
                        statement.on_conflict_do_update(index_elements=keys, set_=new, where=allowed), rows
                    )

    def metrics(self, id: int) -> Sequence[Metric]:
        """Every figure of a job, by name and step."""
        query = select(metrics).where(metrics.c.job_id == id).order_by(metrics.c.name, metrics.c.step)
        with self._database.read() as transaction:
            return [Metric(row.step, row.name, row.value, row.at, row.source) for row in transaction.execute(query)]

    def add_checkpoints(self, id: int, found: Iterable[Checkpoint]) -> None:
        """Keep checkpoints; one that is known is brought up to date."""
        with self._database.write() as transaction:
            for checkpoint in found:
                values = {field.name: getattr(checkpoint, field.name) for field in fields(Checkpoint)}
                remote_id = values.pop("id")
                statement = _upsert(transaction, checkpoints).values(job_id=id, remote_id=remote_id, **values)
                transaction.execute(
                    statement.on_conflict_do_update(index_elements=["job_id", "remote_id"], set_=values)
                )

    def checkpoints(self, id: int) -> Sequence[Checkpoint]:
        """The checkpoints of a job, by step."""
        query = select(checkpoints).where(checkpoints.c.job_id == id).order_by(checkpoints.c.step)
        with self._database.read() as transaction:
            rows = transaction.execute(query).all()
        return [Checkpoint(row.remote_id, row.step, row.model, row.at, row.metrics or {}) for row in rows]


def _upsert(transaction: Transaction, table: Table) -> sqlite.Insert | postgresql.Insert:
    return sqlite.insert(table) if transaction.dialect.name == "sqlite" else postgresql.insert(table)


def _connection(row: Any) -> Connection:
    connection = Connection(**{field.name: row[field.name] for field in fields(Connection)})
    kind = connection.kind if connection.kind in set(ProviderKind) else ProviderKind.OTHER
    return replace(connection, kind=ProviderKind(kind))


def _raw(values: dict[str, Any]) -> dict[str, Any]:
    """Values of a Job as its columns hold them."""
    raw = dict(values)
    for name in ("error", "hint"):
        if name in raw:
            raw[name] = _from_sentence(raw[name])
    if "duplicates" in raw:
        raw["duplicates"] = list(raw["duplicates"])
    return raw


def _job(row: Any) -> Job:
    values = {field.name: row[field.name] for field in fields(Job)}
    values["state"] = LaunchState(values["state"])
    values["status"] = Status(values["status"]) if values["status"] else None
    values["error"], values["hint"] = _to_sentence(values["error"]), _to_sentence(values["hint"])
    values["duplicates"] = tuple(values["duplicates"] or ())
    values["uploads"] = values["uploads"] or {}
    return Job(**values)


def _from_sentence(text: Sentence | str) -> dict[str, Any] | None:
    if isinstance(text, Sentence):
        return text.as_json()
    return {"raw": text} if text else None


def _to_sentence(stored: dict[str, Any] | None) -> Sentence | str:
    if not stored:
        return ""
    if "sentence" not in stored:
        return str(stored["raw"])
    params = {
        name: _to_sentence(value) if isinstance(value, dict) else value for name, value in stored["params"].items()
    }
    return Sentence(stored["sentence"], **params)
