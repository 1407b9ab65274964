"""From numbered lists of cells to rows with names: the part that text tables and sheets share."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from typing import NamedTuple

from core.dataset.encodings import damage
from core.dataset.joined import filled
from core.dataset.readers.values import Block, Reject, Row, damaged, excerpt
from core.words import T


class Run(NamedTuple):
    """Rows as they follow each other in a file, the number of the first, and whether no cell can be damaged."""

    number: int
    rows: list[list[str]]
    sound: bool


class Even(NamedTuple):
    """A `Run` whose rows all have the same number of cells, as columns."""

    number: int
    columns: Sequence[Sequence[str]]
    sound: bool

    @property
    def rows(self) -> list[list[str]]:
        """The rows one by one."""
        return list(map(list, zip(*self.columns, strict=True)))


def blocks(
    runs: Iterable[Run | Even | Reject], columns: Sequence[str], header: bool, top: int = 0
) -> Iterator[Block | Reject]:
    """Rows under these names, those below the first `top`. Empty ones are passed over; one with too many or too few
    cells is rejected."""
    awaiting_header = header
    for run in runs:
        if isinstance(run, Reject):
            if run.row > top:
                awaiting_header = False
                yield run
            continue
        start = max(0, top + 1 - run.number)
        if isinstance(run, Even):
            if not awaiting_header and not start and (found := _even(run, len(columns))):
                yield found
                continue
            run = Run(run.number, run.rows, run.sound)
        if awaiting_header:
            names = next((n for n in range(start, len(run.rows)) if not _is_blank(run.rows[n])), None)
            start = len(run.rows) if names is None else names + 1
            awaiting_header = names is None
        rest = Run(run.number + start, run.rows[start:] if start else run.rows, run.sound)
        if rest.rows:
            found = _even(_as_columns(rest), len(columns))
            yield from [found] if found else _one_by_one(rest, columns)


def rows(found: Iterable[Block | Reject], columns: Sequence[str]) -> Iterator[Row | Reject]:
    """The rows of blocks one by one."""
    for block in found:
        if isinstance(block, Reject):
            yield block
            continue
        for number, cells in zip(block.numbers, zip(*block.columns, strict=True), strict=True):
            yield Row(number, dict(zip(columns, cells)), "", block.file)  # noqa: B905  (a third of the time goes here)


def together(found: Iterable[Row | Reject], columns: Sequence[str]) -> Iterator[Block | Reject]:
    """Single rows as blocks."""
    numbers: list[int] = []
    cells: list[list[str]] = []
    for row in chain(found, (None,)):
        if isinstance(row, Row):
            numbers.append(row.number)
            cells.append([row.cells.get(column, "") for column in columns])
        if numbers and (not isinstance(row, Row) or len(numbers) == _TOGETHER):
            yield Block(numbers, list(zip(*cells, strict=True)))
            numbers, cells = [], []
        if isinstance(row, Reject):
            yield row


_TOGETHER = 1_000  # rows


def _is_blank(cells: Sequence[str]) -> bool:
    text = "".join(cells)
    return not text or text.isspace()


def _as_columns(run: Run) -> Even | None:
    """The same as columns, where each row has as many cells as the others."""
    if not run.sound or len(set(map(len, run.rows))) > 1:
        return None
    return Even(run.number, list(zip(*run.rows, strict=True)), run.sound)


def _even(run: Even | None, width: int) -> Block | None:
    """The rows as one block, where nothing is wrong with any."""
    if not run or not run.sound or len(run.columns) < width:
        return None
    whole = any(map(filled, run.columns[:width]))
    if not whole or any(map(str.strip, chain(*run.columns[width:]))):
        return None
    return Block(range(run.number, run.number + len(run.columns[0])), run.columns[:width])


def _one_by_one(run: Run, columns: Sequence[str]) -> Iterator[Block | Reject]:
    """The rows but for those that are empty or do not fit."""
    good: list[Row | Reject] = []
    for number, cells in enumerate(run.rows, start=run.number):
        if _is_blank(cells):
            continue
        fault = _uneven(number, cells, columns) if len(cells) != len(columns) else None
        if not fault and not run.sound:
            fault = _unreadable(number, cells, columns)
        if fault:
            good.append(fault.keeping(cells=named(cells, columns)))
            continue
        good.append(Row(number, dict(zip(columns, cells, strict=False))))
    return together(good, columns)


def named(cells: Sequence[str], columns: Sequence[str]) -> dict[str, str]:
    """The cells of a row that does not fit, as far as it goes; those too many by their place."""
    names = [*columns, *(f"column {place + 1}" for place in range(len(columns), len(cells)))]
    return {name: cells[place] if place < len(cells) else "" for place, name in enumerate(names)}


def _uneven(number: int, cells: list[str], columns: Sequence[str]) -> Reject | None:
    """Why a row does not fit its header, or None where only empty cells are too many."""
    width = len(columns)
    if len(cells) < width:
        reason = T(
            "The header has {wanted} {wanted:cell|cells}, this row {seen}. Add the missing cells, empty ones included.",
            seen=len(cells),
            wanted=width,
        )
        return Reject(number, columns[len(cells)], reason, excerpt(" | ".join(cells)))
    extra = next((place for place in range(width, len(cells)) if cells[place].strip()), None)
    if extra is None:
        return None
    reason = T(
        "The header has {wanted} {wanted:cell|cells}, this row {seen}. Put a text that holds the separator between"
        " double quotes.",
        seen=len(cells),
        wanted=width,
    )
    return Reject(number, f"column {extra + 1}", reason, excerpt(" | ".join(cells)))


def _unreadable(number: int, cells: list[str], columns: Sequence[str]) -> Reject | None:
    for column, cell in zip(columns, cells, strict=False):
        if bytes_seen := damage(cell):
            return damaged(number, column, bytes_seen, cell)
        if "\0" in cell:
            return Reject(number, column, T("The cell holds a NUL character. Take it out."), excerpt(cell))
    return None
