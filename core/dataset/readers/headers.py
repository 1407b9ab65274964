"""Column names: made clean and unique, and told apart from a first row of data."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence

from core.dataset.encodings import visible
from core.dataset.vocabulary import is_known

_INVISIBLE = re.compile("[\u200b-\u200f\u202a-\u202e\u2060-\u2064\ufeff\u00ad]")
_SPACES = re.compile(r"\s+")
_NUMBER = re.compile(r"[-+]?\d+([.,]\d+)?%?")
_LONGEST = 60
HEADER_WITHIN = 8  # filled rows in which a header below a title is looked for
_SENTENCE_END = ("。", "？", "！", "?", "!", "；", ".")


def clean_name(name: str) -> str:
    """A column name without byte-order marks, zero-width characters and doubled or unusual spaces."""
    return _SPACES.sub(" ", _INVISIBLE.sub("", visible(name))).strip()


def column_names(header: Sequence[str], *, named: bool = True) -> tuple[str, ...]:
    """One clean name a column, all different; "column 3" where there is none."""
    names: list[str] = []
    taken: set[str] = set()
    for place, cell in enumerate(header, start=1):
        wanted = (clean_name(cell) if named else "") or f"column {place}"
        name, again = wanted, 2
        while name in taken:
            name, again = f"{wanted} {again}", again + 1
        taken.add(name)
        names.append(name)
    return tuple(names)


def looks_like_header(first: Sequence[str], following: Sequence[Sequence[str]]) -> bool:
    """Whether the first row names the columns: known names do; numbers, sentences and repeated values do not."""
    cells = [clean_name(cell) for cell in first]
    filled = [cell for cell in cells if cell]
    if not filled or any(len(cell) > _LONGEST for cell in filled):
        return False
    if any(is_known(cell) for cell in filled):
        return True
    if any(_NUMBER.fullmatch(cell) or cell.endswith(_SENTENCE_END) for cell in filled):
        return False
    # A class name stands in the rows below too; a column's name hardly ever does.
    return not any(
        cell and any(place < len(row) and clean_name(row[place]) == cell for row in following)
        for place, cell in enumerate(cells)
    )


def header_place(rows: Sequence[tuple[int, Sequence[str]]]) -> int:
    """Which of the first rows, each with its number, names the columns: the first, or one below titles.

    What stands above it is thrown away, so it must be sure: a row of names that we know, or one that could be a header
    below rows of a single cell where the table has three columns or more, or an empty row stands between.
    """
    cells = [row for _, row in rows]
    filled = [sum(bool(clean_name(cell)) for cell in row) for row in cells]
    usual = Counter(count for count in filled if count > 1).most_common(1)
    if not usual:
        return 0
    known = [sum(is_known(clean_name(cell)) for cell in row) for row in cells[:HEADER_WITHIN]]
    first = next(place for place, count in enumerate(filled) if count > 1 and count * 2 > usual[0][0])
    if not known[0]:
        below = (place for place in range(len(known)) if known[place] > 1 and known[place] * 2 >= filled[place])
        if (place := next(below, 0)) and all(not count for count in known[:place]):
            return place
    if not 0 < first < HEADER_WITHIN:
        return 0
    if known[first] > known[0]:
        return first
    apart = any(rows[place][0] - rows[place - 1][0] > 1 for place in range(1, first + 1))
    titles = (usual[0][0] > 2 or apart) and all(count == 1 for count in filled[:first])
    return first if titles and not known[0] and looks_like_header(cells[first], cells[first + 1 :]) else 0
