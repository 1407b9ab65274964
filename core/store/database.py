"""One database behind the store: SQLite by default, PostgreSQL by URL, and every difference between the two.

How a repository file is written: declare its tables on `metadata`, take a Database, and open one short
transaction a call. `read()` sees one moment of the database; `write()` holds the right to write from its first
line (SQLite) or takes row locks with `.with_for_update()` (PostgreSQL), so "look, then change" inside it is safe.

    key = Column("id", Integer, primary_key=True)
    thing = Table("thing", metadata, key, Column("at", Moment), Column("data", Json))

    class Things:
        def __init__(self, database: Database) -> None:
            self._database = database

        def add(self, data: dict[str, Any]) -> int:
            with self._database.write() as connection:
                return inserted_id(connection.execute(insert(thing).values(at=now(), data=data)))

        def data(self, id: int) -> dict[str, Any]:
            with self._database.read() as connection:
                return connection.execute(select(thing.c.data).where(thing.c.id == id)).scalar_one()

Never keep a transaction open across a yield, a request or a file: fetch, close, then work. A table that names a
version declares `ForeignKey("version.id")`: versions that are named so outlive their dataset.
"""

from __future__ import annotations

import json
import os
import time
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson
from sqlalchemy import (
    ColumnElement,
    Connection,
    CursorResult,
    DateTime,
    Dialect,
    Engine,
    MetaData,
    Table,
    Text,
    TypeDecorator,
    create_engine,
    event,
    func,
    make_url,
)
from sqlalchemy.dialects import postgresql as postgresql_dialect
from sqlalchemy.dialects import sqlite as sqlite_dialect
from sqlalchemy.exc import OperationalError

from core import sqlite
from core.dataset.examples import dump

metadata = MetaData()

BUSY_SECONDS = 30
_LONG_PATTERN = 10_000  # SQLite refuses LIKE patterns above 50,000 bytes
_MIGRATION_LOCK = 0x4C554F50  # "LUOP"


def plain_text() -> Text:
    """Text that sorts by code point on both databases."""
    text = Text()
    return text.with_variant(Text(collation="C"), "postgresql")


class Moment(TypeDecorator[datetime]):
    """A point in time, always aware and in UTC."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        return value.astimezone(UTC) if value else None

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        return value.astimezone(UTC) if value and value.tzinfo else value.replace(tzinfo=UTC) if value else None


class Json(TypeDecorator[Any]):
    """Any JSON value, kept as text (so a NUL character is an escape on PostgreSQL too)."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Dialect) -> str | None:
        return None if value is None else dump(value)

    def process_result_value(self, value: str | None, dialect: Dialect) -> Any:
        return read_json(value)


def _loads(text: str) -> Any:
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        return json.loads(text)  # half of a surrogate pair, as an escape


def now() -> datetime:
    """The present moment, in UTC."""
    return datetime.now(UTC)


class Database:
    """Connections to one database, shared by all threads of a process and by several processes."""

    def __init__(self, url: str) -> None:
        self.is_sqlite = url.startswith("sqlite")
        self._writing = _sqlite_engine(url, writing=True) if self.is_sqlite else _postgresql_engine(url)
        # SQLite's readers have connections of their own: to turn one into a writer forgets its prepared statements.
        self._engine = (
            _sqlite_engine(url, writing=False)
            if self.is_sqlite
            else self._writing.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
        )
        self._writers: deque[Connection] = deque()  # open ones that nobody uses: to open one costs a tenth of an edit

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A transaction that sees one moment of the database; writing in it is an error."""
        with self._engine.connect() as connection, connection.begin():
            if self.is_sqlite:
                run(connection, "BEGIN")
            yield connection

    @contextmanager
    def write(self, *, lasting: bool = True) -> Iterator[Connection]:
        """A transaction that may write: durable when it ends, undone when an exception leaves it.

        One that is not `lasting` may be lost with the computer's power, though never by halves, until a later one is
        durable: the steps of an import, which only counts when all of it is there.
        """
        if not self.is_sqlite:
            with self._writing.connect() as connection, connection.begin():
                if not lasting:
                    run(connection, "SET LOCAL synchronous_commit = off")
                yield connection
            return
        connection = self._writers.pop() if self._writers else self._writing.connect()
        try:
            driver = _driver(connection)
            driver.execute("BEGIN IMMEDIATE")  # SQLAlchemy's own begin and commit would cost a tenth of an edit, too
            yield connection
            if connection.in_transaction():  # it has joined in with a statement of its own
                connection.commit()
            else:
                driver.commit()
            if lasting:
                _flush(connection)
        except BaseException:
            connection.close()
            raise
        self._writers.append(connection)

    @contextmanager
    def migrating(self) -> Iterator[Connection]:
        """A writing transaction that only one process at a time can be in."""
        with self.write() as connection:
            if not self.is_sqlite:
                connection.execute(func.pg_advisory_xact_lock(_MIGRATION_LOCK).select())
            yield connection

    def close(self) -> None:
        """Close every connection that is not in use."""
        while self._writers:
            self._writers.pop().close()
        self._engine.dispose()
        self._writing.dispose()


def _flush(connection: Connection) -> None:
    """Wait until what was committed is on the disk, where SQLite itself does not wait (see `_prepare_sqlite`)."""
    known = connection.connection.info
    if known["path"]:
        if "log" not in known:  # it is there after the first commit, and stays until the connection is closed
            known["log"] = os.open(known["path"], os.O_RDWR)
        os.fdatasync(known["log"])


def _close_log(_connection: Any, record: Any) -> None:
    log = record.info.pop("log", None)
    if log is not None:
        os.close(log)


def bulk_insert(connection: Connection, table: Table, columns: Sequence[str], rows: Sequence[tuple[Any, ...]]) -> None:
    """Insert many plain rows at the driver's speed: the values are bound as they are, without column types."""
    marks = ", ".join("?" * len(columns))
    run_many(connection, f"INSERT INTO {table.name} ({', '.join(columns)}) VALUES ({marks})", rows)


def run(connection: Connection, statement: str, parameters: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
    """Run a short statement ("?" for each value) at the driver's speed; the rows that it gives."""
    found: list[tuple[Any, ...]]
    if connection.dialect.name == "sqlite":
        found = _driver(connection).execute(statement, parameters).fetchall()
    else:
        cursor = _driver(connection).execute(_marked(statement), parameters)
        found = cursor.fetchall() if cursor.description else []
    return found


def run_insert(connection: Connection, statement: str, parameters: Sequence[Any]) -> int:
    """Run an INSERT of one row; its id. SQLite knows that without RETURNING, which takes it twice as long."""
    if connection.dialect.name == "sqlite":
        return int(_driver(connection).execute(statement, parameters).lastrowid)
    return int(run(connection, f"{statement} RETURNING id", parameters)[0][0])


def run_many(connection: Connection, statement: str, rows: Sequence[Sequence[Any]]) -> None:
    """Run one statement for each of these rows of values."""
    if not rows:
        return
    if connection.dialect.name == "sqlite":
        _driver(connection).executemany(statement, rows)
    else:
        with _driver(connection).cursor() as cursor:
            cursor.executemany(_marked(statement), rows)


def _driver(connection: Connection) -> Any:
    """The driver's own connection: sqlite3's or psycopg's, which are alike as far as is asked of them here."""
    return connection.connection.dbapi_connection


def _marked(statement: str) -> str:
    return statement.replace("?", "%s")


def read_moment(value: Any) -> datetime:
    """A point in time as `run` gives it."""
    read = datetime.fromisoformat(value) if isinstance(value, str) else value
    return read.astimezone(UTC) if read.tzinfo else read.replace(tzinfo=UTC)


def written_moment(connection: Connection, value: datetime) -> Any:
    """A point in time as `run` takes it."""
    if connection.dialect.name != "sqlite":
        return value
    return value.astimezone(UTC).isoformat(" ", "microseconds").removesuffix("+00:00")


def read_json(value: str | None) -> Any:
    """A JSON value as `run` gives it."""
    return None if value is None else _loads(value)


def insert_missing(connection: Connection, table: Table) -> Any:
    """An INSERT into the table that leaves out rows which are there already."""
    make = sqlite_dialect.insert if connection.dialect.name == "sqlite" else postgresql_dialect.insert
    return make(table).on_conflict_do_nothing()


def inserted_id(result: CursorResult[Any]) -> int:
    """The primary key of the row that an insert has just made."""
    key = result.inserted_primary_key
    assert key is not None
    return int(key[0])


def contains(connection: Connection, column: ColumnElement[str], text: str) -> ColumnElement[bool]:
    """Whether the column holds this text: any script, capital and small ASCII letters alike."""
    if connection.dialect.name != "sqlite":
        return column.ilike(_pattern(text), escape="\\")
    if len(text) > _LONG_PATTERN:
        return func.instr(func.lower(column), func.lower(text)) > 0
    return column.like(_pattern(text), escape="\\")


def _pattern(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    return f"%{escaped}%"


def _postgresql_engine(url: str) -> Engine:
    target = make_url(url)
    if target.drivername in ("postgres", "postgresql"):
        target = target.set(drivername="postgresql+psycopg")
    return create_engine(target, pool_pre_ping=True, pool_size=5, max_overflow=30)


def _sqlite_engine(url: str, *, writing: bool) -> Engine:
    path = make_url(url).database
    if path:
        Path(path).parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    engine = create_engine(
        url,
        module=sqlite.module(),
        connect_args={"timeout": BUSY_SECONDS, "check_same_thread": False},
        pool_size=5,
        max_overflow=30,
        pool_use_lifo=True,  # the connection that has the pages still in mind
    )
    event.listen(engine, "connect", lambda connection, record: _prepare_sqlite(connection, record, writing=writing))
    event.listen(engine, "close", _close_log)
    return engine


def _prepare_sqlite(dbapi_connection: Any, record: Any, *, writing: bool) -> None:
    """Settings of a connection.

    SQLite's own build flushes its log with fsync, which also waits for the file's times to be written: twice as long
    on many disks. So a writer commits without a flush and flushes the log itself before anybody is told (`_flush`).
    """
    dbapi_connection.isolation_level = None  # the driver starts no transaction: `read` and `write` do
    cursor = dbapi_connection.cursor()
    cursor.execute(f"PRAGMA busy_timeout = {BUSY_SECONDS * 1000}")
    _set_journal(cursor)
    file = cursor.execute("PRAGMA database_list").fetchone()[2]  # as SQLite itself has resolved its name
    own_flush = writing and file and sqlite.journal_mode() == "WAL" and hasattr(os, "fdatasync")
    cursor.execute(f"PRAGMA synchronous = {'NORMAL' if own_flush else 'FULL'}")
    record.info["path"] = f"{file}-wal" if own_flush else ""
    cursor.execute("PRAGMA foreign_keys = ON")
    cursor.execute("PRAGMA cache_size = -16000")
    cursor.execute(f"PRAGMA query_only = {int(not writing)}")
    cursor.close()


def _set_journal(cursor: Any) -> None:
    """Choose the journal. Changing it needs the file alone and does not wait by itself, so it is tried again."""
    wanted = sqlite.journal_mode()
    deadline = time.monotonic() + BUSY_SECONDS
    while cursor.execute("PRAGMA journal_mode").fetchone()[0].upper() != wanted:
        try:
            cursor.execute(f"PRAGMA journal_mode = {wanted}").fetchone()
        except sqlite.module().OperationalError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)


__all__ = [
    "Database",
    "Json",
    "Moment",
    "OperationalError",
    "bulk_insert",
    "contains",
    "insert_missing",
    "inserted_id",
    "metadata",
    "now",
    "plain_text",
    "read_json",
    "read_moment",
    "run",
    "run_insert",
    "run_many",
    "written_moment",
]
