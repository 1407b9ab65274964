"""Examples written out again: JSON Lines byte for byte, CSV and XLSX for people."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Protocol

from core.dataset import sheetwriting
from core.dataset.examples import Body, Split, answer_text, load, messages_of, system_text, user_text
from core.dataset.ownrows import FORMULA
from core.dataset.replacing import replacing
from core.dataset.shapes import TABLE_COLUMNS
from core.errors import BadInput
from core.words import T

COLUMNS = TABLE_COLUMNS
MAX_ROWS = 1_048_576
_SURE = sheetwriting.MAX_CELL // 2  # characters that fit into a cell whatever they are


class Exportable(Protocol):
    """What every example, draft of a version and stored row has."""

    @property
    def id(self) -> int: ...
    @property
    def raw(self) -> str: ...
    @property
    def label(self) -> str: ...
    @property
    def split(self) -> Split: ...


def to_jsonl(examples: Iterable[Exportable], path: Path, *, bom: bool = False) -> int:
    """One line an example, exactly as it was imported or last edited; the number of lines. Azure asks for a `bom`."""
    count = 0
    with replacing(path) as part, part.open("w", encoding="utf-8-sig" if bom else "utf-8", newline="\n") as file:
        for example in examples:
            count += 1
            file.write(f"{example.raw}\n")
    return count


def to_csv(examples: Iterable[Exportable], path: Path, *, guard: bool = False, bom: bool = True) -> int:
    """A table in UTF-8; the number of rows.

    `bom` marks the encoding, without which Excel garbles Chinese. `guard` puts an apostrophe before a cell that a
    spreadsheet would take for a formula; such a file no longer holds the very text.
    """
    count = 0
    encoding = "utf-8-sig" if bom else "utf-8"
    with replacing(path) as part, part.open("w", encoding=encoding, newline="") as file:
        writer = csv.writer(file)
        writer.writerow(COLUMNS)
        for example in examples:
            count += 1
            cells = _cells(example)
            writer.writerow(map(guarded, cells) if guard else cells)
    return count


def guarded(cell: str) -> str:
    """A cell behind an apostrophe where a spreadsheet would take it for a formula."""
    return f"'{cell}" if cell.startswith(FORMULA) else cell


def to_xlsx(examples: Iterable[Exportable], path: Path) -> int:
    """A workbook whose cells are all text, so that nothing in it is ever a formula; the number of rows.

    Raises BadInput naming the row where a text is longer than a cell can hold, or there are too many rows.
    """
    with replacing(path) as part:
        return sheetwriting.write(part, _design, examples=_lines(examples))


def _design(book: Any, sheets: Any) -> tuple[Any, Any]:
    sheet = sheets["examples"]
    sheet.freeze_panes(1, 0)
    sheet.set_column(1, 3, 48)
    for place, name in enumerate(COLUMNS):
        sheet.write_string(0, place, name)
    text = book.add_format({"num_format": "@"})
    return text, text


def _lines(examples: Iterable[Exportable]) -> Iterator[sheetwriting.Line]:
    for row, example in enumerate(examples, start=2):
        if row > MAX_ROWS:
            raise BadInput(
                T("A sheet holds {limit} rows at most.", limit=MAX_ROWS - 1),
                T("Export CSV or JSON Lines instead."),
            )
        cells = _cells(example)
        if "\ufffe" in example.raw or "\uffff" in example.raw:  # no characters for a sheet: the line has them in ASCII
            cells[-1] = json.dumps(load(example.raw))
        for place, cell in enumerate(cells):
            if len(cell) > _SURE:
                sheetwriting.fits(cell, row, COLUMNS[place])
        yield cells, ()


def _cells(example: Exportable) -> list[str]:
    """The row of one example. What three texts cannot hold (turns, tools, images) stands whole in the last cell."""
    try:
        body = load(example.raw)
    except ValueError:
        return [str(example.id), "", "", "", example.label, example.split, example.raw]
    texts = [system_text(body), user_text(body), answer_text(body)]
    whole = "" if _is_plain(body) else example.raw
    return [str(example.id), *texts, example.label, str(example.split), whole]


def _is_plain(body: Body) -> bool:
    """Whether system, user and assistant text are all there is."""
    messages = messages_of(body)
    roles = [message.get("role") for message in messages]
    texts = all(m.keys() == {"role", "content"} and isinstance(m["content"], str) for m in messages)
    return body.keys() == {"messages"} and texts and roles in (["system", "user", "assistant"], ["user", "assistant"])
