"""The fine-tuning jobs: made once for each idempotency key, and moved from state to state by the supervisor."""

from __future__ import annotations

import json
import secrets
import time
from typing import Any

from core.server import wire
from core.server.database import Connection, Database, Row, now
from core.server.errors import ApiError, bad_request
from core.server.idempotency import Claim
from core.server.jobs.requests import CreateJob
from core.server.models import Base
from core.server.paging import Paging
from core.words import T, Text

ACTIVE = ("validating_files", "queued", "running", "paused")
TERMINAL = ("succeeded", "failed", "cancelled")


class Jobs:
    """The jobs with their events and checkpoints."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def create(self, request: CreateJob, base: Base, claim: Claim) -> wire.Json:
        """A new job with its first events, in one transaction with its idempotency key."""
        with self._database.write() as connection:
            job_id = wire.new_id("ftjob-")
            self._insert(connection, job_id, request, base)
            add_event(connection, job_id, T("Created fine-tuning job: {id}", id=job_id))
            add_event(connection, job_id, T("Validating training file: {id}", id=request.training_file))
            if request.validation_file:
                add_event(connection, job_id, T("Validating validation file: {id}", id=request.validation_file))
            reply = wire.job(job_row(connection, job_id))
            claim.keep(connection, reply)
        return reply

    def get(self, job_id: str) -> Row:
        """The row of a job. Raises ApiError 404."""
        with self._database.read() as connection:
            return _found(connection, job_id)

    def page(self, paging: Paging, metadata: dict[str, str], *, without_metadata: bool = False) -> wire.Json:
        """A list of jobs, newest first; only those whose metadata hold all these pairs (or are absent)."""
        where, values = "1", list[object]()
        if without_metadata:
            where += " AND metadata IS NULL"
        for name, value in metadata.items():
            where += " AND EXISTS (SELECT 1 FROM json_each(metadata) AS m WHERE m.key = ? AND m.value = ?)"
            values += [name, value]
        with self._database.read() as connection:
            rows, more = paging.rows(connection, "jobs", where, values)
        return wire.page([wire.job(row) for row in rows], has_more=more)

    def events(self, job_id: str, paging: Paging) -> wire.Json:
        """A list of events, newest first."""
        with self._database.read() as connection:
            _found(connection, job_id)
            rows, more = paging.rows(connection, "events", "job_id = ?", (job_id,))
        return wire.page([wire.event(row) for row in rows], has_more=more)

    def checkpoints(self, job_id: str, paging: Paging) -> wire.Json:
        """A list of checkpoints, newest first."""
        with self._database.read() as connection:
            _found(connection, job_id)
            rows, more = paging.rows(connection, "checkpoints", "job_id = ?", (job_id,))
        return wire.page([wire.checkpoint(row) for row in rows], has_more=more)

    def cancel(self, job_id: str) -> wire.Json:
        """Cancels a job that has not ended; cancelling twice is harmless."""
        self.get(job_id)
        with self._database.write() as connection:
            row = job_row(connection, job_id)
            if row["status"] in ACTIVE:
                end_job(connection, job_id, "cancelled")
                add_event(connection, job_id, T("Fine-tuning job cancelled"))
            elif row["status"] != "cancelled":
                message = T("The job has already ended ({status}), so it cannot be cancelled.", status=row["status"])
                raise bad_request(message, code="job_not_cancellable")
            return wire.job(job_row(connection, job_id))

    def pause(self, job_id: str) -> wire.Json:
        """Pauses a job that has not ended; its process stops at its next step. Pausing twice is harmless."""
        self.get(job_id)
        with self._database.write() as connection:
            row = job_row(connection, job_id)
            if row["status"] in TERMINAL:
                message = T("The job has already ended ({status}), so it cannot be paused.", status=row["status"])
                raise bad_request(message, code="job_not_pausable")
            if row["status"] != "paused":
                connection.execute(
                    "UPDATE jobs SET status = 'paused', paused_at = ifnull(paused_at, ?), estimated_finish = NULL"
                    " WHERE id = ?",
                    (time.time(), job_id),
                )
                add_event(connection, job_id, T("Fine-tuning job paused"))
            return wire.job(job_row(connection, job_id))

    def resume(self, job_id: str) -> wire.Json:
        """Puts a paused job back into the queue, or to the validation of its files; one that is not paused stays."""
        self.get(job_id)
        with self._database.write() as connection:
            row = job_row(connection, job_id)
            if row["status"] in TERMINAL:
                message = T("The job has already ended ({status}), so it cannot be resumed.", status=row["status"])
                raise bad_request(message, code="job_not_resumable")
            if row["status"] == "paused":
                connection.execute(
                    "UPDATE jobs SET status = iif(plan IS NULL, 'validating_files', 'queued') WHERE id = ?", (job_id,)
                )
                add_event(connection, job_id, T("Fine-tuning job resumed"))
            return wire.job(job_row(connection, job_id))

    def _insert(self, connection: Connection, job_id: str, request: CreateJob, base: Base) -> None:
        detail = request.reinforcement()
        connection.execute(
            "INSERT INTO jobs(id, status, created_at, model, base, engine, parent, method, hyperparameters,"
            " training_file, validation_file, suffix, tag, seed, metadata, integrations, result_files, grader,"
            " response_format) VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)",
            (
                job_id,
                "validating_files",
                now(),
                request.model,
                base.id,
                base.engine,
                base.parent,
                request.method_type(),
                json.dumps(request.chosen()),
                request.training_file,
                request.validation_file or None,
                request.suffix,
                secrets.token_hex(4),
                request.seed if request.seed is not None else secrets.randbelow(2**31),
                _json(request.metadata),
                None,
                "[]",
                _json(detail.grader if detail else None),
                _json(detail.response_format if detail else None),
            ),
        )


def _json(value: Any) -> str | None:
    return None if value is None else json.dumps(value)


def _found(connection: Connection, job_id: str) -> Row:
    row = job_row(connection, job_id)
    if row is None:
        message = T("There is no fine-tuning job {id}.", id=job_id[:80])
        raise ApiError(404, message, param="fine_tuning_job_id", code="fine_tune_not_found")
    return row


def job_row(connection: Connection, job_id: str) -> Row:
    """The row of a job that exists."""
    return connection.execute("SELECT * FROM jobs WHERE id = ?", (job_id,)).fetchone()


def add_event(
    connection: Connection,
    job_id: str,
    message: Text | str,
    *,
    level: str = "info",
    type: str = "message",
    data: dict[str, Any] | None = None,
    key: str | None = None,
    at: int | None = None,
) -> None:
    """Adds an event; one with a key that is there already is brought up to date instead. The message is English; what
    it was made from lies in its data, so that a reader can have it in another language."""
    data = {**(data or {}), **(message.as_json() if isinstance(message, Text) else {})}
    connection.execute(
        "INSERT INTO events(id, job_id, key, created_at, level, type, message, data) VALUES (?,?,?,?,?,?,?,?)"
        " ON CONFLICT(job_id, key) WHERE key IS NOT NULL"
        " DO UPDATE SET message = excluded.message, data = excluded.data",
        (
            wire.new_id("ftevent-"),
            job_id,
            key,
            now() if at is None else at,
            level,
            type,
            str(message),
            json.dumps(data, ensure_ascii=False),
        ),
    )


def end_job(connection: Connection, job_id: str, status: str, error: dict[str, Any] | None = None) -> None:
    """Puts a job into a terminal state, which it never leaves."""
    connection.execute(
        "UPDATE jobs SET status = ?, finished_at = ?, estimated_finish = NULL, error = ? WHERE id = ?",
        (status, now(), json.dumps(error, ensure_ascii=False) if error else None, job_id),
    )


def fail_job(
    connection: Connection,
    job_id: str,
    code: str,
    message: Text | str,
    param: str | None = None,
    made: dict[str, Any] | None = None,
) -> None:
    """Ends a job as failed, with the reason in its error and as an event. `made`: what a message that is no Text any
    more was made from."""
    made = message.as_json() if isinstance(message, Text) else made or {}
    end_job(connection, job_id, "failed", {"code": code, "message": str(message), "param": param, **made})
    add_event(connection, job_id, message, level="error", data={"error_code": code, **made})
