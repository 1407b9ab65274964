"""What happened to the tables over time: an append-only list of small functions, each run once per database.

A new version of the product adds functions at the end and never edits an old one, except that `m001` makes the
tables as they are declared today: a later function must therefore look before it changes (a fresh database
already has what it would add).
"""

from __future__ import annotations

from collections.abc import Callable

from sqlalchemy import Column, Connection, Table, Text, insert, inspect, select, text

from core.store.database import Database, Moment, metadata, now

applied = Table("migration", metadata, Column("name", Text, primary_key=True), Column("at", Moment, nullable=False))


def m001_tables(connection: Connection) -> None:
    """Every table and index declared on the metadata."""
    metadata.create_all(connection)


def m002_relations(connection: Connection) -> None:
    """The tables of repeats, contradictions and leaks, where the database is older than they are."""
    metadata.create_all(connection, tables=[metadata.tables[name] for name in ("relation_report", "relation_group")])


def m_privacy_findings(connection: Connection) -> None:
    """What scans for personal data and odd characters find, and the numbers of masks."""
    from core.store.findings import TABLES

    metadata.create_all(connection, TABLES, checkfirst=True)


def m_mended_rejects(connection: Connection) -> None:
    """What stood in rejected rows, where they belong, and what they became."""
    from core.store.schema import reject

    there = {column["name"] for column in inspect(connection).get_columns("reject")}
    for name in ("kept", "after_id", "example_id"):
        if name not in there:
            kind = reject.c[name].type.compile(connection.dialect)
            connection.execute(text(f"ALTER TABLE reject ADD COLUMN {name} {kind}"))


MIGRATIONS: list[Callable[[Connection], None]] = [m001_tables, m002_relations, m_privacy_findings, m_mended_rejects]


def migrate(database: Database) -> list[str]:
    """Run what this database has not seen yet, one process at a time; the names of what ran."""
    with database.migrating() as connection:
        applied.create(connection, checkfirst=True)
        seen = set(connection.execute(select(applied.c.name)).scalars())
        waiting = [migration for migration in MIGRATIONS if migration.__name__ not in seen]
        for migration in waiting:
            migration(connection)
            connection.execute(insert(applied).values(name=migration.__name__, at=now()))
    return [migration.__name__ for migration in waiting]
