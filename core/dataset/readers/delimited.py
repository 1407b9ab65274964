"""Text tables: comma, tab, semicolon or bar between the cells, recognised by trying, read row by row."""

from __future__ import annotations

import csv
import io
from collections import Counter, deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import IO

from core.dataset.encodings import open_text
from core.dataset.readers.headers import HEADER_WITHIN, clean_name
from core.dataset.readers.tables import Record, named
from core.dataset.readers.values import LONGEST_KEPT, Reject, Source, excerpt
from core.dataset.vocabulary import is_known
from core.words import T, Text

MAX_CELL = 1 << 24  # characters; also the longest line
MAX_LINES = 5_000  # lines in one quoted cell before we say that the quote was never closed
NO_DELIMITER = "\x1f"  # the whole line is one cell
_CANDIDATES = ("\t", ",", ";", "|")
_STEADY = 0.7  # share of rows that must have the same number of cells
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
        widths = Counter(len(cells) for cells in parse(sample, layout))
        width, count = max(widths.items(), key=lambda item: (item[1], item[0]), default=(1, 0))
        share = count / max(1, widths.total())
        known = _header_width(sample, layout)
        if known >= 2 or (width >= 2 and share >= _STEADY):
            score = share + 0.1 * (delimiter == favourite) + known
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


def numbered(sample: str, layout: Layout) -> list[Record]:
    """The filled rows of a short text with their numbers, forgiving."""
    reader = _reader(io.StringIO(sample, newline=""), layout, strict=False)
    try:
        return [(number, cells) for number, cells in enumerate(reader, start=1) if any(cells)]
    except csv.Error:
        return []


def records(source: Source) -> Iterator[Record | Reject]:
    """Every row with its number as a spreadsheet shows it; one that cannot be parsed is rejected, the next is read."""
    layout = Layout(source.delimiter, source.quoted)
    with open_text(source.path, source.encoding, newline="") as file:
        lines = _Lines(file)
        number = 0
        while True:
            reader = _reader(lines.feed(), layout, strict=True)
            try:
                for cells in reader:
                    number += 1
                    lines.taken.clear()
                    yield number, cells
                return
            except (csv.Error, _TooLong) as error:
                number += 1
                reason, line = _reason(error, lines), lines.give_back()
                cells = next(iter(parse(line, layout)), [line]) if len(line) <= LONGEST_KEPT else []
                reject = Reject(number, "", reason, excerpt(line), endless=lines.inside)
                yield reject.keeping(cells=named(cells, source.columns)) if cells else reject


class _TooLong(Exception):
    """A line, or a quoted cell, goes on for ever."""


class _Lines:
    """The lines of a file, able to give back those that a broken row swallowed."""

    def __init__(self, file: IO[str]) -> None:
        self._file = file
        self._again: deque[str] = deque()
        self.taken: list[str] = []
        self.inside = False  # a line too long, whose end was not looked for yet

    def feed(self) -> Iterator[str]:
        if self.inside:
            self._skip_line()
        while line := self._again.popleft() if self._again else self._file.readline(MAX_CELL):
            self.taken.append(line)
            if len(line) == MAX_CELL:
                self.inside = True
                raise _TooLong
            if len(self.taken) > MAX_LINES:
                raise _TooLong
            yield line

    def give_back(self) -> str:
        """Drop the line on which the broken row began and read the others again; the line dropped."""
        first, *others = self.taken or [""]
        self._again.extendleft(reversed(others))
        self.taken.clear()
        return first.rstrip("\r\n")

    def _skip_line(self) -> None:
        self.inside = False
        while (rest := self._file.readline(MAX_CELL)) and not rest.endswith(("\n", "\r")):
            pass


def _reason(error: Exception, lines: _Lines) -> Text:
    if isinstance(error, _TooLong) and len(lines.taken) <= MAX_LINES:
        return T("The line is longer than {limit} characters. Cut it.", limit=MAX_CELL)
    if isinstance(error, _TooLong) or "unexpected end" in str(error):
        return T('A double quote is opened and never closed. Close it, or write "" for a quote inside a text.')
    if "expected after" in str(error):
        return T('Text follows a closing double quote. Write "" for a quote inside a text.')
    if "field larger" in str(error):
        return T("A cell is longer than {limit} characters. Cut it.", limit=MAX_CELL)
    return T("The row cannot be parsed: {error}", error=str(error))


def _reader(lines: Iterable[str], layout: Layout, *, strict: bool) -> Iterator[list[str]]:
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
