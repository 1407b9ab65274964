"""The files that clients gave and jobs made: rows in the database, bytes in a folder, both on disk before an answer."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from core.server import wire
from core.server.database import Connection, Database, Row, now
from core.server.engines.base import sync
from core.server.errors import ApiError, bad_request
from core.server.home import Home, link
from core.server.idempotency import Claim
from core.server.paging import Paging
from core.words import T

PURPOSES = ("fine-tune", "assistants", "batch", "vision", "user_data", "evals")
RESULTS = "fine-tune-results"
SIZE_LIMIT = 512 << 20  # bytes, as at OpenAI


BATCH_SECONDS = 30 * 86_400  # that files for batches live where nothing else is said, as at OpenAI


@dataclass(frozen=True)
class NewFile:
    """What is said of a file that comes in; it lives for `seconds`, or for good."""

    filename: str
    bytes: int
    purpose: str
    seconds: int | None = None


class Files:
    """Keeps files. A file whose time is over is treated as gone."""

    def __init__(self, home: Home, database: Database) -> None:
        self._home = home
        self._database = database

    def keep(self, path: Path, asked: NewFile, claim: Claim | None = None) -> wire.Json:
        """Takes over the bytes at `path` (already on disk) as a new file."""
        file_id = self.take_over(path)
        try:
            with self._database.write() as connection:
                reply = self.insert(connection, file_id, asked)
                if claim is not None:
                    claim.keep(connection, reply)
        except BaseException:
            self.drop_bytes(file_id)
            raise
        return reply

    def take_over(self, path: Path) -> str:
        """Gives the bytes at `path` the name of a new file; without a row they are swept at the next start."""
        file_id = wire.new_id("file-")
        path.replace(self._home.file(file_id))
        try:
            sync(self._home.files)
        except BaseException:
            self.drop_bytes(file_id)
            raise
        return file_id

    def insert(self, connection: Connection, file_id: str, asked: NewFile) -> wire.Json:
        """The row of a file whose bytes are at their place."""
        return wire.file(_insert(connection, file_id, asked))

    def write_result(self, connection: Connection, job_id: str, content: bytes) -> str:
        """Writes a result file within the transaction that names it; returns its id."""
        file_id = wire.new_id("file-")
        try:
            with self._home.file(file_id).open("xb") as out:
                out.write(content)
                out.flush()
                os.fsync(out.fileno())
            sync(self._home.files)
        except BaseException:
            self.drop_bytes(file_id)
            raise
        _insert(connection, file_id, NewFile(f"{job_id}-step_metrics.csv", len(content), RESULTS))
        return file_id

    def adopt(self, connection: Connection, path: Path, filename: str, purpose: str, seconds: int | None) -> str:
        """Makes a file of what is at `path` (already on disk, and left there) within the transaction that names it;
        returns its id."""
        file_id = wire.new_id("file-")
        try:
            link(path, self._home.file(file_id))
            sync(self._home.files)
            _insert(connection, file_id, NewFile(filename, path.stat().st_size, purpose, seconds))
        except BaseException:
            self.drop_bytes(file_id)
            raise
        return file_id

    def drop_bytes(self, file_id: str) -> None:
        """Removes the bytes of a file that came to nothing."""
        self._home.file(file_id).unlink(missing_ok=True)

    def page(self, paging: Paging, purpose: str | None) -> wire.Json:
        """A list of files."""
        where, values = "(expires_at IS NULL OR expires_at > ?)", [now()]
        if purpose:
            where, values = where + " AND purpose = ?", [*values, purpose]  # type: ignore[list-item]
        with self._database.read() as connection:
            rows, more = paging.rows(connection, "files", where, values)
        return wire.page([wire.file(row) for row in rows], has_more=more)

    def find(self, file_id: str) -> Row | None:
        """The row of a file, or None where there is none (any more)."""
        with self._database.read() as connection:
            return connection.execute(
                "SELECT * FROM files WHERE id = ? AND (expires_at IS NULL OR expires_at > ?)", (file_id, now())
            ).fetchone()

    def get(self, file_id: str) -> Row:
        """The row of a file. Raises ApiError 404."""
        row = self.find(file_id)
        if row is None:
            message = T("There is no file {id}. It may have been deleted.", id=file_id[:80])
            raise ApiError(404, message, param="id", code="file_not_found")
        return row

    def check(self, file_id: str, purpose: str, param: str) -> None:
        """Raises ApiError 400 where a request names, in this parameter, a file that is not there or has another
        purpose."""
        row = self.find(file_id)
        if row is None:
            raise bad_request(T("There is no file {id}. Upload it first.", id=file_id[:80]), param, "file_not_found")
        if row["purpose"] != purpose:
            message = T(
                "The file {id} has the purpose {seen}; upload it with the purpose {wanted}.",
                id=file_id,
                seen=row["purpose"],
                wanted=purpose,
            )
            raise bad_request(message, param, "invalid_file_purpose")

    def path(self, file_id: str) -> Path:
        """Where the bytes of a file that exists are."""
        return self._home.file(file_id)

    def delete(self, file_id: str) -> wire.Json:
        """Forgets a file, then removes its bytes. A running job keeps its own link to them."""
        self.get(file_id)
        with self._database.write() as connection:
            connection.execute("DELETE FROM files WHERE id = ?", (file_id,))
        self._home.file(file_id).unlink(missing_ok=True)
        return wire.deleted(file_id, "file")

    def expire(self) -> None:
        """Removes the files whose time is over."""
        with self._database.read() as connection:
            old = connection.execute("SELECT id FROM files WHERE expires_at <= ?", (now(),)).fetchall()
        for row in old:
            with self._database.write() as connection:
                connection.execute("DELETE FROM files WHERE id = ?", (row["id"],))
            self._home.file(row["id"]).unlink(missing_ok=True)

    def sweep(self) -> None:
        """At the start: removes expired files, and bytes that no answer ever promised to keep."""
        self.expire()
        with self._database.read() as connection:
            known = {row["id"] for row in connection.execute("SELECT id FROM files")}
        for path in (*self._home.incoming.iterdir(), *self._home.files.iterdir()):
            if path.parent == self._home.incoming or path.name not in known:
                path.unlink(missing_ok=True)


def _insert(connection: Connection, file_id: str, asked: NewFile) -> Row:
    created = now()
    seconds = asked.seconds or (BATCH_SECONDS if asked.purpose == "batch" else None)
    connection.execute(
        "INSERT INTO files(id, filename, bytes, purpose, created_at, expires_at) VALUES (?,?,?,?,?,?)",
        (file_id, asked.filename, asked.bytes, asked.purpose, created, created + seconds if seconds else None),
    )
    return connection.execute("SELECT * FROM files WHERE id = ?", (file_id,)).fetchone()
