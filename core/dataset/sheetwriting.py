"""Sheets of text, written fast: XlsxWriter makes the workbook, the rows are streamed into its sheets.

Every cell is a text, so nothing in it is ever a formula. What XML cannot hold is written as Excel writes it
(`_x000D_` for a carriage return), and a text that looks like such a sign is escaped, so that it comes back as it was.
"""

from __future__ import annotations

import io
import itertools
import re
import zipfile
from collections.abc import Callable, Collection, Iterable, Sequence
from pathlib import Path
from typing import IO, Any

from core.errors import BadInput
from core.words import T

MAX_CELL = 32_767  # UTF-16 units, Excel's own limit
_LEVEL = 3  # of compression: half the time of 6 for a tenth more bytes
_PIECE = 256  # rows that are escaped together
_BETWEEN = "\x1f"  # stands between texts that are escaped together
_CONTROLS = bytes(n for n in range(31) if n not in (9, 10))
_ODD = re.compile(r"[\x00-\x08\x0b-\x1f]|_(?=x.{1,4}[_\x00-\x08\x0b-\x1f])", re.DOTALL)  # some readers take "00+1"
_LOST = re.compile(r"[\ud800-\udfff\ufffe\uffff]")
_DIMENSION = re.compile(rb"<dimension [^>]*/>")
_SECOND_ROW = re.compile(rb'<row r="2".*?</row>')
_STYLE = re.compile(rb' s="(\d+)"')

Line = tuple[Sequence[str], Collection[int]]  # the cells of a row, and the places that wear the second format
Design = Callable[[Any, Any], tuple[Any, Any]]  # (workbook, its sheets) -> the format of a cell, and the second one


def write(path: Path, design: Design, **sheets: Iterable[Line]) -> int:
    """A workbook whose sheets have these rows below the first; the number of rows of the first sheet.

    `design` writes the first rows, sets widths, and gives the two formats of the cells. The rows of a sheet are asked
    for when those of the sheets before it are written.
    """
    import xlsxwriter

    shell = io.BytesIO()
    book = xlsxwriter.Workbook(shell, {"in_memory": True})
    made = {name: book.add_worksheet(name) for name in sheets}
    for place, look in enumerate(design(book, made)):
        for sheet in made.values():
            sheet.write_blank(1, place, None, look)  # ours take the place of this row: it tells the styles' numbers
    book.close()
    rows = {f"xl/worksheets/sheet{number}.xml": lines for number, lines in enumerate(sheets.values(), start=1)}
    counts = []
    with zipfile.ZipFile(shell) as ready, zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=_LEVEL) as out:
        for entry in (*rows, *(name for name in ready.namelist() if name not in rows)):
            content = ready.read(entry)
            if entry not in rows:
                out.writestr(entry, content)
                continue
            head, second, tail = _apart(_DIMENSION.sub(b"", content))
            with out.open(entry, "w", force_zip64=True) as file:
                file.write(head)
                counts.append(_write_lines(file, rows[entry], [found.decode() for found in _STYLE.findall(second)]))
                file.write(tail)
    return counts[0]


def _apart(xml: bytes) -> tuple[bytes, bytes, bytes]:
    found = _SECOND_ROW.search(xml)
    assert found is not None, "the row with the styles"
    return xml[: found.start()], found[0], xml[found.end() :]


def _write_lines(file: IO[bytes], lines: Iterable[Line], styles: Sequence[str]) -> int:
    usual, second = (f'" s="{number}" t="inlineStr"><is><t xml:space="preserve">' for number in styles)
    waiting, count, names = iter(lines), 0, list[str]()
    while piece := list(itertools.islice(waiting, _PIECE)):
        texts = iter(escaped([cell for cells, _marked in piece for cell in cells]))
        out: list[str] = []
        for cells, marked in piece:
            count += 1
            number = str(count + 1)
            names = names if len(names) == len(cells) else [_letters(place) for place in range(len(cells))]
            out.append(f'<row r="{number}">')
            for place, letters in enumerate(names):
                if text := next(texts):
                    look = second if place in marked else usual
                    out.append(f'<c r="{letters}{number}{look}{text}</t></is></c>')
            out.append("</row>")
        file.write("".join(out).encode())
    return count


def _letters(place: int) -> str:
    """The name of a column: A, B … Z, AA …"""
    return (_letters(place // 26 - 1) if place >= 26 else "") + chr(65 + place % 26)


def escaped(texts: Sequence[str]) -> Sequence[str]:
    """Texts as they stand in a sheet's XML; half characters become the replacement sign."""
    whole = _BETWEEN.join(texts)
    try:
        data = whole.encode()
    except UnicodeEncodeError:
        return [_odd(text) for text in texts]
    odd = b"_x" in data or b"\xef\xbf\xbe" in data or b"\xef\xbf\xbf" in data
    if odd or len(data.translate(None, _CONTROLS)) < len(data) or whole.count(_BETWEEN) >= max(1, len(texts)):
        return [_odd(text) for text in texts]
    return _markup(whole).split(_BETWEEN)


def _markup(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _odd(text: str) -> str:
    text = _ODD.sub(lambda sign: "_x005F_" if sign[0] == "_" else f"_x{ord(sign[0]):04X}_", text)
    return _markup(_LOST.sub("\ufffd", text))


def is_writable(text: str) -> bool:
    """Whether a cell gives this text back exactly."""
    return length(text) <= MAX_CELL and not _LOST.search(text)


def length(text: str) -> int:
    """What a spreadsheet counts as characters: UTF-16 units."""
    return len(text) if len(text) <= MAX_CELL // 2 else len(text.encode("utf-16-le", "replace")) // 2


def fits(cell: str, row: int, column: str) -> None:
    """Raise BadInput naming the row where a text is longer than a cell can hold."""
    size = length(cell)
    if size > MAX_CELL:
        message = T(
            "Row {row}, column {column}: {length} characters do not fit into a cell, which holds {limit}.",
            row=row,
            column=column,
            length=size,
            limit=MAX_CELL,
        )
        raise BadInput(message, T("Export CSV or JSON Lines instead."))
