"""The tables of what was answered: stored responses with their items, and batches."""

from __future__ import annotations

from typing import Any

_TABLES = (
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


def answer_tables(connection: Any) -> None:
    """Makes them."""
    for statement in _TABLES:
        connection.execute(statement)
