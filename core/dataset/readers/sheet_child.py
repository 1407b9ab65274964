"""The child process that opens a workbook: a broken or hostile one can only take this process down.

`python sheet_child.py MEMORY FILE` prints the sheets' names, `python sheet_child.py MEMORY FILE SHEET` the number of
its rows and then the rows, as JSON lines. MEMORY is the number of bytes it may hold.
"""

from __future__ import annotations

import datetime
import sys
from pathlib import Path
from typing import Any

import orjson
from python_calamine import CalamineError, CalamineSheet, CalamineWorkbook, PasswordError, SheetTypeEnum

MEMORY = 4 << 30  # bytes of data at most
SECONDS = 300  # of processor time
PASSWORD, BROKEN = 3, 4  # exit codes


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
    """The number of rows, then one JSON list a row, from the sheet's first row on."""
    out = sys.stdout.buffer
    out.write(b"%d\n" % (sheet.end[0] + 1 if sheet.end else 0))
    if sheet.start is None:
        return
    for cells in sheet.iter_rows():
        out.write(orjson.dumps([text_of(cell) for cell in cells]))
        out.write(b"\n")


def main(memory: int, path: Path, sheet: str | None) -> int:
    """Answer on standard output; the exit code tells a locked or broken workbook."""
    limit_resources(memory)
    try:
        # From an open file the format is seen by the content, from a path by the ending.
        with path.open("rb") as file, CalamineWorkbook.from_filelike(file) as book:
            if sheet is None:
                names = [s.name for s in book.sheets_metadata if s.typ == SheetTypeEnum.WorkSheet]
                sys.stdout.buffer.write(orjson.dumps(names) + b"\n")
            else:
                write_rows(book.get_sheet_by_name(sheet))
            sys.stdout.buffer.flush()
    except PasswordError:
        return PASSWORD
    except BrokenPipeError:
        return 0
    except (CalamineError, OSError, ValueError):
        return BROKEN
    return 0


if __name__ == "__main__":
    code = main(int(sys.argv[1]), Path(sys.argv[2]), sys.argv[3] if len(sys.argv) > 3 else None)
    sys.stdout = None  # a closed pipe must not fail a second time at exit
    sys.exit(code)
