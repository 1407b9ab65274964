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
from itertools import repeat
from pathlib import Path
from typing import IO, Any

from core.dataset.readers.packed import FAULTS
from core.dataset.readers.tables import Even

_BLOCK = 1 << 19  # bytes that are unpacked at once
_MOST_ROW = 8 << 20  # bytes of a row; no program writes one as long
_MOST_HEAD = 1 << 20  # bytes of what stands before the rows, and of the list of sheets
_MOST_SHARED = 144 << 20  # bytes of shared texts, which are all held, and of what each needs beside its own
_EACH = 56
_MOST_CELLS = 256  # in a row
_DIGITS = 15  # of a number that stands as it is shown
_WORKBOOK, _RELATIONS, _SHARED = "xl/workbook.xml", "xl/_rels/workbook.xml.rels", "xl/sharedStrings.xml"
_ATTRIBUTES = r'(?: [A-Za-z][\w:.]*="[^"<>&]*")*'
_DECLARED = (
    r"""(?:<\?xml version=["']1\.0["'](?: encoding=["'](?:UTF-8|utf-8)["'])?(?: standalone=["']\w+["'])? ?\?>\s*)?"""
)
_HEAD = re.compile(rf'{_DECLARED}<worksheet{_ATTRIBUTES}>.*?<dimension ref="A1:([A-Z]+)(\d+)"/>.*?<sheetData>', re.S)
_SHARED_HEAD = re.compile(rf"{_DECLARED}<sst{_ATTRIBUTES}>")
_SHEET = re.compile(r'<sheet name="([^"<>&]+)" sheetId="\d+"(?: state="\w+")? r:id="(\w+)" ?/>')
_RELATION = re.compile(rf"<Relationship({_ATTRIBUTES}) ?/>")
_ATTRIBUTE = re.compile(r' ([\w:.]+)="([^"]*)"')
_CELL = re.compile(
    r'<c r="([A-Z]+)(\d+)"((?: s="\d+")?)((?: t="(?:s|inlineStr)")?)>(<v>|<is><t>)[^<]*(</v></c>|</t></is></c>)'
)
_ROW = re.compile(rf'<row r="(\d+)"({_ATTRIBUTES})>')
_PRESERVED, _TEXT = '<t xml:space="preserve">', "<t>"
_KEPT = "\0"  # before a text whose blanks at its ends count
_BLANKS = " \t\n"  # at the ends of other texts they are taken off
_PHONETIC = re.compile(rf"</t><phoneticPr{_ATTRIBUTES} ?/></si>")
_BETWEEN = "</t></si><si><t>"
_REFERENCE = re.compile(rb"&(?!(?:amp|lt|gt|quot|apos);)")  # that only a parser reads
_ESCAPED = re.compile(rb"_x[0-9A-Fa-f]{4}_")  # as spreadsheet programs write signs that XML has not
_ENTITIES = (("&lt;", "<"), ("&gt;", ">"), ("&quot;", '"'), ("&apos;", "'"), ("&amp;", "&"))


class Odd(Exception):
    """Something that only a parser reads."""


class PlainSheet:
    """A sheet that begins as one that can be read here: the names of all sheets, the rows this one says it has."""

    def __init__(self, archive: zipfile.ZipFile, sheet: str) -> None:
        found = _sheets(archive)
        self.names = tuple(found)
        entry = found[sheet or self.names[0]]
        self._stream = archive.open(entry)
        head, self._begun = _until(self._stream, b"<sheetData>")
        says = _HEAD.fullmatch(head)
        if not says or "<!" in head:
            raise Odd
        self.width, self.height = _column(says[1]), int(says[2])
        if not 0 < self.width <= _MOST_CELLS:
            raise Odd
        self.entries = {entry}
        self._shared: list[str | bytes] = []  # in UTF-8 where that needs less memory
        self._strings: IO[bytes] | None = None
        if b' t="s"' in self._begun[:_BLOCK]:
            self._strings = archive.open(_SHARED)
            self.entries.add(_SHARED)

    def answers(self) -> Iterator[Any]:
        """The entries that are read here, the names of all sheets, how many rows this one says it has, and its rows,
        many at a time. Raises Odd at the first that cannot be read here."""
        with self._stream, _told_as_odd():
            yield self.entries
            if self._strings:
                with self._strings:
                    self._shared = [text if text.isascii() else text.encode() for text in _shared(self._strings)]
            yield self.names
            yield self.height
            yield from self._runs()

    def _runs(self) -> Iterator[Even]:
        number, bare = 1, False
        for raw in self._rows():
            rows = _text(raw).replace(_PRESERVED, _TEXT + _KEPT)
            columns = None if bare else self._columns(rows, number)
            if columns is None:  # rows of different heights
                bare = True
                columns = self._columns(_ROW.sub(r'<row r="\1">', rows), number)
            if columns is None or number + len(columns[0]) - 1 > self.height:
                raise Odd
            yield Even(number, columns, sound=True)
            number += len(columns[0])
        while self._stream.read(_BLOCK):  # to its end, where its checksum is looked at
            pass

    def _rows(self) -> Iterator[bytes]:
        """The bytes of whole rows: the first alone, since it may look otherwise, then as many as a block holds."""
        left = self._begun
        while b"</row>" not in left:
            left = self._more(left)
        first = left.index(b"</row>") + len(b"</row>")
        yield left[:first]
        left = left[first:]
        while True:
            end = left.rfind(b"</row>") + len(b"</row>")
            if end >= len(b"</row>"):
                yield left[:end]
                left = left[end:]
            if left.startswith(b"</sheetData>"):
                return
            left = self._more(left)

    def _more(self, left: bytes) -> bytes:
        block = self._stream.read(_BLOCK)
        if not block or len(left) > _MOST_ROW:
            raise Odd
        return left + block

    def _columns(self, rows: str, number: int) -> list[list[str]] | None:
        """The cells of rows that are all like the first of them, as columns; None where one is not."""
        frame = _Frame.of(rows, number)
        if frame is None or len(frame.opens) != self.width:
            return None
        values = frame.values(rows, number)
        if values is None:
            return None
        if frame.mark == _TEXT:
            return [_clean(column) for column in values]
        return [
            self._known(column) if shared else _numbers(column)
            for column, shared in zip(values, frame.shared, strict=True)
        ]

    def _known(self, places: list[str]) -> list[str]:
        """The shared texts at these places."""
        if not _are_digits(places):
            raise Odd
        try:
            found = map(self._shared.__getitem__, map(int, places))
            return [text.decode() if isinstance(text, bytes) else text for text in found]
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
    if archive.getinfo(name).file_size > _MOST_HEAD:
        raise Odd
    return archive.read(name).decode()


def _until(stream: IO[bytes], mark: bytes) -> tuple[str, bytes]:
    """What stands up to a mark that comes soon, and what was read behind it."""
    begun = b""
    while mark not in begun:
        block = stream.read(_BLOCK)
        if not block or len(begun) > _MOST_HEAD:
            raise Odd
        begun += block
    head, mark, rest = begun.partition(mark)
    return (head + mark).decode(), rest


def _shared(stream: IO[bytes]) -> Iterator[str]:
    """The shared texts, where each is plain. Raises Odd."""
    begun, left = _until(stream, b"<si>")
    if not _SHARED_HEAD.fullmatch(begun.removesuffix("<si>")):
        raise Odd
    left, size = b"<si>" + left, len(left)
    while not left.startswith(b"</sst>"):
        end = left.rfind(b"</si>") + len(b"</si>")
        if end >= len(b"</si>"):
            yield from (items := _items(_text(left[:end])))
            size += _EACH * len(items)
            left = left[end:]
        else:
            block = stream.read(_BLOCK)
            size += len(block)
            if not block or len(left) > _MOST_ROW:
                raise Odd
            left += block
        if size > _MOST_SHARED:
            raise Odd
    while stream.read(_BLOCK):
        pass


def _items(items: str) -> list[str]:
    items = items.replace(_PRESERVED, _TEXT + _KEPT)
    if "<phoneticPr" in items:
        items = _PHONETIC.sub("</t></si>", items)
    if not (items.startswith("<si><t>") and items.endswith("</t></si>")):
        raise Odd
    return _clean(items[len("<si><t>") : -len("</t></si>")].split(_BETWEEN))


def _text(raw: bytes) -> str:
    """Markup as text. Raises Odd for what is written otherwise than it is meant."""
    if b"\r" in raw or b"\0" in raw:
        raise Odd
    if (b"&" in raw and _REFERENCE.search(raw)) or (b"_" in raw and _ESCAPED.search(raw)):
        raise Odd
    return raw.decode()


def _clean(texts: list[str]) -> list[str]:
    """Texts as they are meant. Raises Odd where there is markup among them."""
    joined = "".join(texts)
    if "<" in joined:
        raise Odd
    if _KEPT in joined:
        texts = [text[1:] if text[:1] == _KEPT else text.strip(_BLANKS) for text in texts]
    else:
        texts = list(map(str.strip, texts, repeat(_BLANKS)))
    return [_unescaped(text) if "&" in text else text for text in texts] if "&" in joined else texts


def _unescaped(text: str) -> str:
    for entity, sign in _ENTITIES:
        text = text.replace(entity, sign)
    return text


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
