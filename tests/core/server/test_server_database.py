"""The provider's database: data of an older server opens, and what is asked all the time is found by an index."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.server import database, wire
from core.server.database import Database

JOB = (
    "INSERT INTO jobs(id, status, created_at, model, base, engine, method, hyperparameters, training_file, tag, seed,"
    " result_files) VALUES ('ftjob-1', 'succeeded', 1, 'm', 'm', 'classic', 'supervised', '{}', 'file-1', 't', 1, '[]')"
)


def test_a_folder_of_the_first_server_opens(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "provider.db"
    with monkeypatch.context() as older:
        older.setattr(database, "MIGRATIONS", database.MIGRATIONS[:1])
        first = Database(path)
        with first.write() as connection:
            connection.execute(JOB)
            connection.execute("INSERT INTO idempotency VALUES ('k', 'd', 200, '{}', 1.0)")
        first.close()
    for _start in range(2):
        opened = Database(path)
        with opened.read() as connection:
            job = wire.job(connection.execute("SELECT * FROM jobs").fetchone())
            assert connection.execute("SELECT key FROM idempotency").fetchone()["key"] == "k"
            assert not connection.execute("SELECT * FROM batches").fetchall()
        opened.close()
        assert (job["id"], job["status"]) == ("ftjob-1", "succeeded")


def test_keys_that_are_over_are_found_without_reading_all_answers(tmp_path: Path) -> None:
    opened = Database(tmp_path / "provider.db")
    with opened.read() as connection:
        plan = connection.execute("EXPLAIN QUERY PLAN DELETE FROM idempotency WHERE created < 1").fetchall()
    opened.close()
    assert "idempotency_by_age" in str([tuple(row) for row in plan])
