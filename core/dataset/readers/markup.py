"""Tables in markup: of web pages (which many programs save as .xls), of Excel's XML of 2003, and of Markdown."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator

from core.dataset.encodings import open_text
from core.dataset.readers.tables import Run
from core.dataset.readers.values import Format, Source
from core.errors import BadInput
from core.words import T

MAX_SIZE = 8 << 20  # bytes; they are held whole
_MOST_CELLS = 500_000
_MOST_COLUMNS = 1_000
_MOST_TAGS = 1_000_000
_LONGEST_TAG = 1_000  # characters in which its attributes are looked for
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
    if source.size > MAX_SIZE:
        raise _too_large(source)
    with open_text(source.path, source.encoding, newline="") as file:
        text = file.read().removeprefix("\ufeff")
    try:
        rows = _ruled(text) if source.format is Format.MARKDOWN else _largest(text, source.format is Format.XML)
    except _TooLarge:
        raise _too_large(source) from None
    if not rows:
        raise _no_table(source)
    for start in range(0, len(rows), _BLOCK):
        yield Run(start + 1, rows[start : start + _BLOCK], sound=False)


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
    """A table has more cells than can be held."""


class _Table:
    """A table as far as it is read."""

    def __init__(self) -> None:
        self.rows: list[list[str]] = []
        self.cells = 0
        self.pieces: list[str] | None = None  # of the open cell
        self._place = self._down = 0  # its column, and over how many rows it goes
        self._above: dict[int, tuple[int, str]] = {}  # column: how many rows a cell above still covers, and its text
        self._begun: dict[int, tuple[int, str]] = {}  # the same for cells of this row
        self._below_header = False

    def begin_row(self, number: int) -> None:
        """Begin the row with this number; 0 is the next one."""
        self.end_row()
        empty = max(0, min(number - 1 - len(self.rows), _MOST_COLUMNS))
        self.rows += [[] for _ in range(empty + 1)]
        self.cells += empty

    def begin_cell(self, number: int, across: int, down: int) -> None:
        """Begin the cell in the column with this number (0 is the next one) that goes over so many columns and rows."""
        self.end_cell()
        if not self.rows:
            self.rows.append([])
        row = self.rows[-1]
        while len(row) in self._above and len(row) != number - 1:
            row.append(self._above[len(row)][1])
        row += [""] * min(number - 1 - len(row), _MOST_COLUMNS)
        self._place, self._down, self.pieces = len(row), down, []
        row += [""] * min(max(1, across), _MOST_COLUMNS)
        if len(row) > _MOST_COLUMNS:
            raise _TooLarge

    def end_cell(self) -> None:
        """Write down what stands in the open cell."""
        if self.pieces is None:
            return
        lines = html.unescape("".join(self.pieces)).replace("\r", "").split("\n")
        text = "\n".join(line.strip(" ") for line in lines).strip()
        self.rows[-1][self._place] = text
        if self._down > 1:  # of a header that would make a row of names
            self._begun[self._place] = self._down - 1, text if self._below_header else ""
        self.pieces = None

    def end_row(self) -> None:
        """Go on below: what reaches down from above stands in this row too."""
        self.end_cell()
        if not self.rows:
            return
        row = self.rows[-1]
        for place, (_left, text) in sorted(self._above.items()):
            if place >= len(row):
                row += [""] * (place - len(row)) + [text]
        still = {place: (left - 1, text) for place, (left, text) in self._above.items() if left > 1}
        self._above, self._begun = still | self._begun, {}
        self._below_header = self._below_header or sum(map(bool, row)) > 1
        self.cells += len(row) + 1


def _largest(text: str, keeps_blanks: bool) -> list[list[str]]:
    """The rows of the table with the most cells; none where there is no table."""
    open_tables: list[_Table] = []
    largest = _Table()
    unseen, end, cells = "", 0, 0
    text = _without_comments(text)
    for number, tag in enumerate(_TAG.finditer(text)):
        table = open_tables[-1] if open_tables else None
        if table and table.pieces is not None and not unseen:
            between = text[end : tag.start()]
            table.pieces.append(between if keeps_blanks else _BLANKS.sub(" ", between))
        end = tag.end()
        closes, name = bool(tag[1]), tag[2].lower().rpartition(":")[2]
        if unseen or name in _UNSEEN:
            unseen = _unseen(unseen, name, closes, tag)
        elif name in _TABLES and closes and table:
            largest = _larger(largest, open_tables.pop())
        elif name in _TABLES and not closes and len(open_tables) < _DEEPEST:
            open_tables.append(_Table())
        elif table:
            before = table.cells
            _at(table, name, tag)
            cells += table.cells - before
        if cells > _MOST_CELLS or number > _MOST_TAGS:
            raise _TooLarge
    for table in open_tables:
        largest = _larger(largest, table)
    width = max(map(len, largest.rows), default=0)
    if width * len(largest.rows) > 2 * _MOST_CELLS:
        raise _TooLarge
    return [row + [""] * (width - len(row)) for row in largest.rows] if width else []


def _larger(one: _Table, other: _Table) -> _Table:
    """The table with more cells, of an ended one and another that ends here."""
    other.end_row()
    return other if other.cells > one.cells else one


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
        table.pieces.append("\n")


def _said(tag: re.Match[str]) -> dict[str, int]:
    return {name.lower(): int(value) for name, value in _ATTRIBUTE.findall(tag[3][:_LONGEST_TAG])}


def _without_comments(text: str) -> str:
    first, *others = text.split("<!--")
    return first + "".join(other.partition("-->")[2] for other in others)


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
