"""Uploads in parts: announced, sent in any order and at once, joined in the order that the client names."""

from __future__ import annotations

import contextlib
import hashlib
import os
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, BinaryIO, Literal

from pydantic import BaseModel, ConfigDict, Field

from core.server import wire
from core.server.database import Connection, Database, Row, now
from core.server.engines.base import sync
from core.server.errors import ApiError, bad_request
from core.server.files.forms import clean_name
from core.server.files.store import PURPOSES, Files, NewFile
from core.server.home import Home
from core.server.idempotency import Claim
from core.words import T

TOTAL_LIMIT, PART_LIMIT = 8 << 30, 64 << 20  # bytes, as at OpenAI
LIFETIME = 3600  # seconds from the announcement to the end of an upload
MOST_PARTS = 10_000
BLOCK = 1 << 20


class ExpiresAfter(BaseModel):
    """When the file goes: so many seconds after it was made."""

    model_config = ConfigDict(strict=True)

    anchor: Literal["created_at"]
    seconds: Annotated[int, Field(ge=3600, le=2_592_000)]


class CreateUpload(BaseModel):
    """POST /v1/uploads."""

    model_config = ConfigDict(strict=True)

    bytes: Annotated[int, Field(ge=1, le=TOTAL_LIMIT)]
    filename: Annotated[str, Field(min_length=1, max_length=1000)]
    mime_type: Annotated[str, Field(max_length=200)]
    purpose: Literal["fine-tune", "assistants", "batch", "vision", "user_data", "evals"]
    expires_after: ExpiresAfter | None = None


class CompleteUpload(BaseModel):
    """POST /v1/uploads/{id}/complete."""

    model_config = ConfigDict(strict=True)

    part_ids: Annotated[list[str], Field(min_length=1, max_length=MOST_PARTS)]
    md5: Annotated[str, Field(max_length=100)] | None = None


class Uploads:
    """Keeps the parts of uploads until they become files, or their hour is over."""

    def __init__(self, home: Home, database: Database, files: Files) -> None:
        self._home = home
        self._database = database
        self._files = files
        self._busy: set[str] = set()
        self._lock = threading.Lock()

    def create(self, asked: CreateUpload, claim: Claim) -> wire.Json:
        """A new upload."""
        upload_id, created = wire.new_id("upload_"), now()
        seconds = asked.expires_after.seconds if asked.expires_after else None
        with self._database.write() as connection:
            connection.execute(
                "INSERT INTO uploads(id, filename, bytes, purpose, mime_type, seconds, created_at, expires_at, status)"
                " VALUES (?,?,?,?,?,?,?,?,'pending')",
                (
                    upload_id,
                    clean_name(asked.filename),
                    asked.bytes,
                    asked.purpose,
                    asked.mime_type,
                    seconds,
                    created,
                    created + LIFETIME,
                ),
            )
            reply = wire.upload(_row(connection, upload_id), None)
            claim.keep(connection, reply)
        return reply

    def pending(self, upload_id: str) -> Row:
        """The row of an upload that still takes parts. Raises ApiError 404, or 400 where it has ended."""
        with self._database.read() as connection:
            return _pending(connection, upload_id)

    def add(self, upload_id: str, path: Path, size: int, claim: Claim) -> wire.Json:
        """Takes over the bytes at `path` (already on disk) as a part."""
        part_id = wire.new_id("part_")
        path.replace(self._home.parts / part_id)
        sync(self._home.parts)
        try:
            with self._database.write() as connection:
                upload = _pending(connection, upload_id)
                _refuse_surplus(connection, upload, size)
                connection.execute("INSERT INTO parts VALUES (?,?,?,?)", (part_id, upload_id, size, now()))
                row = connection.execute("SELECT * FROM parts WHERE id = ?", (part_id,)).fetchone()
                reply = wire.part(row)
                claim.keep(connection, reply)
        except BaseException:
            (self._home.parts / part_id).unlink(missing_ok=True)
            raise
        return reply

    def complete(self, upload_id: str, asked: CompleteUpload, claim: Claim) -> wire.Json:
        """Joins the parts in this order to a file. Raises ApiError where they are not what was announced."""
        with self._alone(upload_id):
            upload = self.pending(upload_id)
            self._refuse_parts(upload, asked.part_ids)
            whole = self._home.incoming / wire.new_id("upload-")
            try:
                self._join(whole, asked)
                file_id = self._files.take_over(whole)
            finally:
                whole.unlink(missing_ok=True)
            new = NewFile(upload["filename"], upload["bytes"], upload["purpose"], upload["seconds"])
            try:
                with self._database.write() as connection:
                    made = self._files.insert(connection, file_id, new)
                    connection.execute(
                        "UPDATE uploads SET status = 'completed', file_id = ? WHERE id = ?", (file_id, upload_id)
                    )
                    reply = wire.upload(_row(connection, upload_id), made)
                    claim.keep(connection, reply)
            except BaseException:
                self._files.drop_bytes(file_id)
                raise
            self._drop_parts(upload_id)
        return reply

    def cancel(self, upload_id: str) -> wire.Json:
        """Gives an upload up; cancelling twice is harmless."""
        with self._alone(upload_id):
            with self._database.write() as connection:
                row = _row(connection, upload_id)
                if row["status"] != "cancelled":
                    _pending(connection, upload_id)
                    connection.execute("UPDATE uploads SET status = 'cancelled' WHERE id = ?", (upload_id,))
                reply = wire.upload(_row(connection, upload_id), None)
            self._drop_parts(upload_id)
        return reply

    def expire(self) -> None:
        """Ends the uploads whose hour is over, and removes what nobody can complete any more."""
        with self._database.write() as connection:
            connection.execute(
                "UPDATE uploads SET status = 'expired' WHERE status = 'pending' AND expires_at <= ?", (now(),)
            )
            over = "SELECT id FROM uploads WHERE status != 'pending' AND id IN (SELECT upload_id FROM parts)"
            rows = connection.execute(over).fetchall()
        for row in rows:
            if row["id"] not in self._busy:
                self._drop_parts(row["id"])

    def sweep(self) -> None:
        """At the start: ends what is over, and removes bytes that no answer ever promised to keep."""
        self.expire()
        with self._database.read() as connection:
            known = {row["id"] for row in connection.execute("SELECT id FROM parts")}
        for path in self._home.parts.iterdir():
            if path.name not in known:
                path.unlink(missing_ok=True)

    @contextmanager
    def _alone(self, upload_id: str) -> Iterator[None]:
        with self._lock:
            if upload_id in self._busy:
                raise ApiError(409, T("This upload is being completed."), code="upload_busy")
            self._busy.add(upload_id)
        try:
            yield
        finally:
            with self._lock:
                self._busy.discard(upload_id)

    def _refuse_parts(self, upload: Row, part_ids: Sequence[str]) -> None:
        with self._database.read() as connection:
            rows = connection.execute("SELECT id, bytes FROM parts WHERE upload_id = ?", (upload["id"],)).fetchall()
        sizes = {row["id"]: row["bytes"] for row in rows}
        for index, part_id in enumerate(part_ids):
            if part_id not in sizes:
                message = T("There is no part {id} in this upload.", id=part_id[:80])
                raise bad_request(message, f"part_ids[{index}]", "part_not_found")
        if len(set(part_ids)) < len(part_ids):
            raise bad_request(T("A part is named twice."), "part_ids")
        total = sum(sizes[part_id] for part_id in part_ids)
        if total != upload["bytes"]:
            message = T("The parts have {seen} bytes, but {wanted} were announced.", seen=total, wanted=upload["bytes"])
            raise bad_request(message, "part_ids", "size_mismatch")

    def _join(self, whole: Path, asked: CompleteUpload) -> None:
        digest = hashlib.md5(usedforsecurity=False)
        with whole.open("xb", buffering=0) as out:
            for part_id in asked.part_ids:
                with (self._home.parts / part_id).open("rb", buffering=0) as part:
                    _copy(part, out, digest if asked.md5 else None)
            os.fsync(out.fileno())
        if asked.md5 and asked.md5.strip().lower() != digest.hexdigest():
            message = T("The bytes have the MD5 checksum {seen}, not the one given.", seen=digest.hexdigest())
            raise bad_request(message, "md5", "checksum_mismatch")

    def _drop_parts(self, upload_id: str) -> None:
        with self._database.write() as connection:
            rows = connection.execute("SELECT id FROM parts WHERE upload_id = ?", (upload_id,)).fetchall()
            connection.execute("DELETE FROM parts WHERE upload_id = ?", (upload_id,))
        for row in rows:
            (self._home.parts / row["id"]).unlink(missing_ok=True)


def _copy(source: BinaryIO | Any, out: BinaryIO | Any, digest: Any) -> None:
    """Appends one file to another: within the system where it can and nobody wants the digest, else in small blocks."""
    if digest is None and hasattr(os, "copy_file_range"):
        with contextlib.suppress(OSError):
            while os.copy_file_range(source.fileno(), out.fileno(), 64 * BLOCK):
                pass
    while block := source.read(BLOCK):
        if digest is not None:
            digest.update(block)
        left = memoryview(block)
        while left:
            left = left[out.write(left) :]


def _row(connection: Connection, upload_id: str) -> Row:
    row = connection.execute("SELECT * FROM uploads WHERE id = ?", (upload_id,)).fetchone()
    if row is None:
        message = T("There is no upload {id}.", id=upload_id[:80])
        raise ApiError(404, message, param="upload_id", code="upload_not_found")
    return row


def _pending(connection: Connection, upload_id: str) -> Row:
    row = _row(connection, upload_id)
    status = wire.upload(row, None)["status"]
    if status != "pending":
        message = T("This upload is {status}; begin a new one.", status=status)
        raise bad_request(message, "upload_id", f"upload_{status}")
    return row


def _refuse_surplus(connection: Connection, upload: Row, size: int) -> None:
    """A part may be sent again, but the disk is not for more than twice what was announced."""
    question = "SELECT ifnull(sum(bytes), 0), count(*) FROM parts WHERE upload_id = ?"
    there, count = connection.execute(question, (upload["id"],)).fetchone()
    if there + size > 2 * upload["bytes"] + PART_LIMIT or count >= 2 * MOST_PARTS:
        raise bad_request(T("This upload has more parts than were announced."), "data", "too_many_parts")


assert CreateUpload.model_fields["purpose"].annotation.__args__ == PURPOSES  # type: ignore[union-attr]
