"""Reading rows: one page at a time, filtered, searched and sorted in the database."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator
from threading import Lock
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, func, or_, select

from core.dataset.examples import Example
from core.errors import BadInput, NotFound
from core.store.database import Database, contains
from core.store.findings import kinds_of, with_finding
from core.store.part import EXAMPLE, Judge, Part, chunks, load_dataset, load_examples, to_example
from core.store.schema import example, example_issue
from core.store.values import EVERYTHING, Filter, Page
from core.words import T

SORTS = {
    **{name: example.c[name] for name in ("position", "id", "label", "split", "status", "tokens", "answer_tokens")},
    **{"system": example.c.other, "user": example.c.question, "assistant": example.c.answer},
}
_REMEMBERED = 256  # counts of filtered rows


class Rows(Part):
    """Pages and single rows."""

    def __init__(self, database: Database, judge: Judge | None = None) -> None:
        super().__init__(database, judge)
        self._counts: OrderedDict[tuple[Any, ...], int] = OrderedDict()
        self._counts_lock = Lock()

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
        """One page of the rows; a page number beyond the last one means the last one."""
        if sort not in SORTS:
            raise BadInput(T("Rows cannot be sorted by “{column}”.", column=sort))
        with self.database.read() as connection:
            total = self._total(connection, dataset_id, filter)
            pages = max(1, -(-total // size))
            page = min(max(page, 1), pages)
            start, stop = (page - 1) * size, min(page * size, total)
            ids = _ids_between(connection, dataset_id, filter, sort, descending, start, stop, total)
            found = load_examples(connection, ids)
        return Page(tuple(found[id] for id in ids), total, page, pages)

    def example(self, example_id: int) -> Example:
        """One row; NotFound where it was removed."""
        with self.database.read() as connection:
            wanted = select(*EXAMPLE).where(example.c.id == example_id, example.c.dataset_id.is_not(None))
            row = connection.execute(wanted).one_or_none()
        if row is None:
            raise NotFound(T("This row does not exist any more."), T("Somebody removed it; undo brings it back."))
        return to_example(row)

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
        place = select(example.c.position).where(example.c.id == example_id, example.c.dataset_id == dataset_id)
        with self.database.read() as connection:
            position = connection.execute(place).scalar()
            if position is None:
                return 1
            before = and_(example.c.dataset_id == dataset_id, example.c.position < position)
            count = connection.execute(select(func.count()).where(before)).scalar_one()
        return int(count) // size + 1

    def _total(self, connection: Connection, dataset_id: int, filter: Filter) -> int:
        current = load_dataset(connection, dataset_id)
        if filter == EVERYTHING:
            return current.rows
        key = (dataset_id, current.revision, current.rows, filter)
        with self._counts_lock:
            known = self._counts.get(key) if filter.finding is None else None  # a scan changes no revision
        if known is None:
            where = conditions(connection, dataset_id, filter)
            known = connection.execute(select(func.count()).select_from(example).where(*where)).scalar_one()
            with self._counts_lock:
                self._counts[key] = known
                while len(self._counts) > _REMEMBERED:
                    self._counts.popitem(last=False)
        return known


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


def _ids_between(
    connection: Connection,
    dataset_id: int,
    filter: Filter,
    sort: str,
    descending: bool,
    start: int,
    stop: int,
    total: int,
) -> list[int]:
    """The ids at these places of the sorted list, counted from its nearer end: only an index is walked."""
    from_end = start > total - stop
    keys = (SORTS[sort], example.c.position) if sort != "position" else (example.c.position,)
    order = [key.desc() if descending != from_end else key.asc() for key in keys]
    wanted = select(example.c.id).where(*conditions(connection, dataset_id, filter)).order_by(*order)
    skipped = total - stop if from_end else start
    ids = list(connection.execute(wanted.limit(stop - start).offset(skipped)).scalars())
    return ids[::-1] if from_end else ids
