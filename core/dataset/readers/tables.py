"""From numbered lists of cells to rows with names: the part that text tables and sheets share."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from core.dataset.encodings import damage
from core.dataset.readers.values import Reject, Row, damaged, excerpt
from core.words import T

Record = tuple[int, list[str]]


def rows(
    records: Iterable[Record | Reject], columns: Sequence[str], header: bool, top: int = 0
) -> Iterator[Row | Reject]:
    """Rows under these names, those below the first `top`. Empty ones are passed over; one with too many or too few
    cells is rejected."""
    width = len(columns)
    awaiting_header = header
    for record in records:
        if top and (record.row if isinstance(record, Reject) else record[0]) <= top:
            continue
        if isinstance(record, Reject):
            awaiting_header = False
            yield record
            continue
        number, cells = record
        text = "".join(cells)
        if not text or text.isspace():
            continue
        if awaiting_header:
            awaiting_header = False
            continue
        if len(cells) != width:
            fault = _uneven(number, cells, columns)
            if fault:
                yield fault.keeping(cells=named(cells, columns))
                continue
            del cells[width:]
        if "\0" in text or (not text.isascii() and damage(text)):
            yield _unreadable(number, cells, columns).keeping(cells=named(cells, columns))
            continue
        yield Row(number, dict(zip(columns, cells, strict=True)))


def named(cells: Sequence[str], columns: Sequence[str]) -> dict[str, str]:
    """The cells of a row that does not fit, as far as it goes; those too many by their place."""
    names = [*columns, *(f"column {place + 1}" for place in range(len(columns), len(cells)))]
    return {name: cells[place] if place < len(cells) else "" for place, name in enumerate(names)}


def _uneven(number: int, cells: list[str], columns: Sequence[str]) -> Reject | None:
    """Why a row does not fit its header, or None where only empty cells are too many."""
    width = len(columns)
    if len(cells) < width:
        reason = T(
            "The header has {wanted} cells, this row {seen}. Add the missing cells, empty ones included.",
            seen=len(cells),
            wanted=width,
        )
        return Reject(number, columns[len(cells)], reason, excerpt(" | ".join(cells)))
    extra = next((place for place in range(width, len(cells)) if cells[place].strip()), None)
    if extra is None:
        return None
    reason = T(
        "The header has {wanted} cells, this row {seen}. Put a text that holds the separator between double quotes.",
        seen=len(cells),
        wanted=width,
    )
    return Reject(number, f"column {extra + 1}", reason, excerpt(" | ".join(cells)))


def _unreadable(number: int, cells: list[str], columns: Sequence[str]) -> Reject:
    for column, cell in zip(columns, cells, strict=True):
        if bytes_seen := damage(cell):
            return damaged(number, column, bytes_seen, cell)
        if "\0" in cell:
            return Reject(number, column, T("The cell holds a NUL character. Take it out."), excerpt(cell))
    return Reject(number, "", T("The row cannot be read."), "")
