"""What every reader gives: rows, rejected rows, and what was recognised of the file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from pathlib import Path
from typing import NamedTuple

from core.dataset.encodings import visible
from core.dataset.examples import Kind
from core.dataset.shapes import Shape
from core.words import T, Text

SEEN = 80
LONGEST_KEPT = 200_000  # characters of a rejected row


class Format(StrEnum):
    """How a file holds its rows."""

    CSV = "csv"
    TSV = "tsv"
    XLSX = "xlsx"
    XLS = "xls"
    XLSB = "xlsb"
    ODS = "ods"
    PARQUET = "parquet"
    JSON = "json"
    JSONL = "jsonl"
    HTML = "html"
    XML = "xml"  # Excel's of 2003
    MARKDOWN = "markdown"
    SEVERAL = "several"  # files of different formats

    @property
    def is_sheet(self) -> bool:
        """Whether it is a workbook."""
        return self in (Format.XLSX, Format.XLS, Format.XLSB, Format.ODS)

    @property
    def is_markup(self) -> bool:
        """Whether it is a table in marked-up text."""
        return self in (Format.HTML, Format.XML, Format.MARKDOWN)

    @property
    def is_table(self) -> bool:
        """Whether its rows are lists of cells, so that one of them may name the columns."""
        return self in (Format.CSV, Format.TSV) or self.is_sheet or self.is_markup

    @property
    def is_text(self) -> bool:
        """Whether it is text in some encoding."""
        return self in (Format.CSV, Format.TSV, Format.JSON, Format.JSONL) or self.is_markup


class Row(NamedTuple):
    """One row: its number as the person sees it (1 is the first line), its cells, its JSON line if it has one.

    `file` is filled where several files are read as one.
    """

    number: int
    cells: dict[str, str]
    raw: str = ""
    file: str = ""


class Block(NamedTuple):
    """Many rows at once, as columns: the number of each row, and the cells of each column."""

    numbers: Sequence[int]
    columns: Sequence[Sequence[str]]
    file: str = ""


@dataclass(frozen=True)
class Reject:
    """A row that cannot be used: where, why, and what was seen there."""

    row: int
    column: str
    reason: Text
    seen: str = ""
    file: str = ""
    endless: bool = False  # a line of which no end was seen
    text: str = ""  # the whole line, where it can be mended
    cells: Mapping[str, str] | None = None  # or its cells

    def keeping(self, text: str = "", cells: Mapping[str, str] | None = None) -> Reject:
        """The same with all that stood there, unless that is too long to be mended by hand."""
        if len(text) + sum(map(len, (cells or {}).values())) > LONGEST_KEPT:
            return self
        shown = {column: visible(cell) for column, cell in cells.items()} if cells else None
        return replace(self, text="" if cells else visible(text), cells=shown)


@dataclass(frozen=True)
class Source:
    """A file that was recognised.

    `training` names the format of lines that are examples already; with a `shape` they are another tool's and are
    converted. `top` is the number of rows above the header (a title), `garbled` the share of the sample whose letters
    are UTF-8 read as something else, `parts` the files that are read one after the other as this one, `others` those
    that came with them and hold no rows, with the reason. `uncalculated` names cells with formulas that have no value,
    by their row and column. Of a text table or a sheet with a `span`, only what stands from its first byte (unpacked)
    up to its second is read.
    """

    path: Path
    name: str
    format: Format
    size: int
    encoding: str = "utf-8"
    delimiter: str = ""
    quoted: bool = True
    header: bool = True
    sheets: tuple[str, ...] = ()
    sheet: str = ""
    columns: tuple[str, ...] = ()
    sample: tuple[Row, ...] = ()
    training: Kind | None = None
    rows_estimate: int = 0
    shape: Shape | None = None
    top: int = 0
    garbled: float = 0.0
    parts: tuple[Source, ...] = ()
    others: tuple[tuple[str, Text | str], ...] = ()
    span: tuple[int, int] | None = None
    uncalculated: Mapping[tuple[int, str], str] = field(default_factory=dict)


def excerpt(text: str) -> str:
    """The beginning of a text, short enough to be quoted in a sentence, damaged characters made visible."""
    text = visible(text)
    return text if len(text) <= SEEN else text[: SEEN - 1] + "…"


def damaged(row: int, column: str, bytes_seen: str, text: str) -> Reject:
    """The rejection of a row that is not in the file's encoding."""
    reason = T("The bytes {bytes} are no text in this file's encoding. Save it again as UTF-8.", bytes=bytes_seen)
    return Reject(row, column, reason, excerpt(text))
