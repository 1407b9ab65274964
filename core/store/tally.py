"""Counts that are kept while rows change, so that a page, a report and an edit cost the same in any dataset.

A tally is how many rows of a dataset have a value ("label" "sports", "tokens" 90) in one block of places. `KEPT` says
of what; with a block of places the counts are also the fences that lead to any page by key. A batch of edits adds its
differences in its own transaction; an import, a recount and new places count everything again.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from sqlalchemy import BigInteger, Column, Connection, ForeignKey, Integer, String, Table

from core.store.database import metadata, plain_text, run, run_many
from core.store.part import Seen
from core.store.schema import GAP

NARROW = 256 * GAP  # places in a block that pages are counted by, and that a search passes over or looks through
WIDE = 16 * NARROW  # places in a block of one label, split, token count or issue

tally = Table(
    "tally",
    metadata,
    Column("dataset_id", Integer, ForeignKey("dataset.id", ondelete="CASCADE"), primary_key=True),
    Column("facet", String(40), primary_key=True),
    Column("value", plain_text(), primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("block", BigInteger, primary_key=True),
    Column("rows", Integer, nullable=False),
    sqlite_with_rowid=False,
)

# facet -> where its values stand, and how: value, number, block, and which rows at all
_PLACE, _PART = f"position / {NARROW}", f"position / {WIDE}"
KEPT = {
    "'place'": ("example", "''", "0", _PLACE, ""),
    "'part'": ("example", "''", "0", _PART, ""),
    "'label'": ("example", "label", "0", _PART, ""),
    "'split'": ("example", "split", "0", _PART, ""),
    "'status'": ("example", "status", "0", _PART, " AND status <> ''"),
    "'tokens'": ("example", "''", "tokens", _PART, ""),
    "'label:' || split": ("example", "label", "0", "0", ""),
    "'tokens:' || split": ("example", "''", "tokens", "0", ""),
    "'answers:' || split": ("example", "''", "answer_tokens", "0", ""),
    "'code'": ("example_issue", "code", "0", _PART, ""),
    "'severity'": ("example_issue", "severity", "0", _PART, ""),
}
_ISSUES = "SELECT code, severity FROM example_issue WHERE example_id = ?"
_NAMES = "facet, value, number, block, rows"
Key = tuple[str, str, int, int]  # facet, value, number, block


class Counted(NamedTuple):
    """What of a row is counted; `issues` are its codes with their severities."""

    position: int
    label: str
    split: str
    status: str
    tokens: int
    answer_tokens: int
    issues: Mapping[str, str]


def keys(row: Counted) -> Iterator[Key]:
    """Every count that this row is one of: what KEPT says, for a single row."""
    part = row.position // WIDE
    yield "place", "", 0, row.position // NARROW
    yield from _named_keys(part, row.label, row.split, row.status, row.issues)
    yield "tokens", "", row.tokens, part
    yield f"tokens:{row.split}", "", row.tokens, 0
    yield f"answers:{row.split}", "", row.answer_tokens, 0


def _named_keys(part: int, label: str, split: str, status: str, issues: Mapping[str, str]) -> Iterator[Key]:
    yield "part", "", 0, part
    yield "label", label, 0, part
    yield "split", split, 0, part
    if status:
        yield "status", status, 0, part
    yield f"label:{split}", label, 0, 0
    for code in issues:
        yield "code", code, 0, part
    for severity in set(issues.values()):
        yield "severity", severity, 0, part


def all_keys(rows: Iterable[Counted]) -> Counter[Key]:
    """How often each key is one of these rows': what is alike in many rows is looked at once."""
    places: Counter[int] = Counter()
    named: Counter[tuple[int, str, str, str, tuple[tuple[str, str], ...]]] = Counter()
    numbers: Counter[tuple[int, str, int]] = Counter()
    answers: Counter[tuple[str, int]] = Counter()
    for position, label, split, status, tokens, answer_tokens, issues in rows:
        part = position // WIDE
        places[position // NARROW] += 1
        named[part, label, split, status, tuple(issues.items())] += 1
        numbers[part, split, tokens] += 1
        answers[split, answer_tokens] += 1
    made: Counter[Key] = Counter({("place", "", 0, place): n for place, n in places.items()})
    for (part, label, split, status, found), n in named.items():
        for key in _named_keys(part, label, split, status, dict(found)):
            made[key] += n
    for (part, split, tokens), n in numbers.items():
        made["tokens", "", tokens, part] += n
        made[f"tokens:{split}", "", tokens, 0] += n
    for (split, answer_tokens), n in answers.items():
        made[f"answers:{split}", "", answer_tokens, 0] += n
    return made


def counted(connection: Connection, dataset_id: int, ids: Iterable[int]) -> dict[int, Counted]:
    """What is counted of these rows, as they are now; those that are not in the dataset are left out."""
    found: dict[int, Counted] = {}
    for example_id in ids:
        wanted = "SELECT position, label, split, status, tokens, answer_tokens FROM example"
        for row in run(connection, f"{wanted} WHERE id = ? AND dataset_id = ?", (example_id, dataset_id)):
            found[example_id] = Counted._make((*row, dict(run(connection, _ISSUES, (example_id,)))))
    return found


def as_counted(row: Seen) -> Counted:
    """The same of a row that was read a moment ago, but for the severities of its issues (see `with_severities`)."""
    facts = (row.position, row.label, str(row.split), str(row.status), row.tokens, row.answer_tokens)
    return Counted(*facts, dict.fromkeys(row.issues.split(), ""))


def with_severities(connection: Connection, example_id: int, row: Counted) -> Counted:
    """What is counted of a row, its issues as they are noted at present."""
    return row._replace(issues=dict(run(connection, _ISSUES, (example_id,)))) if row.issues else row


def add_difference(
    connection: Connection, dataset_id: int, before: Mapping[int, Counted], after: Mapping[int, Counted]
) -> None:
    """Count rows (by their ids) as they are after a batch, and no longer as they were before it."""
    if before == after:
        return
    changes: Counter[Key] = Counter()
    for example_id in before.keys() | after.keys():
        was, became = before.get(example_id), after.get(example_id)
        if was != became:
            old, new = (set(keys(row)) if row else set() for row in (was, became))
            changes.update(new - old)
            changes.subtract(old - new)
    add_counts(connection, dataset_id, changes)


def add_counts(connection: Connection, dataset_id: int, changes: Mapping[Key, int]) -> None:
    """Add these differences to what is kept."""
    adding = (
        f"INSERT INTO tally (dataset_id, {_NAMES}) VALUES (?, ?, ?, ?, ?, ?)"
        " ON CONFLICT (dataset_id, facet, value, number, block) DO UPDATE SET rows = tally.rows + excluded.rows"
    )
    run_many(connection, adding, [(dataset_id, *key, rows) for key, rows in sorted(changes.items()) if rows])


def count_again(connection: Connection, dataset_id: int) -> None:
    """Count all rows of a dataset from the beginning."""
    run(connection, "DELETE FROM tally WHERE dataset_id = ?", (dataset_id,))
    for facet in KEPT:
        names = f"INSERT INTO tally (dataset_id, {_NAMES}) "
        run(connection, names + _counting(facet, "dataset_id, ", 5), (dataset_id,))


def _counting(facet: str, first: str = "", grouped: int = 4) -> str:
    """The statement that counts one line of KEPT from the rows."""
    table, value, number, block, only = KEPT[facet]
    count = "count(*)" if table == "example" else "count(DISTINCT example_id)"
    selected = f"SELECT {first}{facet}, {value}, {number}, {block}, {count} FROM {table} WHERE dataset_id = ?{only}"
    return f"{selected} GROUP BY {', '.join(map(str, range(1, grouped + 1)))}"


def totals(connection: Connection, dataset_id: int, *facets: str) -> list[tuple[str, int, int]]:
    """(value, number, rows) of these facets together, over all blocks, in the order of the values."""
    marks = ", ".join("?" * len(facets))
    wanted = f"SELECT value, number, sum(rows) FROM tally WHERE dataset_id = ? AND facet IN ({marks})"
    grouped = f"{wanted} GROUP BY value, number HAVING sum(rows) > 0 ORDER BY value, number"
    return [(value, number, int(rows)) for value, number, rows in run(connection, grouped, (dataset_id, *facets))]


def total(connection: Connection, dataset_id: int, facet: str, value: str) -> int:
    """How many rows have this value."""
    wanted = "SELECT coalesce(sum(rows), 0) FROM tally WHERE dataset_id = ? AND facet = ? AND value = ?"
    return int(run(connection, wanted, (dataset_id, facet, value))[0][0])


def place_fence(connection: Connection, dataset_id: int, place: int) -> tuple[int, int]:
    """The narrow block in which the row with so many rows before it stands, and how many come before the block."""
    part, before = fence(connection, dataset_id, "part", place)
    blocks = (part * (WIDE // NARROW), (part + 1) * (WIDE // NARROW))
    block, inside = fence(connection, dataset_id, "place", place - before, blocks=blocks)
    return block, before + inside


def fence(
    connection: Connection,
    dataset_id: int,
    facet: str,
    place: int,
    value: tuple[str, int] = ("", 0),
    blocks: tuple[int, int] = (0, 1 << 40),
) -> tuple[int, int]:
    """The same for the rows with one value of a facet, counted from the first of these blocks on."""
    order = "sum(rows) OVER (ORDER BY block) - rows AS before"
    mine = "dataset_id = ? AND facet = ? AND value = ? AND number = ? AND block >= ? AND block < ?"
    counts = f"SELECT block, {order} FROM tally WHERE {mine} AND rows > 0"
    wanted = f"SELECT block, before FROM ({counts}) AS kept WHERE before <= ? ORDER BY before DESC LIMIT 1"
    found = run(connection, wanted, (dataset_id, facet, *value, *blocks, place))
    return (int(found[0][0]), int(found[0][1])) if found else (blocks[0], 0)


def differences(connection: Connection, dataset_id: int) -> set[tuple[Any, ...]]:
    """Where the kept counts are not what the rows give: empty, unless something went wrong."""
    kept = run(connection, f"SELECT {_NAMES} FROM tally WHERE dataset_id = ? AND rows <> 0", (dataset_id,))
    found = [row for one in KEPT for row in run(connection, _counting(one), (dataset_id,))]
    return set(kept) ^ set(found)
