"""What spreadsheets do to texts without being asked: recognised where a cell comes back changed, and told."""

from __future__ import annotations

import re

from core.dataset.sheetwriting import MAX_CELL
from core.words import T, Text

_DATE = re.compile(r"\d{4}-\d\d-\d\d([ T]\d\d:\d\d:\d\d(\.\d+)?)?|\d\d:\d\d:\d\d(\.\d+)?")
_DATE_LIKE = re.compile(r"(?=.*\d)[\w .:/年月日\-]{3,24}")
_ERRORS = ("#NAME?", "#REF!", "#VALUE!", "#DIV/0!", "#N/A", "#NUM!", "#NULL!", "#SPILL!")


def trace(old: str, new: str) -> Text | None:
    """What Excel probably did, where the change of a cell looks like its own doing; None where a person did it."""
    if not old or old == new:
        return None
    if new.strip() in _ERRORS or (not new and old.startswith(("=", "+", "-", "@"))):
        return T("Excel took this for a formula.")
    if old.strip() == new.strip():
        return T("Only blanks at the ends differ.")
    if _DATE.fullmatch(new) and _DATE_LIKE.fullmatch(old.strip()):
        return T("Excel made a date of “{text}”.", text=old)
    if old.lstrip("0") == new and old[:1] == "0" and new.isdigit():
        return T("Excel took the zeros in front away.")
    if old.casefold() == new.casefold() and new in ("TRUE", "FALSE"):
        return T("Excel made a truth value of “{text}”.", text=old)
    if _same_number(old, new):
        return T("Excel made a number of “{text}”.", text=old)
    if len(new) >= MAX_CELL - 1 and old.startswith(new):
        return T("The text was cut: a cell holds {limit} characters.", limit=MAX_CELL)
    return None


def _same_number(old: str, new: str) -> bool:
    """Whether both are the same number, but for what fifteen digits cannot hold."""
    text = old.strip().replace(",", "").replace(" ", "")
    share = 100.0 if text.endswith("%") else 1.0
    try:
        first, second = float(text.rstrip("%")) / share, float(new)
    except ValueError:
        return False
    return "_" not in old + new and abs(first - second) <= 1e-14 * max(abs(first), 1e-300)
