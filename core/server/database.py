"""The local provider's own SQLite database: what it has acknowledged is here, on disk, before it says so."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from core import sqlite

Connection = Any  # of sqlite3 or pysqlite3, whichever core.sqlite trusts
Row = Any

_FIRST = """
CREATE TABLE files(
    seq INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, filename TEXT NOT NULL, bytes INTEGER NOT NULL,
    purpose TEXT NOT NULL, created_at INTEGER NOT NULL, expires_at INTEGER);
CREATE TABLE jobs(
    seq INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, status TEXT NOT NULL, created_at INTEGER NOT NULL,
    started_at REAL, finished_at INTEGER, estimated_finish INTEGER, model TEXT NOT NULL, base TEXT NOT NULL,
    engine TEXT NOT NULL, parent TEXT, method TEXT NOT NULL, hyperparameters TEXT NOT NULL,
    training_file TEXT NOT NULL, validation_file TEXT, suffix TEXT, tag TEXT NOT NULL, seed INTEGER NOT NULL,
    metadata TEXT, integrations TEXT, fine_tuned_model TEXT, trained_tokens INTEGER, result_files TEXT NOT NULL,
    error TEXT, plan TEXT, pid INTEGER, deaths INTEGER NOT NULL DEFAULT 0, offset INTEGER NOT NULL DEFAULT 0,
    tidy INTEGER NOT NULL DEFAULT 0);
CREATE INDEX jobs_by_status ON jobs(status, tidy);
CREATE TABLE events(
    seq INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, job_id TEXT NOT NULL REFERENCES jobs(id),
    key TEXT, created_at INTEGER NOT NULL, level TEXT NOT NULL, type TEXT NOT NULL, message TEXT NOT NULL,
    data TEXT NOT NULL);
CREATE INDEX events_by_job ON events(job_id, seq);
CREATE UNIQUE INDEX events_by_key ON events(job_id, key) WHERE key IS NOT NULL;
CREATE TABLE checkpoints(
    seq INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, job_id TEXT NOT NULL REFERENCES jobs(id),
    step INTEGER NOT NULL, created_at INTEGER NOT NULL, model TEXT NOT NULL, metrics TEXT NOT NULL,
    UNIQUE(job_id, step));
CREATE TABLE models(
    seq INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, job_id TEXT NOT NULL REFERENCES jobs(id),
    base TEXT NOT NULL, engine TEXT NOT NULL, created_at INTEGER NOT NULL, path TEXT NOT NULL);
CREATE TABLE idempotency(
    key TEXT PRIMARY KEY, body_sha TEXT NOT NULL, status INTEGER NOT NULL, reply TEXT NOT NULL,
    created REAL NOT NULL) WITHOUT ROWID;
"""
# Of what was answered: stored responses with their items, and batches.
_ANSWERS = (
    "CREATE TABLE responses("
    " seq INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, previous TEXT, created_at INTEGER NOT NULL,"
    " body TEXT NOT NULL)",
    "CREATE INDEX responses_by_age ON responses(created_at)",
    "CREATE TABLE response_items("
    " seq INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL,"
    " response_id TEXT NOT NULL REFERENCES responses(id) ON DELETE CASCADE, answered INTEGER NOT NULL,"
    " body TEXT NOT NULL)",
    "CREATE INDEX items_by_response ON response_items(response_id, answered, seq)",
    "CREATE INDEX items_by_id ON response_items(id)",
    "CREATE TABLE batches("
    " seq INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, status TEXT NOT NULL, endpoint TEXT NOT NULL,"
    " input_file_id TEXT NOT NULL, completion_window TEXT NOT NULL, metadata TEXT, output_seconds INTEGER,"
    " created_at INTEGER NOT NULL, expires_at INTEGER NOT NULL, in_progress_at INTEGER, finalizing_at INTEGER,"
    " completed_at INTEGER, failed_at INTEGER, expired_at INTEGER, cancelling_at INTEGER, cancelled_at INTEGER,"
    " output_file_id TEXT, error_file_id TEXT, errors TEXT, model TEXT,"
    " total INTEGER NOT NULL DEFAULT 0, completed INTEGER NOT NULL DEFAULT 0, failed INTEGER NOT NULL DEFAULT 0,"
    " input_tokens INTEGER NOT NULL DEFAULT 0, output_tokens INTEGER NOT NULL DEFAULT 0,"
    " read_to INTEGER NOT NULL DEFAULT 0, output_to INTEGER NOT NULL DEFAULT 0, error_to INTEGER NOT NULL DEFAULT 0)",
    "CREATE INDEX batches_by_status ON batches(status)",
)


def _m001_tables(connection: Connection) -> None:
    for statement in _FIRST.split(";\n"):
        if statement.strip():
            connection.execute(statement)


def _m002_graders_and_pauses(connection: Connection) -> None:
    for column in ("grader TEXT", "response_format TEXT", "paused_at REAL"):
        connection.execute(f"ALTER TABLE jobs ADD COLUMN {column}")


def _m003_uploads(connection: Connection) -> None:
    connection.execute(
        "CREATE TABLE uploads(seq INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, filename TEXT NOT NULL,"
        " bytes INTEGER NOT NULL, purpose TEXT NOT NULL, mime_type TEXT NOT NULL, seconds INTEGER,"
        " created_at INTEGER NOT NULL, expires_at INTEGER NOT NULL, status TEXT NOT NULL, file_id TEXT)"
    )
    connection.execute(
        "CREATE TABLE parts(id TEXT PRIMARY KEY, upload_id TEXT NOT NULL REFERENCES uploads(id) ON DELETE CASCADE,"
        " bytes INTEGER NOT NULL, created_at INTEGER NOT NULL) WITHOUT ROWID"
    )
    connection.execute("CREATE INDEX parts_by_upload ON parts(upload_id)")


def _m004_answers(connection: Connection) -> None:
    for statement in _ANSWERS:
        connection.execute(statement)


def _m005_keys_by_age(connection: Connection) -> None:
    connection.execute("CREATE INDEX idempotency_by_age ON idempotency(created)")


# Append only; `PRAGMA user_version` counts how many were applied.
MIGRATIONS: list[Callable[[Connection], None]] = [
    _m001_tables,
    _m002_graders_and_pauses,
    _m003_uploads,
    _m004_answers,
    _m005_keys_by_age,
]


class Database:
    """Connections to one file: many readers, one writer at a time."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._idle: queue.LifoQueue[Connection] = queue.LifoQueue()
        self._writer = threading.Lock()
        self._migrate()

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A connection that sees one moment of the database."""
        with self._connection() as connection:
            connection.execute("BEGIN")
            try:
                yield connection
            finally:
                connection.execute("ROLLBACK")

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """A transaction: all of it is on disk when the block ends, none of it when it raises."""
        with self._writer, self._connection() as connection:
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield connection
            except BaseException:
                connection.execute("ROLLBACK")
                raise
            connection.execute("COMMIT")

    def close(self) -> None:
        """Closes the connections that nobody uses now."""
        while not self._idle.empty():
            self._idle.get_nowait().close()

    @contextmanager
    def _connection(self) -> Iterator[Connection]:
        try:
            connection = self._idle.get_nowait()
        except queue.Empty:
            connection = self._open()
        try:
            yield connection
        except BaseException:
            if connection.in_transaction:
                connection.close()
                raise
            self._idle.put(connection)
            raise
        self._idle.put(connection)

    def _open(self) -> Connection:
        driver = sqlite.module()
        connection = driver.connect(self._path, isolation_level=None, check_same_thread=False, timeout=30)
        connection.row_factory = driver.Row
        connection.execute(f"PRAGMA journal_mode={sqlite.journal_mode()}")
        connection.execute("PRAGMA synchronous=FULL")
        connection.execute("PRAGMA foreign_keys=ON")
        return connection

    def _migrate(self) -> None:
        with self.write() as connection:
            done = connection.execute("PRAGMA user_version").fetchone()[0]
            for number, step in enumerate(MIGRATIONS[done:], done + 1):
                step(connection)
                connection.execute(f"PRAGMA user_version={number}")
        self._path.chmod(0o600)


def now() -> int:
    """Seconds since 1970, as the wire objects have them."""
    return int(time.time())
