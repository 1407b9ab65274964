"""Sheets of texts as programs write them, each row with the same cells as the row before: they are cut at their marks,
which takes a fraction of a parser's time. Any other sheet is left to the child process.

Nothing here trusts a file: a sheet is read a block at a time, every byte of its rows must be what a row like the one
before would have, and what that does not explain (an entity, a comment, a cell too many) ends the reading.
"""

from __future__ import annotations

import re
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from core.dataset.readers.packed import FAULTS
from core.dataset.readers.plainmarkup import (
    ATTRIBUTES,
    BLOCK,
    DECLARED,
    MOST_HEAD,
    TEXT,
    Odd,
    clean,
    more,
    text_of,
    to_the_end,
    up_to,
)
from core.dataset.readers.sharedtexts import SharedTexts
from core.dataset.readers.tables import Even

_MOST_CELLS = 256  # in a row
_DIGITS = 15  # of a number that stands as it is shown
_WORKBOOK, _RELATIONS, _SHARED = "xl/workbook.xml", "xl/_rels/workbook.xml.rels", "xl/sharedStrings.xml"
_TAG = rf"</?[A-Za-z][\w:.]*{ATTRIBUTES} ?/?>\s*"
_HEAD = re.compile(  # without a way back, which could be tried for ever
    rf"{DECLARED}<worksheet{ATTRIBUTES}>\s*(?:(?!<dimension ){_TAG})*+"
    rf'<dimension ref="A1:([A-Z]{{1,3}})(\d+)" ?/>\s*(?:(?!<sheetData>){_TAG})*+<sheetData>'
)
_SHEET = re.compile(r'<sheet name="([^"<>&]+)" sheetId="\d+"(?: state="\w+")? r:id="(\w+)" ?/>')
_RELATION = re.compile(rf"<Relationship({ATTRIBUTES}) ?/>")
_ATTRIBUTE = re.compile(r' ([\w:.]+)="([^"]*)"')
_CELL = re.compile(
    r'<c r="([A-Z]{1,3})(\d+)"((?: s="\d+")?)((?: t="(?:s|inlineStr)")?)>(<v>|<is><t>)[^<]*(</v></c>|</t></is></c>)'
)
_ROW = re.compile(rf'<row r="(\d+)"({ATTRIBUTES})>')
_NUMBER = re.compile(rb'<row r="(\d+)"')
_ROW_END = b"</row>"


class PlainSheet:
    """A sheet that begins as one that can be read here: the names of all sheets, the rows this one says it has."""

    def __init__(self, archive: zipfile.ZipFile, sheet: str) -> None:
        found = _sheets(archive)
        self.names = tuple(found)
        entry = found[sheet or self.names[0]]
        self._stream = archive.open(entry)
        head, self._begun = up_to(self._stream, b"<sheetData>")
        says = _HEAD.fullmatch(head)
        if not says:
            raise Odd
        self.width, self.height = _column(says[1]), int(says[2])
        self._until = 0  # a byte: the rows end with the first that ends behind it; 0 where all are read
        if not 0 < self.width <= _MOST_CELLS:
            raise Odd
        self.entries, self.size = {entry}, archive.getinfo(entry).file_size  # in bytes, as the file says
        self._shared: SharedTexts | None = None
        self._archive = archive
        if b' t="s"' in self._begun[:BLOCK]:
            self.entries.add(_SHARED)

    def answers(self) -> Iterator[Any]:
        """This sheet, the names of all, how many rows this one says it has, and its rows, many at a time. Raises Odd
        at the first that cannot be read here."""
        with self._stream, _told_as_odd():
            yield self
            self._share()
            yield self.names
            yield self.height
            yield from self._runs(1)

    @property
    def is_part(self) -> bool:
        """Whether only the first of its rows are read."""
        return bool(self._until)

    def stop_behind(self, place: int) -> None:
        """Read no more rows than the first that ends behind a byte, which no row did so far. Where the next one is not
        the next by its number, too, that ends in Odd."""
        self._until = place

    def place(self, share: float) -> int:
        """The byte at this share of the sheet, or behind what was read of it."""
        return self.size if self._stream.closed else max(int(self.size * share), self._stream.tell())

    def behind(self, place: int, known: PlainSheet | None) -> Iterator[Even]:
        """The rows after the first that ends behind a byte; the shared texts are those of `known`, where it is given.
        Raises Odd as `answers` does."""
        with self._stream, _told_as_odd():
            self._shared = known._shared if known else None
            self._share()
            left = self._begun
            while self._stream.tell() < place:
                left = more(self._stream, b"")
            left = left[max(0, place - self._stream.tell() + len(left)) :]
            while _ROW_END not in left:
                left = more(self._stream, left)
            number, self._begun = self._next(left[left.index(_ROW_END) + len(_ROW_END) :])
            yield from self._runs(number)

    def _share(self) -> None:
        """Read the shared texts, where there are some and they are not known."""
        if _SHARED in self.entries and not self._shared:
            with self._archive.open(_SHARED) as strings:
                self._shared = SharedTexts(strings)

    def _runs(self, number: int) -> Iterator[Even]:
        bare = False
        for raw in self._rows():
            rows = text_of(raw)
            columns = None if bare else self._columns(rows, number)
            if columns is None:  # rows of different heights
                bare = True
                columns = self._columns(_ROW.sub(r'<row r="\1">', rows), number)
            if columns is None or number + len(columns[0]) - 1 > self.height:
                raise Odd
            yield Even(number, columns, sound=True)
            number += len(columns[0])
        if self._until and self._next(self._begun)[0] != number:
            raise Odd
        if not self._until:
            to_the_end(self._stream)

    def _rows(self) -> Iterator[bytes]:
        """The bytes of whole rows: the first alone, since it may look otherwise, then as many as a block holds."""
        left = self._begun
        while _ROW_END not in left:
            left = more(self._stream, left)
        first = left.index(_ROW_END) + len(_ROW_END)
        yield left[:first]
        left = left[first:]
        while True:
            cut = left.find(_ROW_END, max(0, self._until - self._stream.tell() + len(left))) if self._until else -1
            end = (cut if cut >= 0 else left.rfind(_ROW_END)) + len(_ROW_END)
            if end >= len(_ROW_END):
                yield left[:end]
                left = left[end:]
            if cut >= 0 or left.startswith(b"</sheetData>"):
                self._begun = left
                return
            left = more(self._stream, left)

    def _next(self, left: bytes) -> tuple[int, bytes]:
        """The number of the row that begins here, and what of it was read."""
        while not (found := _NUMBER.match(left)):
            left = more(self._stream, left)
        return int(found[1]), left

    def _columns(self, rows: str, number: int) -> list[list[str]] | None:
        """The cells of rows that are all like the first of them, as columns; None where one is not."""
        frame = _Frame.of(rows, number)
        if frame is None or len(frame.opens) != self.width:
            return None
        values = frame.values(rows, number)
        if values is None:
            return None
        if frame.mark == TEXT:
            return [clean(column) for column in values]
        return [
            self._known(column) if shared else _numbers(column)
            for column, shared in zip(values, frame.shared, strict=True)
        ]

    def _known(self, places: list[str]) -> list[str]:
        """The shared texts at these places."""
        if not self._shared or not _are_digits(places):
            raise Odd
        try:
            return self._shared.at(map(int, places))
        except IndexError:
            raise Odd from None


class _Frame:
    """What stands around the values of a row, but for its number."""

    def __init__(self, mark: str, close: str, row: str, opens: list[tuple[str, str]], shared: list[bool]) -> None:
        self.mark, self.close, self.row, self.opens, self.shared = mark, close, row, opens, shared

    @classmethod
    def of(cls, rows: str, number: int) -> _Frame | None:
        """The frame of the first row; None where it is none of texts from the first column on."""
        begun = _ROW.match(rows)
        if not begun or begun[1] != str(number):
            return None
        opens: list[tuple[str, str]] = []
        shared, marks = [], set()
        place = begun.end()
        while cell := _CELL.match(rows, place):
            column, row, style, kind, mark, close = cell.groups()
            inline = mark != "<v>"
            if row != begun[1] or _column(column) != len(opens) + 1 or inline != (kind == ' t="inlineStr"'):
                return None
            if style and not kind:  # a date, or a number that is shown otherwise
                return None
            opens.append((f'<c r="{column}', f'"{style}{kind}>{"<is>" if inline else ""}'))
            shared.append(bool(kind))
            marks.add((mark.removeprefix("<is>"), close))
            place = cell.end()
        if len(marks) != 1 or not rows.startswith("</row>", place):
            return None
        return cls(*marks.pop(), f'"{begun[2]}>', opens, shared)

    def values(self, rows: str, number: int) -> list[list[str]] | None:
        """What stands in the cells of rows, as columns; None where one has another frame."""
        head, *pieces = rows.split(self.mark)
        width = len(self.opens)
        count, rest = divmod(len(pieces), width)
        (begin, end), last = self.opens[0], self.close + "</row>"
        if rest or head != f'<row r="{number}{self.row}{begin}{number}{end}':
            return None
        found = []
        for place in range(width):
            column = pieces[place::width]
            if place + 1 < width:
                before, after = self.close + self.opens[place + 1][0], self.opens[place + 1][1]
                tails = [f"{before}{row}{after}" for row in range(number, number + count)]
            else:
                before, between = f'{last}<row r="', self.row + begin
                tails = [f"{before}{row}{between}{row}{end}" for row in range(number + 1, number + count)] + [last]
            if not all(map(str.endswith, column, tails)):
                return None
            found.append(list(map(str.removesuffix, column, tails)))
        return found


def look(path: Path, sheet: str) -> tuple[zipfile.ZipFile, PlainSheet] | None:
    """A sheet (the first, where it has no name) that begins as one that can be read here, and its open archive."""
    try:
        archive = zipfile.ZipFile(path)
    except FAULTS:
        return None
    try:
        return archive, PlainSheet(archive, sheet)
    except (Odd, *FAULTS):
        archive.close()
        return None


@contextmanager
def _told_as_odd() -> Iterator[None]:
    """What is broken is the parser's to tell."""
    try:
        yield
    except FAULTS as error:
        raise Odd from error


def _sheets(archive: zipfile.ZipFile) -> dict[str, str]:
    """The worksheets by their names, in their order, with the entries that hold them. Raises Odd."""
    if len(set(archive.namelist())) != len(archive.namelist()):
        raise Odd
    workbook, relations = (_small(archive, name) for name in (_WORKBOOK, _RELATIONS))
    listed = workbook[workbook.index("<sheets>") : workbook.index("</sheets>")].removeprefix("<sheets>")
    if _SHEET.sub("", listed).strip() or "<!" in workbook + relations:
        raise Odd
    targets = {}
    for relation in _RELATION.finditer(relations):
        said = dict(_ATTRIBUTE.findall(relation[1]))
        target = said["Target"]
        target = target.removeprefix("/") if target.startswith("/") else f"xl/{target}"
        kind = said["Type"].rpartition("/")[2]
        if kind == "sharedStrings" and target != _SHARED:
            raise Odd
        targets[said["Id"]] = kind, target
    found = {name: targets[place][1] for name, place in _SHEET.findall(listed) if targets[place][0] == "worksheet"}
    if not found or len(found) != len({name for name, place in _SHEET.findall(listed)}):
        raise Odd
    return found


def _small(archive: zipfile.ZipFile, name: str) -> str:
    if archive.getinfo(name).file_size > MOST_HEAD:
        raise Odd
    return archive.read(name).decode()


def _numbers(values: list[str]) -> list[str]:
    """Whole numbers, which are shown as they are written. Raises Odd for others."""
    if not _are_digits(values) or max(map(len, values)) > _DIGITS or any(v[0] == "0" != v for v in values):
        raise Odd
    return values


def _are_digits(values: list[str]) -> bool:
    joined = "".join(values)
    return all(values) and joined.isascii() and joined.isdigit()


def _column(letters: str) -> int:
    """The number of a column."""
    number = 0
    for letter in letters:
        number = number * 26 + ord(letter) - 64
    return number
