"""Rows of a file that did not become examples: kept with all that stood in them, so that they can be mended.

One that was mended names the row it became. While that row is in the dataset it is not listed any more; when the
mending is undone it is listed again.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, exists, func, insert, select, update

from core.dataset.edits import Added, clean
from core.store.part import Part, chunks
from core.store.schema import GAP, example, reject
from core.store.texts import pack, unpack
from core.store.values import Rejected
from core.words import Text


class Rejects(Part):
    """What an import left out."""

    def add_rejects(self, dataset_id: int, rejects: Sequence[Rejected | tuple[Any, ...]]) -> None:
        """Keep rows that could not be imported, the rows above them being stored already."""
        items = [Rejected(*item) for item in rejects]
        if not items:
            return
        with self.database.write() as connection:
            above = _ids_at(connection, dataset_id, {item.after for item in items})
            rows = [{"dataset_id": dataset_id, **_packed(item), "after_id": above.get(item.after, 0)} for item in items]
            connection.execute(insert(reject), rows)

    def rejects(self, dataset_id: int, limit: int | None = None) -> list[Rejected]:
        """The rows that are left out, in the order of the file."""
        wanted = select(reject).where(reject.c.dataset_id == dataset_id, _open()).order_by(reject.c.id).limit(limit)
        with self.database.read() as connection:
            return [_rejected(row) for row in connection.execute(wanted)]

    def count_rejects(self, dataset_id: int) -> int:
        """How many rows are left out."""
        wanted = select(func.count()).select_from(reject).where(reject.c.dataset_id == dataset_id, _open())
        with self.database.read() as connection:
            return int(connection.execute(wanted).scalar() or 0)

    def rejects_of(self, dataset_id: int, ids: Iterable[int]) -> list[Rejected]:
        """Those of these rejected rows that are still left out, each with the row below which it belongs now."""
        found: list[Rejected] = []
        mine = (reject.c.dataset_id == dataset_id, _open())
        with self.database.read() as connection:
            for some in chunks(sorted(ids)):
                wanted = select(reject).where(reject.c.id.in_(some), *mine).order_by(reject.c.id)
                for row in connection.execute(wanted).all():
                    found.append(_rejected(row)._replace(after=_above(connection, row)))
        return found

    def mended(self, dataset_id: int) -> dict[int, Rejected]:
        """What the rows that were mended and are there had been, by their ids."""
        wanted = select(reject).where(reject.c.dataset_id == dataset_id, reject.c.example_id.is_not(None), ~_open())
        with self.database.read() as connection:
            return {row.example_id: _rejected(row) for row in connection.execute(wanted)}

    def explain_rejects(self, reasons: Mapping[int, tuple[Text | str, str | dict[str, str]]]) -> None:
        """Keep what a person wrote into rejected rows, and why they are still rejected."""
        with self.database.write() as connection:
            for reject_id, (reason, kept) in reasons.items():
                values = {"reason": pack(reason), "kept": _clean(kept)}
                connection.execute(update(reject).where(reject.c.id == reject_id).values(**values))


def still_open(connection: Connection, added: Sequence[Added]) -> list[Added]:
    """Without the rejected rows that somebody has mended in the meantime."""
    wanted = [item.reject_id for item in added if item.reject_id is not None]
    here: set[int | None] = {None}
    for some in chunks(wanted):
        here |= set(connection.execute(select(reject.c.id).where(reject.c.id.in_(some), _open())).scalars())
    return [item for item in added if item.reject_id in here]


def mark_mended(connection: Connection, made: Iterable[tuple[Added, int]]) -> None:
    """Write down which rows the rejected ones became (of several the last), in the transaction that makes them."""
    for item, example_id in made:
        if item.reject_id is not None:
            connection.execute(update(reject).where(reject.c.id == item.reject_id).values(example_id=example_id))


def _open() -> ColumnElement[bool]:
    return ~exists().where(example.c.id == reject.c.example_id, example.c.dataset_id == reject.c.dataset_id)


def _above(connection: Connection, row: Any) -> int:
    """The row below which a rejected one belongs: what became of the rejected ones before it is there too."""
    alike = (reject.c.dataset_id == row.dataset_id, reject.c.after_id == row.after_id, reject.c.id < row.id)
    mended = select(reject.c.example_id).where(*alike, ~_open()).order_by(reject.c.id.desc()).limit(1)
    return int(connection.execute(mended).scalar() or row.after_id or 0)


def _ids_at(connection: Connection, dataset_id: int, places: Iterable[int]) -> dict[int, int]:
    """The ids of the nth rows of an import: its rows lie evenly until it is finished."""
    found: dict[int, int] = {}
    for some in chunks(sorted(places)):
        here = (example.c.dataset_id == dataset_id, example.c.position.in_([place * GAP for place in some]))
        rows = connection.execute(select(example.c.id, example.c.position).where(*here))
        found.update((row.position // GAP, row.id) for row in rows)
    return found


def _rejected(row: Any) -> Rejected:
    told = (row.file, row.row, row._mapping["column"], unpack(row.reason), row.seen)
    return Rejected(*told, row.kept, row.after_id or 0, row.id)


def _packed(item: Rejected) -> dict[str, Any]:
    texts = {"file": clean(item.file), "column": clean(item.column), "seen": clean(item.seen)}
    return {**texts, "row": item.row, "reason": pack(item.reason), "kept": _clean(item.kept)}


def _clean(kept: str | Mapping[str, str] | None) -> str | dict[str, str] | None:
    if isinstance(kept, Mapping):
        return {clean(column): clean(cell) for column, cell in kept.items()}
    return clean(kept) if kept else None
