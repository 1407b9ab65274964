"""The SQLite build that Luopan trusts.

SQLite 3.7.0 to 3.51.2 can corrupt a WAL database that several connections write to, and Python's own build is
often older than the repair. pysqlite3 ships a newer one; where it is missing, the rollback journal is used.
"""

from __future__ import annotations

from types import ModuleType

WAL_SAFE_SINCE = (3, 51, 3)


def module() -> ModuleType:
    """The newest SQLite driver at hand, with the interface of the sqlite3 module."""
    try:
        import pysqlite3
    except ImportError:
        import sqlite3

        return sqlite3
    return pysqlite3  # type: ignore[no-any-return]


def journal_mode() -> str:
    """The journal to use: WAL where this build is safe with it, else DELETE."""
    return "WAL" if module().sqlite_version_info >= WAL_SAFE_SINCE else "DELETE"
