"""The SQLite that is trusted: write-ahead logging only where several writers cannot corrupt it."""

from __future__ import annotations

import builtins
import sqlite3
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from core import sqlite


def test_the_driver_at_hand_keeps_what_is_written(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    with sqlite.module().connect(str(path)) as connection:
        assert connection.execute(f"pragma journal_mode = {sqlite.journal_mode()}").fetchone()[0].upper() in (
            "WAL",
            "DELETE",
        )
        connection.execute("create table t (x text)")
        connection.execute("insert into t values ('文')")
    assert sqlite3.connect(path).execute("select x from t").fetchall() == [("文",)]


@pytest.mark.parametrize(
    ("version", "mode"),
    [((3, 51, 3), "WAL"), ((3, 52, 0), "WAL"), ((4, 0, 0), "WAL"), ((3, 51, 2), "DELETE"), ((3, 40, 1), "DELETE")],
)
def test_write_ahead_logging_is_used_only_where_it_is_safe(
    monkeypatch: pytest.MonkeyPatch, version: tuple[int, int, int], mode: str
) -> None:
    class Driver(ModuleType):
        sqlite_version_info = version

    monkeypatch.setattr(sqlite, "module", lambda: Driver("driver"))
    assert sqlite.journal_mode() == mode


def test_without_the_newer_build_pythons_own_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def without(name: str, *more: Any, **options: Any) -> Any:
        if name == "pysqlite3":
            raise ImportError(name)
        return real(name, *more, **options)

    monkeypatch.setattr(builtins, "__import__", without)
    assert sqlite.module() is sqlite3
