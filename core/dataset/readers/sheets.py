"""Workbooks (XLSX, and XLS, XLSB, ODS as they come): opened in a child process, after a look at their size."""

from __future__ import annotations

import re
import zipfile
from collections.abc import Collection, Generator, Iterator
from contextlib import closing, contextmanager, suppress
from contextvars import ContextVar
from itertools import chain, islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import orjson

from core.beside import Lost
from core.dataset.readers.children import Child
from core.dataset.readers.packed import FAULTS
from core.dataset.readers.plainmarkup import Odd
from core.dataset.readers.tables import Even, Run
from core.dataset.readers.values import Format
from core.errors import BadInput
from core.words import T

if TYPE_CHECKING:
    from core.dataset.readers.plainsheets import PlainSheet

MAX_FILE = 200 << 20
MAX_UNPACKED = 1 << 30
MAX_RATIO = 250  # real sheets pack 5 to 50 times
_SMALL = 32 << 20  # unpacked; below this no ratio is dangerous
_CHILD = Path(__file__).with_name("sheet_child.py")
_MEMORY = 4 << 30  # bytes of data that the child may hold at most
_PASSWORD = 3  # its exit code for a locked workbook
_BASE, _PER_BYTE = 160 << 20, 64  # memory of the child, and for each unpacked byte
_XML = (".xml", ".rels")
_LONGEST_TAG = 65_536
_DOCUMENTS = {"word": "Word", "ppt": "PowerPoint"}  # by a folder in the archive
_STREAM_NAMES = {"WordDocument": "Word", "PowerPoint Document": "PowerPoint"}  # of their older files
_STREAMS = 1 << 24  # bytes in which these names are looked for
_MOST_MERGED = 200_000  # merged cells of a sheet; each takes three hundred bytes to be told
_STEP = _LONGEST_TAG // 2  # so long a tag holds a whole step of bytes without its end
_BEFORE_ROWS = 3  # answers
_held: ContextVar[dict[tuple[Path, str], _Opened] | None] = ContextVar("held", default=None)
_ENDLESS_TAG = re.compile(rb"<[^!>][^>]{%d}" % _LONGEST_TAG)  # its attributes would be compared each with each


class _Opened(NamedTuple):
    """A sheet that is being read: what reads it, its answers from here on, and the sheet where it needs no child."""

    child: Generator[Any, None, None]
    answers: Iterator[Any]
    plain: PlainSheet | None


def guard(path: Path, name: str, but: Collection[str] = ()) -> None:
    """Refuse a workbook that is too large, or that unpacks to far more than it should. Raises BadInput. `but` are
    entries that no parser reads: of these it counts what they say of themselves, more of them is never unpacked."""
    packed = path.stat().st_size
    if packed > MAX_FILE:
        raise _too_large(name)
    if not zipfile.is_zipfile(path):
        return  # the older .xls is not packed
    try:
        with zipfile.ZipFile(path) as archive:
            unpacked = 0
            for entry in archive.infolist():
                seen = entry.filename not in but
                unpacked += _real_size(archive, entry, MAX_UNPACKED - unpacked) if seen else entry.file_size
                if unpacked > MAX_UNPACKED or (unpacked > _SMALL and unpacked > MAX_RATIO * packed):
                    raise _too_large(name)
    except FAULTS as error:
        raise _broken(path, name) from error


def format_of(path: Path) -> Format:
    """Which workbook a file is, by what is inside it."""
    try:
        with zipfile.ZipFile(path) as archive:
            names = frozenset(archive.namelist())
    except FAULTS:
        return Format.XLS
    if "xl/workbook.bin" in names:
        return Format.XLSB
    return Format.ODS if "content.xml" in names else Format.XLSX


@contextmanager
def opened_once() -> Iterator[None]:
    """Within this, a sheet that was looked into is read on from there: opening it a second time takes as long again."""
    held: dict[tuple[Path, str], _Opened] = {}
    before = _held.set(held)
    try:
        yield
    finally:
        _held.reset(before)
        for opened in held.values():
            opened.child.close()


def sheet_names(path: Path, name: str) -> tuple[str, ...]:
    """The workbook's sheets in their order. Raises BadInput where it cannot be opened."""
    return _names(path, name, _begun(path, name, ""))


def guarded_names(path: Path, name: str) -> tuple[str, ...]:
    """`sheet_names` after `guard`. The child begins while we look, but for a file that says itself that it is too
    large; what it may hold is bounded by what the file says, and it is killed where the look finds a trap."""
    if _says_too_much(path):
        guard(path, name)
    opened = _begun(path, name, "")
    try:
        guard(path, name, opened.plain.entries if opened.plain else ())
    except BaseException:
        opened.child.close()
        raise
    return _names(path, name, opened)


def _says_too_much(path: Path) -> bool:
    return _unpacked(path) > max(_SMALL, min(MAX_UNPACKED, MAX_RATIO * path.stat().st_size))


def _names(path: Path, name: str, opened: _Opened) -> tuple[str, ...]:
    names = next(opened.answers)
    if not names:
        raise BadInput(T("{file} has no sheet with cells.", file=name), T("Choose another file."))
    _leave((path, names[0]), opened)
    return tuple(names)


def records(path: Path, name: str, sheet: str, span: tuple[int, int] | None = None) -> Iterator[Run | Even]:
    """Every row of a sheet with its number as the spreadsheet shows it; of a `span` those that it holds. Raises Lost
    where those have to be read together with the others."""
    if span and span[0]:
        yield from _behind(path, sheet, span[0])
        return
    opened = _opened(path, name, sheet)
    try:
        if span:
            _stop_behind(opened, span[1])
        next(opened.answers)
        yield from opened.answers
    finally:
        opened.child.close()


def _stop_behind(opened: _Opened, place: int) -> None:
    if not opened.plain:
        raise Lost
    opened.plain.stop_behind(place)


def middle(path: Path, sheet: str, share: float) -> tuple[int, int]:
    """The byte behind which the rest of a sheet that is held open can be read by itself, this share of it before it,
    and how many bytes there are; that is the same where the sheet has to be left whole."""
    held = (_held.get() or {}).get((path, sheet))
    return (held.plain.place(share), held.plain.size) if held and held.plain else (0, 0)


def _behind(path: Path, sheet: str, place: int) -> Iterator[Even]:
    from core.dataset.readers import plainsheets

    held = (_held.get() or {}).pop((path, sheet), None)
    found = plainsheets.look(path, sheet)
    if not found:
        raise Lost
    archive, plain = found
    with archive:
        try:
            yield from plain.behind(place, held.plain if held else None)
        except Odd as error:
            raise Lost from error


def look(path: Path, name: str, sheet: str, wanted: int) -> tuple[int, list[tuple[int, list[str]]]]:
    """How many rows a sheet has, and the first filled ones with their numbers."""
    opened = _opened(path, name, sheet)
    seen = [next(opened.answers)]
    found: list[tuple[int, list[str]]] = []
    while len(found) < wanted and (run := next(opened.answers, None)):
        seen.append(run)
        found += [
            (number, cells) for number, cells in enumerate(run.rows, start=run.number) if any(map(str.strip, cells))
        ]
    _leave((path, sheet), opened._replace(answers=chain(seen, opened.answers)))
    return seen[0], found[:wanted]


def let_go(path: Path, sheet: str) -> None:
    """Be done with a sheet that `opened_once` holds: of many, each would hold a process."""
    if held := (_held.get() or {}).pop((path, sheet), None):
        held.child.close()


def _opened(path: Path, name: str, sheet: str) -> _Opened:
    """A sheet that is read from its height on."""
    if held := (_held.get() or {}).pop((path, sheet), None):
        return held
    opened = _begun(path, name, sheet)
    next(opened.answers)
    return opened


def _begun(path: Path, name: str, sheet: str) -> _Opened:
    """A sheet of which nothing was asked yet."""
    child = _answers(path, name, sheet)
    return _Opened(child, child, next(child))


def _leave(key: tuple[Path, str], opened: _Opened) -> None:
    """Be done with a sheet for now."""
    held = _held.get()
    if held is None:
        opened.child.close()
    else:
        held[key] = opened


def _answers(path: Path, name: str, sheet: str) -> Generator[Any, None, None]:
    """The sheet, where it is one that needs no child. Then, as from `_from_child`: the names of all sheets, the number
    of rows of this one (or the first), and its rows. Raises Lost where a part of it needs a child after all."""
    from core.dataset.readers import plainsheets

    found = plainsheets.look(path, sheet)
    told, number = 0, 1
    if found:
        archive, plain = found
        with archive, suppress(Odd):
            for answer in plain.answers():
                yield answer
                told += 1
                number = answer.number + len(answer.columns[0]) if isinstance(answer, Even) else number
            return
        if plain.is_part:
            raise Lost
        guard(path, name)
    with closing(_from_child(path, name, sheet)) as answers:
        for answer in islice(answers, min(told, _BEFORE_ROWS), None):
            # Rows that were read already are not told again.
            if not isinstance(answer, Run) or number == 1:
                yield answer
            elif number < answer.number + len(answer.rows):
                behind = max(0, number - answer.number)
                yield Run(answer.number + behind, answer.rows[behind:], answer.sound)


def _from_child(path: Path, name: str, sheet: str) -> Generator[Any, None, None]:
    """Nothing once the child is at work, the names of all sheets, the number of rows of this one (or the first), then
    its rows."""
    with _child(path, name, sheet) as lines:
        yield None
        yield orjson.loads(next(lines, b"[]"))
        yield int(next(lines, b"0"))
        number = 1
        for line in lines:
            rows = orjson.loads(line)
            yield Run(number, rows, sound=b"\\u0000" not in line)
            number += len(rows)


def _child(path: Path, name: str, sheet: str) -> Child:
    return Child(_CHILD, str(_memory(path)), str(path), sheet, refuse=lambda code: _refused(code, path, name))


def _memory(path: Path) -> int:
    """Bytes the child may hold: what the cells written in the file need, not what their places ask for."""
    return min(_MEMORY, _BASE + _PER_BYTE * _unpacked(path))


def _unpacked(path: Path) -> int:
    """Bytes that a workbook unpacks to, as far as it says itself."""
    try:
        with zipfile.ZipFile(path) as archive:
            return sum(entry.file_size for entry in archive.infolist())
    except FAULTS:
        return path.stat().st_size


def _refused(code: int, path: Path, name: str) -> BadInput:
    if code != _PASSWORD:
        return _broken(path, name)
    return BadInput(T("{file} is protected with a password.", file=name), T("Save it without one and try again."))


def _real_size(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, allowed: int) -> int:
    """Bytes an entry unpacks to, counted by unpacking, since what is written down about it may be a lie."""
    if entry.file_size > allowed:
        return entry.file_size
    size, merged, tail, is_xml = 0, 0, b"", entry.filename.lower().endswith(_XML)
    with archive.open(entry) as stream:
        while block := stream.read(1 << 20):
            size += len(block)
            if is_xml:
                merged += block.count(b"<mergeCell ")
                if merged > _MOST_MERGED:
                    raise ValueError
                _no_trap(seen := tail + block)
                tail = seen[-_LONGEST_TAG:]
    return size


def _no_trap(xml: bytes) -> None:
    """Raises ValueError for markup that no spreadsheet program writes and that takes a parser for ever."""
    if b"!" in xml and b"<!DOCTYPE" in xml:  # without one there are no entities
        raise ValueError
    may_be_long = any(xml.find(b">", place, place + _STEP) < 0 for place in range(0, len(xml) - _STEP + 1, _STEP))
    if may_be_long and _ENDLESS_TAG.search(xml):
        raise ValueError


def _too_large(name: str) -> BadInput:
    limit = MAX_UNPACKED >> 20
    return BadInput(
        T("{file} is too large to open safely ({limit} MiB unpacked at most).", file=name, limit=limit),
        T("Save the sheet as CSV: that has no such limit."),
    )


def _broken(path: Path, name: str) -> BadInput:
    if kind := _document(path):
        return BadInput(
            T("{file} is a {kind} file.", file=name, kind=kind),
            T("Copy the table into a sheet and save that, or paste it as text."),
        )
    return BadInput(
        T("{file} cannot be opened as a workbook: it is damaged, or its cells are spread too far apart.", file=name),
        T("Open it in your spreadsheet program and save it again, or save the sheet as CSV."),
    )


def _document(path: Path) -> str:
    """The program whose document a file is, where it lies in the same packing as a workbook but is none."""
    try:
        with zipfile.ZipFile(path) as archive:
            folders = {name.partition("/")[0] for name in archive.namelist()}
            return next((kind for folder, kind in _DOCUMENTS.items() if folder in folders), "")
    except FAULTS:
        with path.open("rb") as file:
            begun = file.read(_STREAMS)
        return next((kind for stream, kind in _STREAM_NAMES.items() if stream.encode("utf-16-le") in begun), "")
