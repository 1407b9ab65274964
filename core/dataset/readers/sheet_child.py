"""The child process that opens a workbook: a broken or hostile one can only take this process down.

`python sheet_child.py MEMORY FILE SHEET` prints the names of all sheets, then how many rows this one has (the first
where SHEET is empty) and the rows, many on a JSON line. MEMORY is the number of bytes it may hold.
"""

from __future__ import annotations

import datetime
import gc
import os
import sys
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import orjson
from python_calamine import CalamineError, CalamineSheet, CalamineWorkbook, PasswordError, SheetTypeEnum

SECONDS = 300  # of processor time
CELLS = 4_000  # that are written on a line
PASSWORD, BROKEN = 3, 4  # exit codes
_Range = tuple[tuple[int, int], tuple[int, int]]  # the first and the last cell, each as row and column
_opened: list[Any] = []  # held until the process ends: to take a large sheet apart costs time


def text_of(value: Any) -> str:
    """A cell as the sheet shows it: whole numbers without ".0", dates in ISO form."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() and abs(value) < 1e15 else repr(value)
    if isinstance(value, datetime.datetime):
        return value.isoformat(sep=" ")
    return str(value)


def limit_resources(memory: int) -> None:
    """Bound this process's memory and time, where the system can."""
    try:
        import resource
    except ImportError:
        return
    resource.setrlimit(resource.RLIMIT_DATA, (memory, memory))
    resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def write_rows(sheet: CalamineSheet) -> None:
    """The number of rows, then many rows a line as one JSON list of lists, from the sheet's first row on."""
    out = sys.stdout.buffer
    out.write(b"%d\n" % (sheet.end[0] + 1 if sheet.end else 0))
    if sheet.start is None:
        return
    rows = _with_merged(sheet.iter_rows(), sheet.merged_cell_ranges or (), sheet.start[1])
    while block := [_texts(cells) for cells in islice(rows, max(1, CELLS // (sheet.width or 1)))]:
        out.write(orjson.dumps(block))
        out.write(b"\n")


def _with_merged(rows: Iterator[list[Any]], merged: Sequence[_Range], left: int) -> Iterator[list[Any]]:
    """Rows, the first of which begins in the column `left`: a value that stands once for several rows is in each. Not
    of titles and of the header, below which that would make a row of names."""
    begins: dict[int, list[tuple[int, int]]] = {}
    for (top, column), (bottom, _right) in merged:
        if bottom > top:
            begins.setdefault(top, []).append((column - left, bottom))
    if not begins:
        yield from rows
        return
    below_header = False
    current: dict[int, tuple[int, Any]] = {}  # one for a column, however many a hostile file lists
    for number, cells in enumerate(rows):
        for column, (bottom, value) in list(current.items()):
            if number > bottom:
                del current[column]
            elif cells[column] == "":
                cells[column] = value
        for column, bottom in begins.pop(number, ()):
            if below_header and 0 <= column < len(cells) and cells[column] != "":
                current[column] = bottom, cells[column]
        below_header = below_header or len(cells) - cells.count("") > 1
        yield cells


def _texts(cells: list[Any]) -> list[str]:
    return [cell if type(cell) is str else text_of(cell) for cell in cells]


def main(memory: int, path: Path, sheet: str) -> int:
    """Answer on standard output; the exit code tells a locked or broken workbook."""
    limit_resources(memory)
    gc.disable()  # there are no cycles, and memory is bounded
    try:
        # From an open file the format is seen by the content, from a path by the ending.
        with path.open("rb") as file:
            book = CalamineWorkbook.from_filelike(file)
            names = [s.name for s in book.sheets_metadata if s.typ == SheetTypeEnum.WorkSheet]
            sys.stdout.buffer.write(orjson.dumps(names) + b"\n")
            sys.stdout.buffer.flush()
            found = book.get_sheet_by_name(sheet or names[0]) if names else None
            _opened.append((book, found))
            if found is not None:
                write_rows(found)
            sys.stdout.buffer.flush()
    except PasswordError:
        return PASSWORD
    except BrokenPipeError:
        return 0
    except (CalamineError, OSError, ValueError):
        return BROKEN
    return 0


if __name__ == "__main__":
    code = main(int(sys.argv[1]), Path(sys.argv[2]), sys.argv[3])
    os._exit(code)  # all is written; a closed pipe must not fail a second time
