"""Workbooks (XLSX, and XLS, XLSB, ODS as they come): opened in a child process, after a look at their size."""

from __future__ import annotations

import re
import zipfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

import orjson

from core.dataset.readers import sheet_child
from core.dataset.readers.children import Child
from core.dataset.readers.tables import Record
from core.dataset.readers.values import Format
from core.errors import BadInput
from core.words import T

MAX_FILE = 200 << 20
MAX_UNPACKED = 1 << 30
MAX_RATIO = 250  # real sheets pack 5 to 50 times
_SMALL = 32 << 20  # unpacked; below this no ratio is dangerous
_CHILD = Path(sheet_child.__file__)
_BASE, _PER_BYTE = 160 << 20, 64  # memory of the child, and for each unpacked byte
_XML = (".xml", ".rels")
_LONGEST_TAG = 65_536
_ENDLESS_TAG = re.compile(rb"<[^!>][^>]{%d}" % _LONGEST_TAG)  # its attributes would be compared each with each


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


def format_of(path: Path) -> Format:
    """Which workbook a file is, by what is inside it."""
    try:
        with zipfile.ZipFile(path) as archive:
            names = frozenset(archive.namelist())
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError):
        return Format.XLS
    if "xl/workbook.bin" in names:
        return Format.XLSB
    return Format.ODS if "content.xml" in names else Format.XLSX


def sheet_names(path: Path, name: str) -> tuple[str, ...]:
    """The workbook's sheets in their order. Raises BadInput where it cannot be opened."""
    with _child(path, name) as lines:
        names = orjson.loads(next(lines, b"[]"))
    if not names:
        raise BadInput(T("{file} has no sheet with cells.", file=name), T("Choose another file."))
    return tuple(names)


def records(path: Path, name: str, sheet: str, tell_height: Callable[[int], None] | None = None) -> Iterator[Record]:
    """Every row of a sheet with its number as the spreadsheet shows it; `tell_height` learns how many there are."""
    with _child(path, name, sheet) as lines:
        height = int(next(lines, b"0"))
        if tell_height:
            tell_height(height)
        for number, line in enumerate(lines, start=1):
            yield number, orjson.loads(line)


def _child(path: Path, name: str, *sheet: str) -> Child:
    return Child(_CHILD, str(_memory(path)), str(path), *sheet, refuse=lambda code: _refused(code, name))


def _memory(path: Path) -> int:
    """Bytes the child may hold: what the cells written in the file need, not what their places ask for."""
    try:
        with zipfile.ZipFile(path) as archive:
            size = sum(entry.file_size for entry in archive.infolist())
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError):
        size = path.stat().st_size
    return min(sheet_child.MEMORY, _BASE + _PER_BYTE * size)


def _refused(code: int, name: str) -> BadInput:
    if code != sheet_child.PASSWORD:
        return _broken(name)
    return BadInput(T("{file} is protected with a password.", file=name), T("Save it without one and try again."))


def _real_size(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, allowed: int) -> int:
    """Bytes an entry unpacks to, counted by unpacking, since what is written down about it may be a lie."""
    if entry.file_size > allowed:
        return entry.file_size
    size, tail, is_xml = 0, b"", entry.filename.lower().endswith(_XML)
    with archive.open(entry) as stream:
        while block := stream.read(1 << 20):
            size += len(block)
            if is_xml:
                _no_trap(seen := tail + block)
                tail = seen[-_LONGEST_TAG:]
    return size


def _no_trap(xml: bytes) -> None:
    """Raises ValueError for markup that no spreadsheet program writes and that takes a parser for ever."""
    if b"<!DOCTYPE" in xml or b"<!ENTITY" in xml or _ENDLESS_TAG.search(xml):
        raise ValueError


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
