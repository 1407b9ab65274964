"""Reading rows: one page at a time, filtered, searched and sorted in the database."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator, Sequence
from dataclasses import replace
from threading import Lock
from typing import Any

from sqlalchemy import ColumnElement, Connection, func, or_, select

from core.dataset.examples import Example
from core.errors import BadInput, NotFound
from core.store import tally
from core.store.database import Database, contains, run
from core.store.findings import kinds_of, with_finding
from core.store.part import Judge, Part, chunks, load_dataset, load_examples
from core.store.schema import example, example_issue
from core.store.searching import Search, blocks_of
from core.store.values import EVERYTHING, Dataset, Filter, Page
from core.store.walking import SORTS, ids_at, ids_between, listing
from core.words import T

_REMEMBERED = 256  # counts of filtered rows
_SEARCHES = 8  # searches that can be gone on with, of 8 MB at most for a million hits
_MANY_HITS = 2_000  # hits of a search that are put into another order at once
_UNKNOWN = 1 << 62  # a total that is not known yet: such a list is only walked from its beginning
_FEW_ROWS = 5_000  # rows of a filter in which a search is quicker by the filter's index


class Rows(Part):
    """Pages and single rows."""

    def __init__(self, database: Database, judge: Judge | None = None) -> None:
        super().__init__(database, judge)
        self._counts: OrderedDict[tuple[Any, ...], int] = OrderedDict()
        self._searches: OrderedDict[tuple[Any, ...], Search] = OrderedDict()
        self._lock = Lock()

    def page(
        self,
        dataset_id: int,
        filter: Filter = EVERYTHING,
        *,
        sort: str = "position",
        descending: bool = False,
        page: int = 1,
        size: int = 100,
    ) -> Page:
        """One page of the rows; a page number beyond the last one means the last one.

        The page of a search comes before its hits are counted: `exact` says whether `total` is all of them.
        """
        if sort not in SORTS:
            raise BadInput(T("Rows cannot be sorted by “{column}”.", column=sort))
        with self.database.read() as connection:
            current = load_dataset(connection, dataset_id)
            searched = self._searched(connection, current, filter, descending and sort == "position")
            if searched is not None:
                wanted = page * size + 1
                searched.go_on(connection, wanted if sort == "position" else max(wanted, _MANY_HITS), 0)
            exact = searched is None or searched.done
            total = len(searched.hits) if searched is not None else self._total(connection, current, filter)
            pages = max(1, -(-total // size))
            page = min(max(page, 1), pages)
            places = ((page - 1) * size, min(page * size, total), total if exact else _UNKNOWN)
            if searched is not None and sort == "position":
                ids = list(searched.hits[places[0] : places[1]])
            elif searched is not None and exact and total <= _MANY_HITS:
                ids = _in_order(connection, searched.hits, sort, descending)[places[0] : places[1]]
            else:
                ids = _ids(connection, current, filter, sort, descending, places)
            found = load_examples(connection, ids)
        return Page(tuple(found[id] for id in ids), total, page, pages, exact)

    def look_on(self, dataset_id: int, filter: Filter, *, descending: bool = False, steps: int = 4) -> tuple[int, bool]:
        """Go on with a search for a moment; how many hits it has by now, and whether these are all."""
        with self.database.read() as connection:
            current = load_dataset(connection, dataset_id)
            searched = self._searched(connection, current, filter, descending)
            if searched is None:
                return self._total(connection, current, filter), True
            searched.go_on(connection, 0, steps)
            return len(searched.hits), searched.done

    def example(self, example_id: int) -> Example:
        """One row; NotFound where it was removed."""
        with self.database.read() as connection:
            row = load_examples(connection, [example_id]).get(example_id)
        if row is None:
            raise NotFound(T("This row does not exist any more."), T("Somebody removed it; undo brings it back."))
        return row

    def examples(self, dataset_id: int, filter: Filter = EVERYTHING) -> Iterator[Example]:
        """All rows as they are listed now, in their order, read a few hundred at a time."""
        with self.database.read() as connection:
            load_dataset(connection, dataset_id)
            where = conditions(connection, dataset_id, filter)
            wanted = select(example.c.id).where(*where).order_by(example.c.position)
            ids = list(connection.execute(wanted).scalars())
        for some in chunks(ids):
            with self.database.read() as connection:
                found = load_examples(connection, some)
            yield from (found[id] for id in some if id in found)

    def position_page(self, dataset_id: int, example_id: int, size: int = 100) -> int:
        """The number of the unfiltered page that shows this row."""
        with self.database.read() as connection:
            mine = "FROM example WHERE dataset_id = ?"
            found = run(connection, f"SELECT position {mine} AND id = ?", (dataset_id, example_id))
            if not found:
                return 1
            position = int(found[0][0])
            block = position // tally.NARROW
            kept = "SELECT coalesce(sum(rows), 0) FROM tally WHERE dataset_id = ? AND facet = 'place' AND block < ?"
            before = run(connection, kept, (dataset_id, block))[0][0]
            inside = f"SELECT count(*) {mine} AND position >= ? AND position < ?"
            rest = run(connection, inside, (dataset_id, block * tally.NARROW, position))[0][0]
        return int(before + rest) // size + 1

    def _total(self, connection: Connection, current: Dataset, filter: Filter) -> int:
        known = listing(filter, "position")
        if known is not None:
            return known.total(connection, current)
        key = (current.id, current.revision, current.rows, filter)
        with self._lock:
            counted = self._counts.get(key) if filter.finding is None else None  # a scan changes no revision
        if counted is None:
            where = conditions(connection, current.id, filter)
            counted = connection.execute(select(func.count()).select_from(example).where(*where)).scalar_one()
            with self._lock:
                _remember(self._counts, key, counted, _REMEMBERED)
        return counted

    def _searched(self, connection: Connection, current: Dataset, filter: Filter, descending: bool) -> Search | None:
        """The search of this filter, as far as it went; None where it holds no text, or the rest of it leaves few rows.

        What scans found is not looked for step by step: a scan changes no revision, so a search could mix two.
        """
        rest = listing(replace(filter, text=""), "position")
        if (
            not filter.text
            or filter.finding is not None
            or (rest and rest.total(connection, current) <= _FEW_ROWS < current.rows)
        ):
            return None
        key = (current.id, current.revision, current.rows, filter, descending)
        with self._lock:
            known = self._searches.get(key)
            if known is None:
                where = conditions(connection, current.id, filter)
                known = Search(current.id, filter.text, where, blocks_of(connection, current.id), descending)
            _remember(self._searches, key, known, _SEARCHES)
        return known


def _remember(kept: OrderedDict[tuple[Any, ...], Any], key: tuple[Any, ...], value: Any, most: int) -> None:
    kept[key] = value
    kept.move_to_end(key)
    while len(kept) > most:
        kept.popitem(last=False)


def _ids(
    connection: Connection, current: Dataset, filter: Filter, sort: str, descending: bool, places: tuple[int, int, int]
) -> list[int]:
    start, stop, total = places
    known = listing(filter, sort)
    if known is None:
        where = conditions(connection, current.id, filter)
        return ids_between(connection, where, sort, places, descending=descending)
    ids = ids_at(connection, current.id, known, total - stop if descending else start, stop - start)
    return ids[::-1] if descending else ids


def _in_order(connection: Connection, hits: Sequence[int], sort: str, descending: bool) -> list[int]:
    keys = [
        (*row[1:], row[0])
        for some in chunks(hits)
        for row in connection.execute(
            select(example.c.id, SORTS[sort], example.c.position).where(example.c.id.in_(some))
        )
    ]
    return [key[-1] for key in sorted(keys, reverse=descending)]


def conditions(connection: Connection, dataset_id: int, filter: Filter) -> list[ColumnElement[bool]]:
    """A filter in the database's words."""
    where = [example.c.dataset_id == dataset_id]
    for column, value in ((example.c.label, filter.label), (example.c.split, filter.split)):
        if value is not None:
            where.append(column == str(value))
    if filter.status is not None:
        where.append(example.c.status == str(filter.status))
        if filter.status:
            where.append(example.c.status != "")  # lets the index of marked rows be used
    if filter.over_tokens is not None:
        where.append(example.c.tokens > filter.over_tokens)
    for column, value in ((example_issue.c.code, filter.issue), (example_issue.c.severity, filter.severity)):
        if value is not None:
            found = select(example_issue.c.example_id)
            where.append(example.c.id.in_(found.where(example_issue.c.dataset_id == dataset_id, column == str(value))))
    if filter.finding is not None:
        where.append(example.c.id.in_(with_finding(dataset_id, kinds_of(filter.finding))))
    if filter.text:
        texts = (example.c.question, example.c.answer, example.c.other, example.c.label)
        where.append(or_(*(contains(connection, column, filter.text) for column in texts)))
    return where
