"""The tables of datasets, their rows, the history of edits, and frozen versions.

A removed row stays as it is with an empty `dataset_id` (`removed_from` then names its dataset), so that it can come
back with its id, place and content, and every question about a dataset sees living rows only. The texts that the
grid shows, searches and sorts are kept beside the JSON line. Short columns come first: a scan reads no long text.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ColumnElement,
    ForeignKey,
    Index,
    Integer,
    String,
    Table,
    Text,
    and_,
    cast,
    text,
)

from core.store.database import Json, Moment, metadata, plain_text

GAP = 1 << 20  # between the positions of two neighbours at import: 20 rows fit one after another before renumbering


def _inside(dataset: str = "dataset.id") -> ForeignKey:
    return ForeignKey(dataset, ondelete="CASCADE")


counter = Table(  # ids that are known before the rows are written, on both databases
    "counter", metadata, Column("name", Text, primary_key=True), Column("last", BigInteger, nullable=False)
)

dataset = Table(
    "dataset",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("name", plain_text(), nullable=False),
    Column("kind", String(20), nullable=False),
    Column("encoding", String(40), nullable=False),
    Column("revision", Integer, nullable=False),
    Column("rows", Integer, nullable=False),
    Column("state", String(20), nullable=False),
    Column("created_at", Moment, nullable=False),
    Column("origin", Text, nullable=False),
    Column("answers_closed", Boolean, nullable=False),
    Column("recipe", Json),
    sqlite_autoincrement=True,
)

example = Table(
    "example",
    metadata,
    Column("id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=False),
    Column("dataset_id", Integer, _inside()),
    Column("position", BigInteger, nullable=False),
    Column("kind", String(20), nullable=False),
    Column("split", plain_text(), nullable=False),
    Column("status", plain_text(), nullable=False),
    Column("revision", Integer, nullable=False),
    Column("tokens", Integer, nullable=False),
    Column("answer_tokens", Integer, nullable=False),
    Column("content_hash", String(32), nullable=False),
    Column("removed_from", Integer, _inside()),
    Column("issues", Text, nullable=False),
    Column("label", plain_text(), nullable=False),
    Column("question", plain_text(), nullable=False),
    Column("answer", plain_text(), nullable=False),
    Column("other", plain_text(), nullable=False),
    Column("raw", Text, nullable=False),
    Column("origin", Json, nullable=False),
)
Index("example_by_position", example.c.dataset_id, example.c.position)
Index("example_by_label", example.c.dataset_id, example.c.label, example.c.position, example.c.split)
Index("example_by_tokens", example.c.dataset_id, example.c.tokens, example.c.position)
Index(
    "example_by_split",
    *(example.c.dataset_id, example.c.split, example.c.position, example.c.tokens, example.c.answer_tokens),
)
_marked = text("status <> ''")
Index(
    "example_by_status",
    *(example.c.dataset_id, example.c.status, example.c.position),
    sqlite_where=_marked,
    postgresql_where=_marked,
)
_removed = text("removed_from IS NOT NULL")
Index("example_removed", example.c.removed_from, example.c.position, sqlite_where=_removed, postgresql_where=_removed)

example_issue = Table(
    "example_issue",
    metadata,
    Column("example_id", ForeignKey("example.id", ondelete="CASCADE"), primary_key=True),
    Column("code", String(80), primary_key=True),
    Column("dataset_id", Integer, nullable=False),
    Column("severity", String(20), nullable=False),
    Column("position", BigInteger, nullable=False, server_default="0"),
    sqlite_with_rowid=False,
)
_issues = example_issue.c
Index("example_issue_code_place", _issues.dataset_id, _issues.code, _issues.position, _issues.example_id)
Index("example_issue_severity_place", _issues.dataset_id, _issues.severity, _issues.position, _issues.example_id)

reject = Table(
    "reject",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("dataset_id", Integer, _inside(), nullable=False, index=True),
    Column("file", Text, nullable=False),
    Column("row", Integer, nullable=False),
    Column("column", Text, nullable=False),
    Column("reason", Json),
    Column("seen", Text, nullable=False),
    Column("kept", Json),  # the whole line, or all cells by their columns, to be mended
    Column("after_id", BigInteger),  # the row below which it belongs; 0: above the first
    Column("example_id", BigInteger),  # the row that it became when it was mended
)

# One press of a button. Who, when and what never change; `undone` and `head_id` (the batch that left the rows as they
# are now) only spare reading the whole history to know what can be undone.
batch = Table(
    "batch",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("dataset_id", Integer, _inside(), nullable=False),
    Column("at", Moment, nullable=False),
    Column("who", Text, nullable=False),
    Column("kind", String(10), nullable=False),
    Column("target_id", Integer),
    Column("undone", Boolean, nullable=False),
    Column("head_id", Integer),
)
Index("batch_by_dataset", batch.c.dataset_id, batch.c.id)
Index(
    "batch_undone",
    *(batch.c.dataset_id, batch.c.head_id),
    sqlite_where=batch.c.undone.is_(True),
    postgresql_where=batch.c.undone.is_(True),
)

# What a batch did to one row: the fields it touched, as they were and as it left them. Rows are only ever added. The
# ids of a batch begin at its own times BATCH_IDS, so that they need neither a sequence nor an index of batches or of
# datasets: every page that an edit touches has to reach the disk before the edit is told to be saved.
BATCH_IDS = 1 << 26
history = Table(
    "history",
    metadata,
    Column("id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=False),
    Column("batch_id", Integer, nullable=False),
    Column("dataset_id", Integer, nullable=False),
    Column("example_id", BigInteger, nullable=False, index=True),
    Column("action", String(10), nullable=False),
    Column("before", Json),
    Column("after", Json),
)


def steps_of(batch_id: ColumnElement[int] | int) -> ColumnElement[bool]:
    """Which rows of the history are those of a batch."""
    first = cast(batch_id, BigInteger) * BATCH_IDS
    return and_(history.c.id >= first, history.c.id < first + BATCH_IDS)


content = Table(
    "content",
    metadata,
    Column("hash", String(32), primary_key=True),
    Column("raw", Text, nullable=False),
)

version = Table(
    "version",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("dataset_id", Integer, nullable=False),
    Column("digest", String(32), nullable=False),
    Column("rows", Integer, nullable=False),
    Column("by_split", Json, nullable=False),
    Column("created_at", Moment, nullable=False),
    sqlite_autoincrement=True,
)
Index("version_by_content", version.c.dataset_id, version.c.digest, unique=True)

version_example = Table(
    "version_example",
    metadata,
    Column("version_id", ForeignKey("version.id", ondelete="CASCADE"), primary_key=True),
    Column("ordinal", Integer, primary_key=True),
    Column("example_id", BigInteger, nullable=False),
    Column("content_hash", ForeignKey("content.hash"), nullable=False, index=True),
    Column("label", plain_text(), nullable=False),
    Column("split", plain_text(), nullable=False),
    sqlite_with_rowid=False,
)
