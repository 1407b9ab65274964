"""Small settings that a person chose and that outlive the browser: a name and any JSON value."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Column, Table, Text, delete, insert, select

from core.store.database import Database, Json, metadata

preference = Table("preference", metadata, Column("key", Text, primary_key=True), Column("value", Json))


class Preferences:
    """Names and their JSON values."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def get(self, key: str, default: Any = None) -> Any:
        """The value kept under this name, or the default where there is none."""
        with self._database.read() as connection:
            row = connection.execute(select(preference.c.value).where(preference.c.key == key)).one_or_none()
        return default if row is None else row.value

    def set(self, key: str, value: Any) -> None:
        """Keep a JSON value under this name."""
        with self._database.write() as connection:
            connection.execute(delete(preference).where(preference.c.key == key))
            connection.execute(insert(preference).values(key=key, value=value))
