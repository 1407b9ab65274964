"""Tables in markup: of web pages (which many programs save as .xls), of Excel's XML of 2003, and of Markdown."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from functools import lru_cache
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from core.dataset.encodings import open_text
from core.dataset.readers.tables import Run
from core.dataset.readers.values import Format, Source
from core.errors import BadInput
from core.words import T

MAX_SIZE = 200 << 20  # bytes
_MOST_MARKDOWN = 8 << 20  # bytes; they are held whole
_READ = 1 << 18  # characters that are read at once
# A page must not make work that its cells do not need: so many cells and tags, and some more for each written cell.
_MOST_CELLS, _CELLS_EACH = 500_000, 50
_MOST_TAGS, _TAGS_EACH = 500_000, 16
_MOST_ROWS = 1 << 20  # as in a sheet
_MOST_COLUMNS = 1_000
_LONGEST_CELL = 1 << 22  # characters
_IDLE = 8 << 20  # characters without a cell
_LONGEST_TAG = 1_000  # characters in which its attributes are looked for
_LONGEST_OPEN = 1 << 16  # characters behind which an open bracket is none of a tag
_LONGEST_RULE = 10_000
_DEEPEST = 20  # tables within tables
_BLOCK = 1_000  # rows
_PAGE = re.compile(r"\s*<(?:!doctype html|html|head|meta|body|table|style)\b", re.I)
_XML = re.compile(r"\s*<\?xml\b")
_RULE = re.compile(r"\|?(?:[ \t]*:?-+:?[ \t]*\|)+(?:[ \t]*:?-+:?[ \t]*)?")
_PIPE = re.compile(r"(?<!\\)\|")
# No part of a tag is looked at twice, however many of them never end.
_TAG = re.compile(r"<(/?)([a-z!?][\w:.-]*)([^<>]*)>", re.I)
_ATTRIBUTE = re.compile(r"""(\w+)\s*=\s*["']?(\d{1,9})\b""")
_BLANKS = re.compile(r"[ \t\r\n]+")
_BREAK = re.compile(r"<br ?/?>", re.I)
_UNSEEN = ("script", "style", "title", "comment")
_LINES = ("br", "p", "div", "li")
_TABLES, _ROWS, _CELLS = ("table",), ("tr", "row"), ("td", "th", "cell")


def form_of(head: str) -> Format | None:
    """The markup in which a text begins, if any."""
    if _PAGE.match(head):
        return Format.HTML
    if _XML.match(head):
        return Format.XML
    lines = head.lstrip().split("\n", 2)
    ruled = len(lines) > 1 and lines[0].startswith("|") and _RULE.fullmatch(lines[1].strip())
    return Format.MARKDOWN if ruled else None


def records(source: Source) -> Iterator[Run]:
    """The rows of the largest table, all with as many cells. Raises BadInput where there is none."""
    try:
        if source.format is Format.MARKDOWN:
            yield from _in_runs(iter(_markdown(source)))
            return
        found = extent(source)
        if not found.width:
            raise _no_table(source)
        rows = _rows(source, found)
        yield from _in_runs(row + [""] * (found.width - len(row)) for row in rows)
    except _TooLarge:
        raise _too_large(source) from None


def extent(source: Source) -> Extent:
    """Which table of a page is the largest, and its size. Raises BadInput for a page that is too large."""
    if source.size > MAX_SIZE:
        raise _too_large(source)
    stat = source.path.stat()
    try:
        return _largest(source.path, source.encoding, source.format, (stat.st_size, stat.st_mtime_ns))
    except _TooLarge:
        raise _too_large(source) from None


def height(source: Source) -> int:
    """How many rows with words there are."""
    if source.format is Format.MARKDOWN:
        return sum(any(row) for run in records(source) for row in run.rows)
    return extent(source).filled


class Extent(NamedTuple):
    """A table of a page: its number in the order in which they begin, its columns, and its rows with words."""

    number: int
    width: int
    filled: int


def _in_runs(rows: Iterator[list[str]]) -> Iterator[Run]:
    number = 1
    while block := list(islice(rows, _BLOCK)):
        yield Run(number, block, sound=False)
        number += len(block)


def _markdown(source: Source) -> list[list[str]]:
    if source.size > _MOST_MARKDOWN:
        raise _TooLarge
    with open_text(source.path, source.encoding, newline="") as file:
        return _ruled(file.read().removeprefix("\ufeff"))


def _ruled(text: str) -> list[list[str]]:
    """The lines of a Markdown table; the rule below its header is an empty row."""
    if text.count("\n") + text.count("|") > _MOST_CELLS:
        raise _TooLarge
    rows: list[list[str]] = []
    for line in map(str.strip, text.split("\n")):
        is_rule = len(rows) == 1 and len(line) < _LONGEST_RULE and _RULE.fullmatch(line)
        cells = [] if is_rule else _PIPE.split(line.removeprefix("|").removesuffix("|"))
        rows.append([_BREAK.sub("\n", cell).strip().replace("\\|", "|") for cell in cells])
    return rows


class _TooLarge(Exception):
    """A page asks for more than can be done."""


class _Table:
    """A table as far as it is read; its rows are taken as they end."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.rows: list[list[str]] = []  # not taken yet; the last may be open
        self.height = self.filled = self.width = 0
        self.cells = self.written = 0
        self.pieces: list[str] | None = None  # of the open cell
        self._length = 0  # of these
        self._place = self._down = 0  # its column, and over how many rows it goes
        self._above: dict[int, tuple[int, str]] = {}  # column: how many rows a cell above still covers, and its text
        self._begun: dict[int, tuple[int, str]] = {}  # the same for cells of this row
        self._below_header = self._is_open = False

    def take(self) -> list[list[str]]:
        """The rows that have ended since the last time."""
        if self._is_open:
            self.rows, ended = self.rows[-1:], self.rows[:-1]
        else:
            self.rows, ended = [], self.rows
        return ended

    def begin_row(self, number: int) -> None:
        """Begin the row with this number; 0 is the next one."""
        self.end_row()
        empty = max(0, min(number - 1 - self.height, _MOST_COLUMNS))
        self.rows += [[] for _ in range(empty + 1)]
        self.height += empty + 1
        self.cells += empty
        self._is_open = True
        if self.height > _MOST_ROWS:
            raise _TooLarge

    def begin_cell(self, number: int, across: int, down: int) -> None:
        """Begin the cell in the column with this number (0 is the next one) that goes over so many columns and rows."""
        self.end_cell()
        if not self._is_open:
            self.begin_row(0)
        row = self.rows[-1]
        while len(row) in self._above and len(row) != number - 1:
            row.append(self._above[len(row)][1])
        row += [""] * min(number - 1 - len(row), _MOST_COLUMNS)
        self._place, self._down, self.pieces, self._length = len(row), down, [], 0
        row += [""] * min(max(1, across), _MOST_COLUMNS)
        if len(row) > _MOST_COLUMNS:
            raise _TooLarge

    def evened(self, text: str) -> str:
        """Text as a page shows it behind what stands here already: with one blank for several."""
        text = _BLANKS.sub(" ", text) if self.pieces is not None else ""
        return text[1:] if text[:1] == " " and self.pieces and self.pieces[-1][-1:] == " " else text

    def say(self, text: str) -> None:
        """Text that stands here; outside of cells it says nothing."""
        if self.pieces is not None and text:
            self.pieces.append(text)
            self._length += len(text)
            if self._length > _LONGEST_CELL:
                raise _TooLarge

    def end_cell(self) -> None:
        """Write down what stands in the open cell."""
        if self.pieces is None:
            return
        lines = html.unescape("".join(self.pieces)).replace("\r", "").split("\n")
        text = "\n".join(line.strip(" ") for line in lines).strip()
        self.rows[-1][self._place] = text
        self.written += bool(text)
        if self._down > 1:  # of a header that would make a row of names
            self._begun[self._place] = self._down - 1, text if self._below_header else ""
        self.pieces = None

    def end_row(self) -> None:
        """Go on below: what reaches down from above stands in this row too."""
        self.end_cell()
        if not self._is_open:
            return
        self._is_open = False
        row = self.rows[-1]
        for place, (_left, text) in sorted(self._above.items()):
            if place >= len(row):
                row += [""] * (place - len(row)) + [text]
        still = {place: (left - 1, text) for place, (left, text) in self._above.items() if left > 1}
        self._above, self._begun = still | self._begun, {}
        words = sum(map(bool, row))
        self._below_header = self._below_header or words > 1
        self.filled += words > 0
        self.width = max(self.width, len(row))
        self.cells += len(row) + 1


class _Page:
    """A page as far as it is read: the tables that are open, and those that ended with the last text."""

    def __init__(self, keeps_blanks: bool) -> None:
        self._keeps_blanks = keeps_blanks
        self._open: list[_Table] = []
        self._unseen = ""
        self._left = ""  # the beginning of a tag or of a comment, whose rest is still to come
        self._in_comment = False
        self._tables = self._tags = 0
        self._most = self._ended = 0  # written cells of the largest table, of all that ended

    @property
    def written(self) -> int:
        """How many cells with words there were."""
        return self._ended + sum(table.written for table in self._open)

    def read(self, text: str) -> Iterator[_Table]:
        """Go on with this text; each table in which something happened, an ended one last."""
        for tag_or_text in self._parts(self._left + text):
            table = self._open[-1] if self._open else None
            if isinstance(tag_or_text, str):
                if table and not self._unseen:
                    table.say(tag_or_text if self._keeps_blanks else table.evened(tag_or_text))
                continue
            self._tags += 1
            closes, name = bool(tag_or_text[1]), tag_or_text[2].lower().rpartition(":")[2]
            if self._unseen or name in _UNSEEN:
                self._unseen = _unseen(self._unseen, name, closes, tag_or_text)
            elif name in _TABLES and closes and table:
                table.end_row()
                self._ended += table.written
                yield self._seen(self._open.pop())
            elif name in _TABLES and not closes and len(self._open) < _DEEPEST:
                self._open.append(_Table(self._tables))
                self._tables += 1
            elif table:
                _at(table, name, tag_or_text)
                if len(table.rows) > _BLOCK:
                    yield self._seen(table)
            if self._tags > _MOST_TAGS + _TAGS_EACH * max(self._most, table.written if table else 0):
                raise _TooLarge
            if table and table.cells > _MOST_CELLS + _CELLS_EACH * table.written:
                raise _TooLarge

    def end(self) -> Iterator[_Table]:
        """The tables that the page does not end itself."""
        for table in self._open:
            table.end_row()
            yield table

    def _seen(self, table: _Table) -> _Table:
        self._most = max(self._most, table.written)
        return table

    def _parts(self, text: str) -> Iterator[str | re.Match[str]]:
        """Tags, and what stands between them, without comments; what may go on behind the text is left for later."""
        place, self._left = 0, ""
        while place < len(text):
            if self._in_comment:
                end = text.find("-->", place)
                if end < 0:
                    self._left = text[max(place, len(text) - 2) :]
                    return
                place, self._in_comment = end + 3, False
            comment = text.find("<!--", place)
            until = len(text) if comment < 0 else comment
            if comment < 0:
                opened = text.rfind("<", max(place, len(text) - _LONGEST_OPEN))
                if opened >= 0 and text.find(">", opened) < 0:
                    until = opened
                    self._left = text[opened:]
            for tag in _TAG.finditer(text, place, until):
                yield text[place : tag.start()]
                yield tag
                place = tag.end()
            yield text[place:until]
            if comment < 0:
                return
            place, self._in_comment = comment + 4, True


@lru_cache(maxsize=8)
def _largest(path: Path, encoding: str, form: Format, _version: tuple[int, int]) -> Extent:
    """The table with the most cells; its width is 0 where there is none."""
    best = Extent(-1, 0, 0)
    most = 0
    for table in _tables(path, encoding, form):
        table.take()
        if table.cells > most:
            most, best = table.cells, Extent(table.number, table.width, table.filled)
            if table.width * table.height > 2 * _MOST_CELLS + _CELLS_EACH * table.written:
                raise _TooLarge
    return best


def _rows(source: Source, found: Extent) -> Iterator[list[str]]:
    for table in _tables(source.path, source.encoding, source.format):
        if table.number == found.number:
            yield from table.take()


def _tables(path: Path, encoding: str, form: Format) -> Iterator[_Table]:
    """The tables of a page, each time that some rows of one have been read, and at its end."""
    page = _Page(form is Format.XML)
    with open_text(path, encoding, newline="") as file:
        idle = 0
        while text := file.read(_READ):
            before = page.written
            yield from page.read(text)
            idle = 0 if page.written > before else idle + len(text)
            if idle > _IDLE and page.written:
                raise _TooLarge
            if idle > _IDLE:
                return
    yield from page.end()


def _unseen(unseen: str, name: str, closes: bool, tag: re.Match[str]) -> str:
    """What of a page is not shown from this tag on; empty where all is."""
    if not unseen:
        return "" if closes or tag[3].endswith("/") else name
    return "" if closes and name == unseen else unseen


def _at(table: _Table, name: str, tag: re.Match[str]) -> None:
    """A tag within a table."""
    closes = bool(tag[1])
    if name in _ROWS:
        said = _said(tag)
        table.end_row() if closes else table.begin_row(said.get("index", 0))
    elif name in _CELLS and not closes:
        said = _said(tag)
        across = said.get("colspan", 1 + said.get("mergeacross", 0))
        table.begin_cell(said.get("index", 0), across, said.get("rowspan", 1 + said.get("mergedown", 0)))
        if tag[3].endswith("/"):
            table.end_cell()
    elif name in _CELLS:
        table.end_cell()
    elif name in _LINES and table.pieces:
        table.say("\n")


def _said(tag: re.Match[str]) -> dict[str, int]:
    return {name.lower(): int(value) for name, value in _ATTRIBUTE.findall(tag[3][:_LONGEST_TAG])}


def _no_table(source: Source) -> BadInput:
    what = (
        T("{file} is a web page without a table.", file=source.name)
        if source.format is Format.HTML
        else T("{file} is XML without a table.", file=source.name)
    )
    return BadInput(what, T("Save the rows as CSV, Excel or JSON Lines."))


def _too_large(source: Source) -> BadInput:
    return BadInput(
        T("{file} is a table in markup that is too large to be read.", file=source.name),
        T("Open it in your spreadsheet program and save it as XLSX or CSV."),
    )
