"""A store on SQLite, and the same on PostgreSQL where its server is at hand."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path

import pytest

from core.settings import Settings
from core.store import Store


def server_program(name: str) -> str | None:
    """The newest PostgreSQL program of this name: Debian keeps them outside the PATH."""
    versions = Path("/usr/lib/postgresql").glob(f"*/bin/{name}")
    newest = sorted(versions, key=lambda path: float(path.parent.parent.name))
    return str(newest[-1]) if newest else shutil.which(name)


@pytest.fixture(scope="session")
def postgresql() -> Iterator[Callable[[], str]]:
    """A private PostgreSQL server; each call makes a fresh database and gives its URL."""
    initdb, control = server_program("initdb"), server_program("pg_ctl")
    if not initdb or not control:
        reason = "PostgreSQL's server is not installed (apt-get install postgresql)"
        pytest.fail(reason) if os.environ.get("CI") == "true" else pytest.skip(reason)
    folder = Path(tempfile.mkdtemp(prefix="luopan-pg-"))
    as_user: list[str] = []
    if os.geteuid() == 0:  # the server refuses to run as root
        shutil.chown(folder, "postgres")
        as_user = ["runuser", "-u", "postgres", "--"]

    def run(*command: str) -> None:
        subprocess.run([*as_user, *command], check=True, capture_output=True, cwd=folder, timeout=60)

    options = f"-k {folder} -c listen_addresses='' -c fsync=off"
    try:
        run(initdb, "-D", f"{folder}/data", "-U", "luopan", "--auth=trust", "-E", "UTF8", "--no-locale", "--no-sync")
        run(control, "-D", f"{folder}/data", "-l", f"{folder}/log", "-o", options, "-w", "start")
        numbers = count(1)

        def fresh() -> str:
            import psycopg

            name = f"store{next(numbers)}"
            with psycopg.connect(f"host={folder} user=luopan dbname=postgres", autocommit=True) as connection:
                connection.execute(f"CREATE DATABASE {name}")
            return f"postgresql+psycopg://luopan@/{name}?host={folder}"

        yield fresh
    finally:
        if (folder / "data" / "postmaster.pid").exists():
            run(control, "-D", f"{folder}/data", "-m", "immediate", "stop")
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(params=["sqlite", "postgresql"])
def store_settings(request: pytest.FixtureRequest, tmp_path: Path) -> Settings:
    """Settings that lead to a fresh database."""
    url = request.getfixturevalue("postgresql")() if request.param == "postgresql" else ""
    return Settings.from_env({"LUOPAN_HOME": str(tmp_path / "home"), "LUOPAN_DATABASE_URL": url})


@pytest.fixture
def store(store_settings: Settings) -> Iterator[Store]:
    """An empty store."""
    opened = Store.open(store_settings)
    yield opened
    opened.close()


@pytest.fixture
def second(store_settings: Settings, store: Store) -> Iterator[Store]:
    """Another process's view of the same database."""
    opened = Store.open(store_settings)
    yield opened
    opened.close()
