"""Text tables as programs write them, in UTF-8 and each row in a line of its own: they are cut as bytes, a block at a
time, and each column is decoded at once. From the first block on that is otherwise, `delimited` reads.
"""

from __future__ import annotations

import codecs
import sys
from collections.abc import Generator, Sequence
from dataclasses import replace
from itertools import repeat
from typing import AnyStr

from core.dataset.joined import BETWEEN, Joined
from core.dataset.readers.tables import Even
from core.dataset.readers.values import Source

_BLOCK = 1 << 16  # bytes: what is made of them stays in the processor's cache
_MOST_LINE = 1 << 20
_MOST_COLUMNS = 256  # each is kept in several forms
_BETWEEN = BETWEEN.encode()
_UTF8 = ("utf-8", "utf-8-sig")


def records(source: Source) -> Generator[Even, None, tuple[Source, int]]:
    """The rows of even blocks from the first on; then what another has to read, and the number of the row there."""
    place, end = source.span or (0, sys.maxsize)
    number, left = 1, b""
    if source.encoding not in _UTF8 or source.delimiter == BETWEEN:
        return source, number
    with source.path.open("rb", buffering=0) as file:
        if source.encoding == "utf-8-sig" and not place and file.read(len(codecs.BOM_UTF8)) == codecs.BOM_UTF8:
            place = len(codecs.BOM_UTF8)
        file.seek(place)
        while len(left) < _MOST_LINE and (block := file.read(min(_BLOCK, end - place - len(left)))):
            left += block
            if not (size := left.rfind(b"\n") + 1):
                continue
            columns = _columns(left[:size], source.delimiter.encode(), source.quoted)
            if not columns:
                break
            yield Even(number, columns, sound=True)
            number, place, left = number + len(columns[0]), place + size, left[size:]
    return (replace(source, span=(place, end), encoding="utf-8") if number > 1 else source), number


def cut(lines: AnyStr, ending: AnyStr, delimiter: AnyStr, sign: AnyStr) -> list[list[AnyStr]] | None:
    """The columns of whole lines that all have the same number of cells, by means of a sign that is not in them; None
    where one has not, or where it is."""
    if sign in lines:
        return None
    # Each break becomes a cell of its own: in even rows these stand at even distances, and nowhere else.
    cells = lines.replace(ending, delimiter + sign + delimiter).split(delimiter)
    width = cells.index(sign)
    step = width + 1
    ends = cells[width::step]
    if len(cells) != len(ends) * step + 1 or not ends.count(sign) == len(ends) == cells.count(sign):
        return None
    return [cells[place:-1:step] for place in range(width)]


def _columns(lines: bytes, delimiter: bytes, quoted: bool) -> Sequence[Joined] | None:
    """The columns of whole lines that all have the same number of cells and no quotes; None where any has not."""
    if (quoted and b'"' in lines) or b"\0" in lines or _BETWEEN in lines:
        return None
    if lines.count(delimiter, 0, lines.index(b"\n")) >= _MOST_COLUMNS:
        return None
    columns = cut(lines, b"\n", delimiter, b"\x1e")
    if not columns:
        return None
    raws = [*map(_BETWEEN.join, columns[:-1]), _last(columns[-1])]
    if any(b"\r" in raw for raw in raws):
        return None
    try:
        return list(map(Joined.of_raw, raws))
    except UnicodeDecodeError:
        return None


def _last(cells: list[bytes]) -> bytes:
    """The last cells of lines as one text, without the first half of a break of Windows where each has it."""
    joined = b"".join(cells)
    if joined.count(b"\r") != len(cells) or not all(map(bytes.endswith, cells, repeat(b"\r"))):
        return _BETWEEN.join(cells)
    return joined[:-1].replace(b"\r", _BETWEEN)
