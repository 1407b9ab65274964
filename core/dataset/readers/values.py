"""What every reader gives: rows, rejected rows, and what was recognised of the file."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import NamedTuple

from core.dataset.encodings import visible
from core.dataset.examples import Kind
from core.words import T, Text

SEEN = 80


class Format(StrEnum):
    """How a file holds its rows."""

    CSV = "csv"
    TSV = "tsv"
    XLSX = "xlsx"
    JSON = "json"
    JSONL = "jsonl"


class Row(NamedTuple):
    """One row: its number as the person sees it (1 is the first line), its cells, and its JSON line if it has one."""

    number: int
    cells: dict[str, str]
    raw: str = ""


@dataclass(frozen=True)
class Reject:
    """A row that cannot be used: where, why, and what was seen there."""

    row: int
    column: str
    reason: Text
    seen: str = ""


@dataclass(frozen=True)
class Source:
    """A file that was recognised. `training` names the format of lines that can be imported as they are."""

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


def excerpt(text: str) -> str:
    """The beginning of a text, short enough to be quoted in a sentence, damaged characters made visible."""
    text = visible(text)
    return text if len(text) <= SEEN else text[: SEEN - 1] + "…"


def damaged(row: int, column: str, bytes_seen: str, text: str) -> Reject:
    """The rejection of a row that is not in the file's encoding."""
    reason = T("The bytes {bytes} are no text in this file's encoding. Save it again as UTF-8.", bytes=bytes_seen)
    return Reject(row, column, reason, excerpt(text))
