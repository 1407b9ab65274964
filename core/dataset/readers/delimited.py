"""Text tables: comma, tab, semicolon or bar between the cells, recognised by trying, read row by row."""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from operator import contains
from typing import Any

from core.dataset.encodings import BLOCK, damage, decoded
from core.dataset.readers import plaintables
from core.dataset.readers.headers import HEADER_WITHIN, clean_name
from core.dataset.readers.tables import Even, Run, named
from core.dataset.readers.values import LONGEST_KEPT, Reject, Source, excerpt
from core.dataset.vocabulary import is_known
from core.words import T, Text

MAX_CELL = 1 << 24  # characters; also the longest line
MAX_LINES = 5_000  # lines in one quoted cell before we say that the quote was never closed
NO_DELIMITER = "\x1f"  # the whole line is one cell
_CANDIDATES = ("\t", ",", ";", "|")
_STEADY = 0.7  # share of rows that must have the same number of cells
_BREAK = re.compile("\r\n|\r|\n")
csv.field_size_limit(MAX_CELL)


@dataclass(frozen=True)
class Layout:
    """How the cells of a line are told apart."""

    delimiter: str
    quoted: bool


def recognise(sample: str, favourite: str = ",") -> Layout:
    """The layout under which the sample's rows have the same number of cells; `favourite` where nothing speaks."""
    best: tuple[float, Layout] | None = None
    for delimiter in _CANDIDATES:
        layout = Layout(delimiter, _is_quoted(sample, delimiter))
        rows = parse(sample, layout)
        widths = Counter(map(len, rows))
        width, count = max(widths.items(), key=lambda item: (item[1], item[0]), default=(1, 0))
        share = count / max(1, widths.total())
        known = _header_width(sample, layout)
        if known >= 2 or (width >= 2 and share >= _STEADY):
            # A sign that the header lacks (the commas of prices or sentences) hardly stands between the cells.
            score = share + 0.1 * (len(rows[0]) == width) + 0.05 * (delimiter == favourite) + known
            if best is None or score > best[0]:
                best = (score, layout)
    if best:
        return best[1]
    one_column = Layout(favourite, _is_quoted(sample, favourite))
    unsplit = all(len(cells) == 1 for cells in parse(sample, one_column))
    return one_column if unsplit else Layout(NO_DELIMITER, False)


def parse(sample: str, layout: Layout) -> list[list[str]]:
    """The filled rows of a short text, forgiving."""
    return [cells for _, cells in numbered(sample, layout)]


def numbered(sample: str, layout: Layout) -> list[tuple[int, list[str]]]:
    """The filled rows of a short text with their numbers, forgiving."""
    reader = _reader(io.StringIO(sample, newline=""), layout, strict=False)
    try:
        return [(number, cells) for number, cells in enumerate(reader, start=1) if any(cells)]
    except csv.Error:
        return []


def records(source: Source) -> Iterator[Run | Even | Reject]:
    """Every row with its number as a spreadsheet shows it; one that cannot be parsed is rejected, the next is read."""
    source, number = yield from plaintables.records(source)
    layout, ahead = Layout(source.delimiter, source.quoted), _Ahead(source)
    while ahead.fill():
        piece = ahead.piece(layout.quoted)
        sound = "\0" not in piece and (ahead.sound or not damage(piece))
        if columns := _at_once(piece, layout):
            ahead.use(len(piece))
            yield Even(number, columns, sound)
            number += len(columns[0])
            continue
        rows, used, reason = _quickly(piece, layout), len(piece), None
        if rows is None:
            rows, used, reason = _carefully(piece, layout, last=ahead.is_last())
        ahead.use(used)
        if rows:
            yield Run(number, rows, sound)
            number += len(rows)
        if reason:
            line, endless = ahead.line()
            reject = Reject(number, "", reason, excerpt(line.rstrip("\r\n")), endless=endless)
            cells = next(iter(parse(line, layout)), [line]) if len(line) <= LONGEST_KEPT else []
            yield reject.keeping(cells=named(cells, source.columns)) if cells else reject
            ahead.skip(line, endless)
            number += 1


class _Ahead:
    """The text of a file as far as it is read and not yet used."""

    def __init__(self, source: Source) -> None:
        self._blocks = decoded(source.path, source.encoding, source.span)
        self._text = ""
        self._ended = False
        self._wanted = BLOCK
        self.sound = True  # nothing of it was damaged so far

    def fill(self) -> bool:
        """Read on until there is a block of text, or more of it where that held no whole row; whether there is any."""
        parts, size = [self._text], len(self._text)
        while size < self._wanted and not self._ended:
            block, self.sound = next(self._blocks, ("", self.sound))
            self._ended = not block
            parts.append(block)
            size += len(block)
        self._text = "".join(parts)
        return bool(self._text)

    def piece(self, quoted: bool) -> str:
        """Whole lines, up to one at which quotes pair up; the whole text where it is one line too long."""
        text = self._text
        end = len(text) if self._ended else text.rfind("\n") + 1 or text.rfind("\r", 0, -1) + 1
        if quoted and not self._ended and '"' in text and text.count('"', 0, end) % 2:
            place, odd = end, False
            while place and not odd:
                line = text.rfind("\n", 0, text.rfind('"', 0, place)) + 1
                place, odd = line, odd ^ (text.count('"', line, place) % 2 == 1)
            end = place or end
        return text[:end] if end or len(text) < MAX_CELL else text

    def is_last(self) -> bool:
        """Whether no more is to be had that would end the last row of a piece."""
        return self._ended or len(self._text) > 2 * MAX_CELL

    def use(self, size: int) -> None:
        """Go on behind so many characters."""
        self._wanted = BLOCK if size else BLOCK + min(2 * len(self._text), max(MAX_CELL, len(self._text)))
        self._text = self._text[size:]

    def line(self) -> tuple[str, bool]:
        """The next line, and whether its end is not in sight."""
        if self._text.endswith("\r"):
            self.use(0)  # the other half of its break may follow
            self.fill()
        line = self._text[: _line_end(self._text)]
        return line, not self._ended and not line.endswith(("\n", "\r"))

    def skip(self, line: str, endless: bool) -> None:
        """Go on behind this line."""
        self.use(len(line))
        while endless and self.fill():
            rest, endless = self.line()
            self.use(len(rest))


def _line_end(text: str) -> int:
    """How long the first line is, its break included."""
    found = _BREAK.search(text)
    return found.end() if found else len(text)


def _at_once(piece: str, layout: Layout) -> list[list[str]] | None:
    """The columns of whole lines that all have the same number of cells and no quotes; None where any has not."""
    if len(piece) >= MAX_CELL or (layout.quoted and '"' in piece):
        return None
    ending = "\r\n" if "\r" in piece else "\n"
    if not piece.endswith(ending):
        return None
    if ending == "\r\n" and not piece.count("\r") == piece.count("\n") == piece.count(ending):
        return None
    return plaintables.cut(piece, ending, layout.delimiter, "\x1e")


def _quickly(piece: str, layout: Layout) -> list[list[str]] | None:
    """The rows of whole lines; None where one of them may be broken."""
    if len(piece) >= MAX_CELL:
        return None
    if not (layout.quoted and '"' in piece):
        windows = "\r" in piece
        lines = piece.split("\r\n" if windows else "\n")
        if not windows or not any(map(contains, lines * 2, ("\r",) * len(lines) + ("\n",) * len(lines))):
            return [line.split(layout.delimiter) for line in (lines if lines[-1] else lines[:-1])]
    reader = _reader(io.StringIO(piece, newline=""), layout, strict=True)
    try:
        rows = list(reader)
    except csv.Error:
        return None
    return rows if reader.line_num - len(rows) < MAX_LINES else None


def _carefully(text: str, layout: Layout, *, last: bool) -> tuple[list[list[str]], int, Text | None]:
    """The rows up to a broken one, how many characters they take, and what is wrong with the next; nothing where the
    next only goes on behind the text."""
    if len(text) >= MAX_CELL and _line_end(text) >= MAX_CELL:
        return [], 0, _reason(_TooLong(), 1)
    file, taken = io.StringIO(text, newline=""), 0
    rows: list[list[str]] = []
    used = 0

    def lines() -> Iterator[str]:
        nonlocal taken
        while line := file.readline(MAX_CELL):
            taken += 1
            if len(line) == MAX_CELL or taken > MAX_LINES:
                raise _TooLong
            yield line

    try:
        for cells in _reader(lines(), layout, strict=True):
            rows.append(cells)
            used, taken = file.tell(), 0
    except (csv.Error, _TooLong) as error:
        goes_on = not last and "unexpected end" in str(error)
        return rows, used, None if goes_on else _reason(error, taken)
    return rows, used, None


class _TooLong(Exception):
    """A line, or a quoted cell, goes on for ever."""


def _reason(error: Exception, lines: int) -> Text:
    if isinstance(error, _TooLong) and lines <= MAX_LINES:
        return T("The line is longer than {limit} characters. Cut it.", limit=MAX_CELL)
    if isinstance(error, _TooLong) or "unexpected end" in str(error):
        return T('A double quote is opened and never closed. Close it, or write "" for a quote inside a text.')
    if "expected after" in str(error):
        return T('Text follows a closing double quote. Write "" for a quote inside a text.')
    if "field larger" in str(error):
        return T("A cell is longer than {limit} characters. Cut it.", limit=MAX_CELL)
    return T("The row cannot be parsed: {error}", error=str(error))


def _reader(lines: Iterable[str], layout: Layout, *, strict: bool) -> Any:
    if layout.quoted:
        return csv.reader(lines, delimiter=layout.delimiter, strict=strict)
    return csv.reader(lines, delimiter=layout.delimiter, quoting=csv.QUOTE_NONE, strict=strict)


def _is_quoted(sample: str, delimiter: str) -> bool:
    """Whether quotes enclose cells. Tab files mostly mean them as text; quotes that do not pair up are text too."""
    if '"' not in sample:
        return delimiter != "\t"
    if delimiter != "\t":
        return True
    try:
        pairs = csv.reader(io.StringIO(sample, newline=""), delimiter=delimiter, strict=True)
        widths = {len(cells) for cells in pairs if cells}
    except csv.Error:
        return False
    plain = {len(line.split(delimiter)) for line in sample.splitlines() if line}
    return len(widths) == 1 and (plain != widths or '""' in sample)


def _header_width(sample: str, layout: Layout) -> int:
    """How many cells of the first row (or of one below a title) are column names that we know."""
    first = parse(sample[:4096], layout)[:HEADER_WITHIN]
    return max((sum(is_known(clean_name(cell)) for cell in cells) for cells in first), default=0)
