"""Places for new rows: sparse numbers, so that a row fits between two others without moving them."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import ColumnElement, Connection, func, or_, select, update

from core.store.schema import GAP, example


def places_after(connection: Connection, dataset_id: int, after: Sequence[int | None]) -> list[int]:
    """A position for each new row: below the row named, in the order given; at the end where none is named."""
    groups: dict[int | None, list[int]] = {}
    for number, example_id in enumerate(after):
        groups.setdefault(example_id, []).append(number)
    places = [0] * len(after)
    for example_id, numbers in groups.items():
        start, step = _room(connection, dataset_id, example_id, len(numbers))
        if step == 0:
            renumber(connection, dataset_id, len(numbers) + 1)
            places = places_after(connection, dataset_id, after)
            break
        for nth, number in enumerate(numbers, 1):
            places[number] = start + nth * step
    return places


def renumber(connection: Connection, dataset_id: int, wanted: int = 0) -> None:
    """Spread the rows of a dataset evenly again, removed ones included: their places are kept for undo."""
    mine = _mine(dataset_id)
    order = func.row_number().over(order_by=(example.c.position, example.c.id)).label("number")
    numbered = select(example.c.id, order).where(mine).subquery()
    moved = update(example).where(example.c.id == numbered.c.id)
    connection.execute(moved.values(position=numbered.c.number * max(GAP, wanted)))


def _mine(dataset_id: int) -> ColumnElement[bool]:
    return or_(example.c.dataset_id == dataset_id, example.c.removed_from == dataset_id)


def _room(connection: Connection, dataset_id: int, example_id: int | None, count: int) -> tuple[int, int]:
    """Where new rows start, and how far they are apart; 0 where there is no room."""
    mine = _mine(dataset_id)
    place = select(example.c.position).where(example.c.id == example_id, mine)
    start = connection.execute(place).scalar() if example_id is not None else None
    if start is None:
        return connection.execute(select(func.max(example.c.position)).where(mine)).scalar() or 0, GAP
    following = select(func.min(example.c.position)).where(mine, example.c.position > start)
    stop = connection.execute(following).scalar()
    return start, GAP if stop is None else (stop - start) // (count + 1)
