"""What happened to the tables over time: an append-only list of small functions, each run once per database.

A new version of the product adds functions at the end and never edits an old one, except that `m001` makes the
tables as they are declared today: a later function must therefore look before it changes (a fresh database
already has what it would add).
"""

from __future__ import annotations

from collections.abc import Callable

from sqlalchemy import Column, Connection, Table, Text, insert, inspect, select, text

from core.store.database import Database, Moment, metadata, now, run

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


def m_kept_counts(connection: Connection) -> None:
    """The counts and sets of words that are kept while rows change, and the places of issues."""
    from core.store.tally import count_again, tally
    from core.store.words import block_words, read_words

    metadata.create_all(connection, [tally, block_words], checkfirst=True)
    if "position" not in {column["name"] for column in inspect(connection).get_columns("example_issue")}:
        run(connection, "ALTER TABLE example_issue ADD COLUMN position BIGINT NOT NULL DEFAULT 0")
        place = "SELECT position FROM example WHERE example.id = example_issue.example_id"
        run(connection, f"UPDATE example_issue SET position = ({place})")
        for name in ("example_issue_by_code", "example_issue_by_severity"):
            run(connection, f"DROP INDEX IF EXISTS {name}")
        for index in metadata.tables["example_issue"].indexes:
            index.create(connection, checkfirst=True)
    for (dataset_id,) in run(connection, "SELECT id FROM dataset WHERE state = 'ready'"):
        count_again(connection, dataset_id)
        read_words(connection, dataset_id)


def m_split_plan(connection: Connection) -> None:
    """How each dataset was split, and whether its test set is locked."""
    metadata.create_all(connection, tables=[metadata.tables["split_plan"]])


def m_label_doubts(connection: Connection) -> None:
    """Labels that are probably wrong, and those that a person has said are right."""
    from core.store.doubts import TABLES

    metadata.create_all(connection, TABLES, checkfirst=True)


def m_mended_rejects(connection: Connection) -> None:
    """What stood in rejected rows, where they belong, and what they became."""
    from core.store.schema import reject

    there = {column["name"] for column in inspect(connection).get_columns("reject")}
    for name in ("kept", "after_id", "example_id"):
        if name not in there:
            kind = reject.c[name].type.compile(connection.dialect)
            connection.execute(text(f"ALTER TABLE reject ADD COLUMN {name} {kind}"))


def m_lean_history(connection: Connection) -> None:
    """Batches and their steps without sequences and with fewer indices: an edit writes a third less."""
    from core.store.schema import BATCH_IDS, batch, history

    indices = {index["name"] for table in ("batch", "history") for index in inspect(connection).get_indexes(table)}
    if "history_by_dataset" not in indices:
        return
    number = f"batch_id * CAST({BATCH_IDS} AS BIGINT) + row_number() OVER (PARTITION BY batch_id ORDER BY id)"
    if connection.dialect.name == "sqlite":
        for name in ("batch", "history"):
            run(connection, f"ALTER TABLE {name} RENAME TO {name}_before")
        for old in indices:
            run(connection, f"DROP INDEX {old}")
        metadata.create_all(connection, [batch, history])
        for table, first in ((batch, "id"), (history, number)):
            names = [column.name for column in table.columns]
            values = ", ".join([first, *(f'"{name}"' for name in names[1:])])
            run(connection, f"INSERT INTO {table.name} SELECT {values} FROM {table.name}_before ORDER BY id")
        for name in ("history", "batch"):
            run(connection, f"DROP TABLE {name}_before")
        return
    run(connection, "ALTER TABLE history DROP CONSTRAINT history_batch_id_fkey")
    run(connection, "ALTER TABLE history ALTER COLUMN id DROP DEFAULT")
    for name in ("history_by_dataset", "ix_history_batch_id", "batch_by_dataset"):
        run(connection, f"DROP INDEX {name}")
    numbered = f"SELECT id AS old, {number} AS number FROM history"
    run(connection, f"UPDATE history SET id = -number FROM ({numbered}) AS numbered WHERE id = old")
    run(connection, "UPDATE history SET id = -id")
    for index in batch.indexes:
        index.create(connection, checkfirst=True)


def m_set_aside(connection: Connection) -> None:
    """Finds that a person has set aside, labels that were kept among them; comparisons are to be made again."""
    metadata.create_all(connection, tables=[metadata.tables["set_aside"]])
    tables = inspect(connection).get_table_names()
    if "label_kept" in tables:
        kept = "SELECT dataset_id, 'label', content_hash || ' ' || label FROM label_kept"
        run(connection, f"INSERT INTO set_aside (dataset_id, kind, content) {kept}")
        run(connection, "DROP TABLE label_kept")
    if "content" not in {column["name"] for column in inspect(connection).get_columns("relation_group")}:
        again = [metadata.tables[name] for name in ("relation_report", "relation_group")]
        metadata.drop_all(connection, again)
        metadata.create_all(connection, again)


MIGRATIONS: list[Callable[[Connection], None]] = [
    *(m001_tables, m002_relations, m_privacy_findings),
    *(m_kept_counts, m_split_plan, m_label_doubts, m_mended_rejects, m_lean_history, m_set_aside),
]


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
