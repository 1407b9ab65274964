"""Workbooks (XLSX, and XLS, XLSB, ODS as they come): opened in a child process, after a look at their size."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO

import orjson

from core.dataset.readers import sheet_child
from core.dataset.readers.tables import Record
from core.errors import BadInput
from core.words import T

MAX_FILE = 200 << 20
MAX_UNPACKED = 1 << 30
MAX_RATIO = 250  # real sheets pack 5 to 50 times
_SMALL = 32 << 20  # unpacked; below this no ratio is dangerous
_CHILD = Path(sheet_child.__file__)


def guard(path: Path, name: str) -> None:
    """Refuse a workbook that is too large, or that unpacks to far more than it should. Raises BadInput."""
    packed = path.stat().st_size
    if packed > MAX_FILE:
        raise _too_large(name)
    if not zipfile.is_zipfile(path):
        return  # the older .xls is not packed
    try:
        with zipfile.ZipFile(path) as archive:
            unpacked = 0
            for entry in archive.infolist():
                unpacked += _real_size(archive, entry, MAX_UNPACKED - unpacked)
                if unpacked > MAX_UNPACKED or (unpacked > _SMALL and unpacked > MAX_RATIO * packed):
                    raise _too_large(name)
    except (zipfile.BadZipFile, zlib.error, OSError, ValueError, RuntimeError, NotImplementedError, EOFError) as error:
        raise _broken(name) from error


def sheet_names(path: Path, name: str) -> tuple[str, ...]:
    """The workbook's sheets in their order. Raises BadInput where it cannot be opened."""
    with _Child(name, path) as lines:
        names = orjson.loads(next(lines, b"[]"))
    if not names:
        raise BadInput(T("{file} has no sheet with cells.", file=name), T("Choose another file."))
    return tuple(names)


def records(path: Path, name: str, sheet: str, tell_height: Callable[[int], None] | None = None) -> Iterator[Record]:
    """Every row of a sheet with its number as the spreadsheet shows it; `tell_height` learns how many there are."""
    with _Child(name, path, sheet) as lines:
        height = int(next(lines, b"0"))
        if tell_height:
            tell_height(height)
        for number, line in enumerate(lines, start=1):
            yield number, orjson.loads(line)


class _Child:
    """The child's lines; leaving before the end stops it, and its exit code becomes a sentence."""

    def __init__(self, name: str, path: Path, *arguments: str) -> None:
        self._name = name
        self._command = [sys.executable, "-I", str(_CHILD), str(path), *arguments]

    def __enter__(self) -> Iterator[bytes]:
        # No environment: a process that opens what strangers wrote needs none of our keys.
        environment: dict[str, str] | None = {} if os.name == "posix" else None
        self._process = subprocess.Popen(
            self._command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=environment,
        )
        assert self._process.stdout is not None
        self._out: IO[bytes] = self._process.stdout
        return self._lines()

    def _lines(self) -> Iterator[bytes]:
        yield from self._out
        code = self._process.wait()
        if code == sheet_child.PASSWORD:
            raise BadInput(
                T("{file} is protected with a password.", file=self._name), T("Save it without one and try again.")
            )
        if code:
            raise _broken(self._name)

    def __exit__(self, *_exception: object) -> None:
        self._out.close()
        if self._process.poll() is None:
            self._process.kill()
        self._process.wait()


def _real_size(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, allowed: int) -> int:
    """Bytes an entry unpacks to, counted by unpacking, since what is written down about it may be a lie."""
    if entry.file_size > allowed:
        return entry.file_size
    size = 0
    with archive.open(entry) as stream:
        while block := stream.read(1 << 20):
            size += len(block)
    return size


def _too_large(name: str) -> BadInput:
    limit = MAX_UNPACKED >> 20
    return BadInput(
        T("{file} is too large to open safely ({limit} MiB unpacked at most).", file=name, limit=limit),
        T("Save the sheet as CSV: that has no such limit."),
    )


def _broken(name: str) -> BadInput:
    return BadInput(
        T("{file} cannot be opened as a workbook: it is damaged, or its cells are spread too far apart.", file=name),
        T("Open it in your spreadsheet program and save it again, or save the sheet as CSV."),
    )
