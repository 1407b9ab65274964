"""Any page of a sorted or filtered list by key: from the nearest fence that is kept, along an index.

`ids_at` answers for all rows in each order of SORTS, and for the rows of one label, split, status, issue or severity
in their order. What has no kept counts (several filters at once) is walked from its nearer end.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, select

from core.dataset.examples import Split
from core.store import tally
from core.store.database import run
from core.store.schema import example
from core.store.values import EVERYTHING, Dataset, Filter

SORTS = {name: example.c[name] for name in ("position", "label", "split", "tokens")}
_BY_SPLIT = {name: tuple(f"{name}:{split}" for split in Split) for name in ("label", "tokens")}
_FACETS = {"label": "label", "split": "split", "status": "status", "issue": "code", "severity": "severity"}


@dataclass(frozen=True)
class Listing:
    """Rows that have kept counts: all of them in an order, or those with one value of a facet in their places."""

    facet: str
    value: str | None = None

    def total(self, connection: Connection, dataset: Dataset) -> int:
        """How many rows there are."""
        if self.value is None:
            return dataset.rows
        return tally.total(connection, dataset.id, self.facet, self.value)


def listing(filter: Filter, sort: str) -> Listing | None:
    """The kept counts that answer for this filter in this order, if there are any."""
    if filter == EVERYTHING:
        return Listing("place" if sort == "position" else sort)
    for field, facet in _FACETS.items():
        value = getattr(filter, field)
        if (
            sort == "position"
            and value is not None
            and (facet, value) != ("status", "")
            and filter == Filter(**{field: value})
        ):
            return Listing(facet, str(value))
    return None


def ids_at(connection: Connection, dataset_id: int, rows: Listing, start: int, count: int) -> list[int]:
    """The ids of `count` rows after the first `start` ones, in ascending order."""
    if rows.value is None and rows.facet != "place":
        return _sorted_ids(connection, dataset_id, rows.facet, start, count)
    if rows.value is None:
        block, before = tally.place_fence(connection, dataset_id, start)
        return _ids(connection, "", (dataset_id, block * tally.NARROW), count, start - before)
    block, before = tally.fence(connection, dataset_id, rows.facet, start, (rows.value, 0))
    first = block * tally.WIDE
    if rows.facet in ("code", "severity"):
        wanted = (
            "SELECT DISTINCT example_id, position FROM example_issue"
            f" WHERE dataset_id = ? AND {rows.facet} = ? AND position >= ? ORDER BY position LIMIT ? OFFSET ?"
        )
        found = run(connection, wanted, (dataset_id, rows.value, first, count, start - before))
        return [row[0] for row in found]
    marked = " AND status <> ''" if rows.facet == "status" else ""  # lets the index of marked rows be used
    where = f" AND {rows.facet} = ?{marked}"
    return _ids(connection, where, (dataset_id, rows.value, first), count, start - before)


def _ids(connection: Connection, where: str, parameters: tuple[Any, ...], count: int, skipped: int) -> list[int]:
    """Ids from a place on; `skipped` is less than the rows of one block."""
    wanted = f"SELECT id FROM example WHERE dataset_id = ?{where} AND position >= ? ORDER BY position LIMIT ? OFFSET ?"
    return [row[0] for row in run(connection, wanted, (*parameters, count, skipped))]


def _sorted_ids(connection: Connection, dataset_id: int, column: str, start: int, count: int) -> list[int]:
    """Ids in the order of a column, from the first value that reaches beyond `start` on."""
    before, value, number = 0, "", 0
    for value, number, rows in tally.totals(connection, dataset_id, *_BY_SPLIT.get(column, (column,))):  # noqa: B007
        if before + rows > start:
            break
        before += rows
    block, inside = tally.fence(connection, dataset_id, column, start - before, (value, number))
    wanted = (
        f"SELECT id FROM example WHERE dataset_id = ? AND ({column}, position) >= (?, ?)"
        f" ORDER BY {column}, position LIMIT ? OFFSET ?"
    )
    key = number if column == "tokens" else value
    skipped = start - before - inside
    return [row[0] for row in run(connection, wanted, (dataset_id, key, block * tally.WIDE, count, skipped))]


def ids_between(
    connection: Connection,
    where: list[ColumnElement[bool]],
    sort: str,
    places: tuple[int, int, int],
    *,
    descending: bool,
) -> list[int]:
    """The ids at the places (start, stop, of how many) of any filtered list, walked from its nearer end."""
    start, stop, total = places
    from_end = start > total - stop
    keys = (SORTS[sort], example.c.position) if sort != "position" else (example.c.position,)
    order = [key.desc() if descending != from_end else key.asc() for key in keys]
    wanted = select(example.c.id).where(*where).order_by(*order)
    skipped = total - stop if from_end else start
    ids = list(connection.execute(wanted.limit(stop - start).offset(skipped)).scalars())
    return ids[::-1] if from_end else ids
