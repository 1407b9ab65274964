"""One database, opened by several processes, on either journal; tables that are brought up to date once."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from sqlalchemy import Column, Connection, Integer, Table, insert, inspect, select, text
from sqlalchemy.exc import DBAPIError
from store_samples import change, draft, make

from core import sqlite
from core.dataset.edits import Change, Edits, Removed
from core.errors import AppError
from core.settings import Settings
from core.store import Filter, Store, migrations
from core.store.database import Database, Json, Moment, bulk_insert, inserted_id, metadata
from core.store.schema import BATCH_IDS, history
from core.store.tally import differences

ROOT = Path(__file__).resolve().parents[3]
OPEN = """
import sys
from core.settings import Settings
from core.store import Store
store = Store.open(Settings.from_env({"LUOPAN_HOME": sys.argv[1], "LUOPAN_DATABASE_URL": sys.argv[2]}))
store.preferences.set(sys.argv[3], 1)
"""
thing = Table(
    "thing_of_a_test", metadata, Column("id", Integer, primary_key=True), Column("at", Moment), Column("data", Json)
)


@pytest.fixture(scope="module", autouse=True)
def _the_table_is_of_these_tests_only() -> object:
    yield
    metadata.remove(thing)


def test_values_come_back_as_they_went_in(store: Store) -> None:
    at = datetime(2026, 11, 21, 8, 30, 1, 250, timezone(timedelta(hours=8)))
    data = {"文": ["\x00", "half \ud800", 1.5, None, True], "big": 2**70}
    with store.database.write() as connection:
        id = inserted_id(connection.execute(insert(thing).values(at=at, data=data)))
        bulk_insert(connection, thing, ("id", "data"), [(id + 1, "[]"), (id + 2, None)])
        bulk_insert(connection, thing, ("id",), [])
    with store.database.read() as connection:
        rows = connection.execute(select(thing).order_by(thing.c.id)).all()
    assert rows[0].at == at and rows[0].at.tzinfo is UTC
    assert {**rows[0].data, "big": int(rows[0].data["big"])} == {**data, "big": int(float(2**70))}
    assert [tuple(row)[1:] for row in rows[1:]] == [(None, []), (None, None)]


def test_an_error_undoes_the_whole_transaction(store: Store) -> None:
    with pytest.raises(ZeroDivisionError), store.database.write() as connection:
        connection.execute(insert(thing).values(data=1))
        raise ZeroDivisionError
    with store.database.read() as connection:
        assert connection.execute(select(thing)).all() == []


def test_a_reader_sees_one_moment(store: Store, second: Store) -> None:
    dataset = make(store, [draft("a")])
    row = next(store.examples(dataset.id))
    wanted = text(f"SELECT revision FROM example WHERE id = {row.id}")
    with store.database.read() as connection:
        assert connection.execute(wanted).scalar() == 1
        change(second, row.id, user="b")
        assert connection.execute(wanted).scalar() == 1
    with store.database.read() as connection:
        assert connection.execute(wanted).scalar() == 2


def test_nothing_is_written_while_reading(store: Store) -> None:
    with pytest.raises(DBAPIError), store.database.read() as connection:
        connection.execute(insert(thing).values(data=1))


def test_processes_that_open_a_new_database_at_once_all_succeed(store_settings: Settings) -> None:
    place = [str(store_settings.home), store_settings.database_url]
    command = [sys.executable, "-c", OPEN, *place]
    processes = [subprocess.Popen([*command, f"p{n}"], cwd=ROOT, stderr=subprocess.PIPE) for n in range(4)]
    assert [process.communicate(timeout=60)[1].decode() for process in processes] == [""] * 4
    store = Store.open(store_settings)
    assert [store.preferences.get(f"p{n}") for n in range(4)] == [1] * 4
    store.close()


def test_an_unsafe_build_uses_the_rollback_journal_and_a_safe_one_goes_back(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    for mode in (sqlite.journal_mode(), "DELETE", "WAL"):
        monkeypatch.setattr(sqlite, "journal_mode", lambda mode=mode: mode)
        store, other = Store.open(settings), Store.open(settings)
        with store.database.read() as connection:
            assert connection.exec_driver_sql("PRAGMA journal_mode").scalar() == mode.lower()
            assert connection.exec_driver_sql("PRAGMA synchronous").scalar() == 2
            assert connection.exec_driver_sql("PRAGMA foreign_keys").scalar() == 1
        dataset = make(store, [draft(mode)])
        change(other, next(other.examples(dataset.id)).id, user="changed")
        store.close()
        other.close()
    assert len(Store.open(settings).datasets()) == 3


def test_every_write_waits_for_the_disk_but_a_step_of_an_import(
    store: Store, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    flushed: list[str] = []
    flush = os.fdatasync

    def told(file: int) -> None:
        flushed.append(Path(f"/proc/self/fd/{file}").readlink().name)
        flush(file)

    monkeypatch.setattr(os, "fdatasync", told)
    on_sqlite = store.database.is_sqlite

    def how(lasting: bool) -> object:
        flushed.clear()
        with store.database.write(lasting=lasting) as connection:
            connection.execute(insert(thing).values(data=1))
            said = None if on_sqlite else connection.exec_driver_sql("SHOW synchronous_commit").scalar()
        return list(flushed) if on_sqlite else said

    durable, loose = (["luopan.db-wal"], []) if on_sqlite else ("on", "off")
    assert [how(True), how(False), how(True)] == [durable, loose, durable]
    for lasting in (True, False):
        with pytest.raises(ZeroDivisionError), store.database.write(lasting=lasting):
            raise ZeroDivisionError
    assert [how(True), how(True)] == [durable, durable]
    store.close()
    assert how(True) == durable, "its file is opened anew"


@pytest.mark.skipif(not Path("/proc").exists(), reason="looks at /proc")
def test_a_store_that_is_closed_holds_no_file(settings: Settings, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(settings.folder(), target_is_directory=True)
    linked = replace(settings, database_url=f"sqlite:///{tmp_path}/link/luopan.db")
    for _ in range(2):
        store = Store.open(linked)
        make(store, [draft("q")])
        store.close()
    held = [str(link.readlink()) for link in Path("/proc/self/fd").iterdir() if link.is_symlink()]
    assert not [name for name in held if name.startswith(str(settings.home))]


def test_what_is_new_in_a_release_is_done_once(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    done = []

    def m999_something_new(connection: Connection) -> None:
        done.append(connection)

    monkeypatch.setattr(migrations, "MIGRATIONS", [*migrations.MIGRATIONS, m999_something_new])
    assert migrations.migrate(store.database) == ["m999_something_new"]
    assert migrations.migrate(store.database) == [] and len(done) == 1


def test_a_database_from_before_counts_were_kept_is_brought_up_to_date(store: Store, store_settings: Settings) -> None:
    dataset = make(store, [draft(f"q{n}", "文件" * (n % 2), label=f"l{n % 3}") for n in range(700)])
    with store.database.write() as connection:
        for statement in (
            "DROP TABLE tally",
            "DROP TABLE block_words",
            "DROP INDEX example_issue_code_place",
            "DROP INDEX example_issue_severity_place",
            "ALTER TABLE example_issue DROP COLUMN position",
            "CREATE INDEX example_issue_by_code ON example_issue (dataset_id, code, example_id)",
            "DELETE FROM migration WHERE name = 'm_kept_counts'",
        ):
            connection.exec_driver_sql(statement)
    store.close()
    again = Store.open(store_settings)
    with again.database.read() as connection:
        assert differences(connection, dataset.id) == set()
    assert again.label_counts(dataset.id) == {"l0": 234, "l1": 233, "l2": 233}
    rows = list(again.examples(dataset.id))
    code = rows[0].issues[0]
    wanted = [row for row in rows if code in row.issues][100:200]
    assert list(again.page(dataset.id, Filter(issue=code), page=2).examples) == wanted
    assert again.page(dataset.id, Filter(text="文件")).total == 350
    again.close()


OLD_HISTORY = {
    "sqlite": (
        "ALTER TABLE history RENAME TO kept_history",
        "ALTER TABLE batch RENAME TO kept_batch",
        *(f"DROP INDEX {name}" for name in ("batch_by_dataset", "batch_undone", "ix_history_example_id")),
        "CREATE TABLE batch (id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, dataset_id INTEGER NOT NULL"
        " REFERENCES dataset (id) ON DELETE CASCADE, at DATETIME NOT NULL, who TEXT NOT NULL, kind TEXT NOT NULL,"
        " target_id INTEGER, undone BOOLEAN NOT NULL, head_id INTEGER)",
        "CREATE TABLE history (id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, batch_id INTEGER NOT NULL"
        " REFERENCES batch (id) ON DELETE CASCADE, dataset_id INTEGER NOT NULL, example_id BIGINT NOT NULL,"
        " action VARCHAR(10) NOT NULL, before TEXT, after TEXT)",
        "INSERT INTO batch SELECT * FROM kept_batch",
        "INSERT INTO history SELECT row_number() OVER (ORDER BY id), batch_id, dataset_id, example_id, action, before,"
        " after FROM kept_history",
        "DROP TABLE kept_history",
        "DROP TABLE kept_batch",
    ),
    "postgresql": (
        "DROP INDEX batch_by_dataset",
        "DROP INDEX batch_undone",
        "CREATE SEQUENCE history_id_seq OWNED BY history.id",
        "ALTER TABLE history ALTER COLUMN id SET DEFAULT nextval('history_id_seq')",
        "ALTER TABLE history ADD FOREIGN KEY (batch_id) REFERENCES batch (id) ON DELETE CASCADE",
        "UPDATE history SET id = number FROM (SELECT id AS old, row_number() OVER (ORDER BY id) AS number FROM history)"
        " AS numbered WHERE id = old",
    ),
}


def test_a_history_with_more_indices_is_brought_up_to_date_with_all_its_steps(
    store: Store, store_settings: Settings
) -> None:
    dataset, other = (make(store, [draft(f"q{n}", f"long answer {n}") for n in range(5)], name) for name in "AB")
    rows, others = (list(store.examples(one.id)) for one in (dataset, other))
    for said in ("one", "two"):
        edits = [Change(row.id, store.example(row.id).revision, {"user": f"{said} {row.id}"}) for row in rows[:3]]
        store.apply(dataset.id, Edits(edits, removed=[Removed(rows[4].id, rows[4].revision)] * (said == "two")), "ann")
        change(store, others[0].id, "bob", user=said)
    store.undo(dataset.id, "ann")
    steps = [store.history(one.id) for one in (dataset, other)]
    with store.database.write() as connection:
        for statement in (
            *OLD_HISTORY[connection.dialect.name],
            "CREATE INDEX batch_by_dataset ON batch (dataset_id, kind, undone, id)",
            "CREATE INDEX ix_history_batch_id ON history (batch_id)",
            "CREATE INDEX history_by_dataset ON history (dataset_id, id)",
            "DELETE FROM migration WHERE name = 'm_lean_history'",
        ):
            connection.exec_driver_sql(statement)
        if store.database.is_sqlite:
            connection.exec_driver_sql("CREATE INDEX ix_history_example_id ON history (example_id)")
    store.close()
    again = Store.open(store_settings)
    with again.database.read() as connection:
        assert connection.execute(select(history.c.id).order_by(history.c.id).limit(1)).scalar_one() > BATCH_IDS
        named = {
            table: {index["name"] for index in inspect(connection).get_indexes(table)} for table in ("batch", "history")
        }
        assert named == {"batch": {"batch_by_dataset", "batch_undone"}, "history": {"ix_history_example_id"}}
        assert not inspect(connection).get_foreign_keys("history")
    assert [again.history(one.id) for one in (dataset, other)] == steps
    assert again.redo(dataset.id, "ann").saved == 4 and again.undo(other.id, "ann").saved == 1
    assert [len(again.history(one.id)) for one in (dataset, other)] == [len(steps[0]) + 4, len(steps[1]) + 1]
    again.delete_dataset(dataset.id)
    with again.database.read() as connection:
        assert set(connection.execute(select(history.c.dataset_id)).scalars()) == {other.id}
    again.close()


@pytest.mark.parametrize("scheme", ["postgres", "postgresql", "postgresql+psycopg"])
def test_any_postgresql_address_is_understood(scheme: str) -> None:
    database = Database(f"{scheme}://someone@nowhere.invalid/luopan")
    assert not database.is_sqlite and database._engine.url.drivername == "postgresql+psycopg"


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("nonsense", "Could not parse"),
        ("oracle9://me:hidden@there/x", "Can't load plugin"),
        ("postgresql://me:hidden@127.0.0.1:9/x", "refused"),
        ("sqlite:///{folder}/broken.db", "not a database"),
        ("sqlite:///{folder}", "unable to open"),
    ],
)
def test_a_database_that_cannot_be_opened_is_a_sentence_without_its_password(
    settings: Settings, tmp_path: Path, url: str, words: str
) -> None:
    (tmp_path / "broken.db").write_bytes(b"no database" * 1000)
    with pytest.raises(AppError, match=words) as raised:
        Store.open(replace(settings, database_url=url.format(folder=tmp_path)))
    assert "LUOPAN_DATABASE_URL" in str(raised.value.hint)
    assert "hidden" not in str(raised.value) and raised.value.__cause__ is None
