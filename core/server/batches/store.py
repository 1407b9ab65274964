"""The batches: made, shown, listed, cancelled; a thread of the server carries them on (runner.py)."""

from __future__ import annotations

import json
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from core.server import wire
from core.server.database import Connection, Database, Row, now
from core.server.errors import ApiError
from core.server.idempotency import Claim
from core.server.paging import Paging
from core.server.reading import Metadata
from core.words import T

WINDOW = 86_400  # seconds: the only one there is
ENDPOINTS = ("/v1/chat/completions", "/v1/completions", "/v1/embeddings", "/v1/responses")
OPEN = ("validating", "in_progress", "finalizing", "cancelling")
TIMES = (
    "in_progress_at",
    "expires_at",
    "finalizing_at",
    "completed_at",
    "failed_at",
    "expired_at",
    "cancelling_at",
    "cancelled_at",
)


class OutputExpiry(BaseModel):
    """When the output files go."""

    anchor: Literal["created_at"]
    seconds: Annotated[int, Field(ge=3600, le=2_592_000)]


class CreateBatch(BaseModel):
    """POST /v1/batches."""

    model_config = ConfigDict(strict=True)

    input_file_id: Annotated[str, Field(min_length=1, max_length=200)]
    endpoint: Literal["/v1/chat/completions", "/v1/completions", "/v1/embeddings", "/v1/responses"]
    completion_window: Literal["24h"]
    metadata: Metadata | None = None
    output_expires_after: OutputExpiry | None = None


class Batches:
    """The batches in the database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def create(self, wanted: CreateBatch, claim: Claim) -> wire.Json:
        """A new batch, in one transaction with its idempotency key."""
        moment, batch_id = now(), wire.new_id("batch_")
        expiry = wanted.output_expires_after
        with self._database.write() as connection:
            connection.execute(
                "INSERT INTO batches(id, status, endpoint, input_file_id, completion_window, metadata, output_seconds,"
                " created_at, expires_at) VALUES (?,'validating',?,?,?,?,?,?,?)",
                (
                    batch_id,
                    wanted.endpoint,
                    wanted.input_file_id,
                    wanted.completion_window,
                    json.dumps(wanted.metadata) if wanted.metadata is not None else None,
                    expiry.seconds if expiry else None,
                    moment,
                    moment + WINDOW,
                ),
            )
            reply = shown(batch_row(connection, batch_id))
            claim.keep(connection, reply)
        return reply

    def get(self, batch_id: str) -> Row:
        """The row of a batch. Raises ApiError 404."""
        with self._database.read() as connection:
            row = batch_row(connection, batch_id)
        if row is None:
            message = T("There is no batch {id}.", id=batch_id[:80])
            raise ApiError(404, message, param="batch_id", code="batch_not_found")
        return row

    def page(self, paging: Paging) -> wire.Json:
        """A list of batches, newest first."""
        with self._database.read() as connection:
            rows, more = paging.rows(connection, "batches")
        return wire.page([shown(row) for row in rows], has_more=more)

    def cancel(self, batch_id: str) -> wire.Json:
        """Asks for the end of a batch; what is answered by then is kept. Raises ApiError 409 where it has ended."""
        self.get(batch_id)
        with self._database.write() as connection:
            row = batch_row(connection, batch_id)
            if row["status"] not in (*OPEN, "cancelled"):
                message = T("This batch has ended already; its status is {status}.", status=row["status"])
                raise ApiError(409, message, code="batch_ended")
            if row["status"] in ("validating", "in_progress"):
                move(connection, batch_id, "cancelling")
            return shown(batch_row(connection, batch_id))


def batch_row(connection: Connection, batch_id: str) -> Row:
    """The row of a batch, or None."""
    return connection.execute("SELECT * FROM batches WHERE id = ?", (batch_id,)).fetchone()


def move(connection: Connection, batch_id: str, status: str) -> None:
    """Puts a batch into a status, and notes when."""
    assert f"{status}_at" in TIMES
    connection.execute(f"UPDATE batches SET status = ?, {status}_at = ? WHERE id = ?", (status, now(), batch_id))


def shown(row: Row) -> wire.Json:
    """A `batch`."""
    used, written = row["input_tokens"], row["output_tokens"]
    return {
        "id": row["id"],
        "object": "batch",
        "endpoint": row["endpoint"],
        "model": row["model"],
        "errors": {"object": "list", "data": json.loads(row["errors"])} if row["errors"] else None,
        "input_file_id": row["input_file_id"],
        "completion_window": row["completion_window"],
        "status": row["status"],
        "output_file_id": row["output_file_id"],
        "error_file_id": row["error_file_id"],
        "created_at": row["created_at"],
        **{name: row[name] for name in TIMES},
        "request_counts": {"total": row["total"], "completed": row["completed"], "failed": row["failed"]},
        "usage": {
            "input_tokens": used,
            "input_tokens_details": {"cached_tokens": 0},
            "output_tokens": written,
            "output_tokens_details": {"reasoning_tokens": 0},
            "total_tokens": used + written,
        },
        "metadata": json.loads(row["metadata"]) if row["metadata"] is not None else None,
    }
