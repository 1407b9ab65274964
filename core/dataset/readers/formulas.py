"""Formulas of a sheet that no program has calculated yet: their cells read as empty, which somebody must be told."""

from __future__ import annotations

import html
import re
import zipfile
from collections.abc import Sequence
from pathlib import Path

from core.dataset.readers.packed import FAULTS

_MOST_HEAD, _MOST = 1 << 20, 4 << 20  # bytes of the lists of sheets, and of a sheet, that are looked at
_MOST_CELLS = 2_000
_SHEET = re.compile(r"<(?:\w+:)?sheet\b([^<>]*)>")
_RELATION = re.compile(r"<(?:\w+:)?Relationship\b([^<>]*)>")
_ATTRIBUTE = re.compile(r"""([\w:]+)\s*=\s*["']([^"'<>]*)["']""")
_CELL = re.compile(r'<c r="([A-Z]{1,3})(\d{1,7})"[^<>]*>([^<>]*)<(f|v|is)\b')
_UNCALCULATED = re.compile(r"<f\b[^<>]*(?:/>|>[^<>]*</f>)\s*(?:<v\s*/>|<v>\s*</v>)?\s*</c>")


def uncalculated(path: Path, sheet: str, columns: Sequence[str]) -> dict[tuple[int, str], str]:
    """The cells of an XLSX sheet with a formula but no value, by their row and column; the first ones of very many."""
    try:
        with zipfile.ZipFile(path) as archive, archive.open(_entry(archive, sheet)) as stream:
            text = stream.read(_MOST).decode("utf-8", "ignore")
    except FAULTS:
        return {}
    if "<f" not in text:
        return {}
    left, found = 1 << 14, list[tuple[int, int, str]]()
    for cell in _CELL.finditer(text):
        place = _column(cell[1])
        if cell[4] == "f" and _UNCALCULATED.match(text, cell.end() - 2):
            found.append((int(cell[2]), place, cell[1] + cell[2]))
        else:
            left = min(left, place)  # where the table begins, as its reader sees it
        if len(found) == _MOST_CELLS:
            break
    return {(row, columns[place - left]): name for row, place, name in found if 0 <= place - left < len(columns)}


def _entry(archive: zipfile.ZipFile, sheet: str) -> str:
    """The entry that holds a sheet. Raises KeyError."""
    ids = {}
    for one in _SHEET.finditer(_head(archive, "xl/workbook.xml")):
        said = dict(_ATTRIBUTE.findall(one[1]))
        ids[html.unescape(said.get("name", ""))] = next((v for k, v in said.items() if k.endswith(":id")), "")
    for one in _RELATION.finditer(_head(archive, "xl/_rels/workbook.xml.rels")):
        said = dict(_ATTRIBUTE.findall(one[1]))
        if said.get("Id") == ids[sheet]:
            target = said["Target"]
            return target.removeprefix("/") if target.startswith("/") else f"xl/{target}"
    raise KeyError(sheet)


def _head(archive: zipfile.ZipFile, name: str) -> str:
    with archive.open(name) as stream:
        return stream.read(_MOST_HEAD).decode("utf-8", "ignore")


def _column(letters: str) -> int:
    number = 0
    for letter in letters:
        number = number * 26 + ord(letter) - 64
    return number
