"""Places for new rows: sparse numbers, so that a row fits between two others without moving them.

No two rows of a dataset share a place, removed rows included.
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import ColumnElement, Connection, func, or_, select, update

from core.store.database import run
from core.store.part import chunks
from core.store.schema import GAP, example


def places_after(connection: Connection, dataset_id: int, after: Sequence[int | None]) -> tuple[list[int], bool]:
    """A position for each new row: below the row named, in the order given; at the end where none is named.

    And whether all rows were given new places to make room.
    """
    here = _positions(connection, dataset_id, [example_id for example_id in after if example_id is not None])
    here[0] = 0  # above the first row
    groups: dict[int | None, list[int]] = {}
    for number, example_id in enumerate(after):
        groups.setdefault(example_id if example_id in here else None, []).append(number)
    places = [0] * len(after)
    at_the_end = groups.pop(None, [])
    for example_id, numbers in groups.items():
        step = _gap(connection, dataset_id, here[example_id]) // (len(numbers) + 1)
        if step == 0:
            renumber(connection, dataset_id, len(numbers) + 1)
            return places_after(connection, dataset_id, after)[0], True
        for nth, number in enumerate(numbers, 1):
            places[number] = here[example_id] + nth * step
    end = max(last_place(connection, dataset_id), *places, 0)
    for nth, number in enumerate(at_the_end, 1):
        places[number] = end + nth * GAP
    return places, False


def renumber(connection: Connection, dataset_id: int, wanted: int = 0) -> None:
    """Spread the rows of a dataset evenly again, removed ones included: their places are kept for undo."""
    mine = _mine(dataset_id)
    order = func.row_number().over(order_by=example.c.position).label("number")
    numbered = select(example.c.id, order).where(mine).subquery()
    moved = update(example).where(example.c.id == numbered.c.id)
    connection.execute(moved.values(position=numbered.c.number * max(GAP, wanted)))
    place = "SELECT position FROM example WHERE example.id = example_issue.example_id"
    run(connection, f"UPDATE example_issue SET position = ({place}) WHERE dataset_id = ?", (dataset_id,))


def _mine(dataset_id: int) -> ColumnElement[bool]:
    return or_(example.c.dataset_id == dataset_id, example.c.removed_from == dataset_id)


def _positions(connection: Connection, dataset_id: int, ids: Sequence[int]) -> dict[int | None, int]:
    found: dict[int | None, int] = {}
    for some in chunks(sorted(set(ids))):
        wanted = select(example.c.id, example.c.position).where(example.c.id.in_(some), _mine(dataset_id))
        found.update((row.id, row.position) for row in connection.execute(wanted))
    return found


def last_place(connection: Connection, dataset_id: int) -> int:
    """The last position in use, of removed rows too."""
    return connection.execute(select(func.max(example.c.position)).where(_mine(dataset_id))).scalar() or 0


def _gap(connection: Connection, dataset_id: int, start: int) -> int:
    """How far the next row is from here."""
    following = select(func.min(example.c.position)).where(_mine(dataset_id), example.c.position > start)
    stop = connection.execute(following).scalar()
    return (start + 2 * GAP if stop is None else stop) - start
