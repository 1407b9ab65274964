"""One row of the catalogue: what a model takes, what it costs and how long it lives; and how such a row is read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import date
from typing import Any

from core.errors import BadInput
from core.tokens.encodings import DEFAULT, encoding_names
from core.tokens.folders import is_own
from core.words import T, Text

METHODS = ("supervised", "dpo", "reinforcement")
FORMATS = ("chat", "completion", "preference", "reinforcement", "tools", "images")
MONEY = ("training", "training_hour", "input", "cached", "output", "hosting_hour", "hosting_month")
WHOLE = ("context", "suffix", "minimum", "file_mb")
LISTS = ("formats", "methods", "accepts")
DAYS = ("jobs_end", "answers_end", "checked_on")
HOURS_A_MONTH = 720
TITLES: dict[str, Text] = {
    "provider": T("Provider"),
    "model": T("Model"),
    "training": T("To train"),
    "input": T("Input"),
    "cached": T("Cached"),
    "output": T("Output"),
    "jobs_end": T("Trainings end"),
    "answers_end": T("Answers end"),
    "checked_on": T("Checked on"),
    "training_hour": T("To train, per hour"),
    "validation_billed": T("Validation billed"),
    "hosting_hour": T("Hosting per hour"),
    "hosting_month": T("Hosting per month"),
    "context": T("Longest example"),
    "formats": T("Formats"),
    "methods": T("Methods"),
    "accepts": T("Warnings that do not hold"),
    "suffix": T("Longest suffix"),
    "minimum": T("Fewest examples"),
    "file_mb": T("Largest file, MB"),
    "encoding": T("Tokeniser"),
    "source": T("Where this was read"),
    "note": T("Note"),
}
Row = Mapping[str, Any]


@dataclass(frozen=True)
class Price:
    """One model at one provider. Prices in US dollars per 1M tokens or per hour; None is "not known", 0 is "free".

    `formats`, `suffix` (characters), `minimum` (examples) and `file_mb` say what it takes to be trained; empty or
    None: nobody has told. `accepts` names warnings of the checks that do not hold there. `jobs_end` is the first day
    without new jobs, `answers_end` the first day on which its fine-tunes are silent. A model
    "*" stands for every model of the provider that has no row of its own.
    """

    provider: str
    model: str
    training: float | None = None
    training_hour: float | None = None
    validation_billed: bool | None = None
    input: float | None = None
    cached: float | None = None
    output: float | None = None
    hosting_hour: float | None = None
    hosting_month: float | None = None
    context: int | None = None
    formats: tuple[str, ...] = ()
    methods: tuple[str, ...] = ("supervised",)
    accepts: tuple[str, ...] = ()
    suffix: int | None = None
    minimum: int | None = None
    file_mb: int | None = None
    encoding: str = DEFAULT
    jobs_end: date | None = None
    answers_end: date | None = None
    source: str = ""
    checked_on: date | None = None
    note: str = ""

    @property
    def name(self) -> tuple[str, str]:
        """What a row is found by: provider and model."""
        return self.provider, self.model

    @property
    def hosting(self) -> float | None:
        """US dollars for a month in which the trained model stands ready; None where that is not known."""
        if self.hosting_hour is None and self.hosting_month is None:
            return None
        return (self.hosting_hour or 0) * HOURS_A_MONTH + (self.hosting_month or 0)

    def days_left(self, today: date) -> int | None:
        """Days until no new job can be made, at least 0; None where no end is known."""
        return max(0, (self.jobs_end - today).days) if self.jobs_end else None

    def trainable(self, today: date) -> bool:
        """Whether new jobs can still be made on this day."""
        return self.jobs_end is None or today < self.jobs_end

    def as_row(self) -> dict[str, Any]:
        """The price as a row of plain values, as the table of the settings page shows it."""
        row = {field.name: getattr(self, field.name) for field in fields(self)}
        row |= {name: ", ".join(row[name]) for name in LISTS}
        return {key: value.isoformat() if isinstance(value, date) else value for key, value in row.items()}


def bad(number: int, name: str, seen: Any, hint: Text) -> BadInput:
    """The refusal of a cell, which names its row and field."""
    shown = "" if seen is None else str(seen)[:60]
    title = TITLES.get(name, name)
    return BadInput(T("Price table, row {row}, {field}: “{seen}”.", row=number, field=title, seen=shown), hint)


def parse(row: Row, number: int) -> Price:
    """The price in a row of plain values. Raises BadInput that names the row and the field."""
    known = {field.name for field in fields(Price)}
    for name in row:
        if name not in known:
            raise bad(number, str(name), row[name], T("This column is not known; take it out."))
    cells: dict[str, Any] = {name: _number(row, number, name) for name in MONEY}
    cells |= {name: _whole(row, number, name) for name in WHOLE}
    cells |= {name: _day(row, number, name) for name in DAYS}
    return Price(
        provider=_text(row, number, "provider"),
        model=_text(row, number, "model"),
        validation_billed=_yes_or_no(row, number, "validation_billed"),
        formats=_words(row, number, "formats", FORMATS),
        methods=_words(row, number, "methods", METHODS) or ("supervised",),
        accepts=_words(row, number, "accepts"),
        encoding=_encoding(row, number),
        source=_free(row, "source"),
        note=_free(row, "note"),
        **cells,
    )


def _empty(value: Any) -> bool:
    """Whether a cell is empty; grids write NaN, NaT or <NA> for that."""
    return value is None or str(value).strip() in ("", "nan", "NaT", "<NA>")


def _free(row: Row, name: str) -> str:
    return "" if _empty(row.get(name)) else str(row[name])


def _text(row: Row, number: int, name: str) -> str:
    value = row.get(name)
    if _empty(value) or not isinstance(value, str):
        raise bad(number, name, value, T("Fill this field in."))
    return value.strip()


def _number(row: Row, number: int, name: str) -> float | None:
    value = row.get(name)
    if _empty(value):
        return None
    try:
        amount = float(str(value).replace("$", "").replace(",", ""))
    except ValueError:
        amount = -1.0
    if not 0 <= amount < 1e12 or isinstance(value, bool):
        raise bad(number, name, value, T("Write a number such as 3.00, 0 for free, or leave it empty."))
    return amount


def _whole(row: Row, number: int, name: str) -> int | None:
    amount = _number(row, number, name)
    least = 0 if name == "suffix" else 1
    if amount is not None and (amount < least or amount != int(amount)):
        raise bad(number, name, row[name], T("Write a whole number from {least} on, or leave it empty.", least=least))
    return None if amount is None else int(amount)


def _yes_or_no(row: Row, number: int, name: str) -> bool | None:
    value = row.get(name)
    if _empty(value):
        return None
    known = {"true": True, "yes": True, "false": False, "no": False}
    if str(value).strip().lower() not in known:
        raise bad(number, name, value, T("Write yes or no, or leave it empty."))
    return known[str(value).strip().lower()]


def _encoding(row: Row, number: int) -> str:
    value = row.get("encoding")
    if _empty(value):
        return DEFAULT
    if value not in encoding_names() and not is_own(str(value)):
        raise bad(number, "encoding", value, T("Choose one of these: {names}.", names=", ".join(encoding_names())))
    return str(value)


def _words(row: Row, number: int, name: str, known: tuple[str, ...] = ()) -> tuple[str, ...]:
    value = row.get(name)
    if not isinstance(value, list | tuple | str) or _empty(value):
        return ()
    words = value.split(",") if isinstance(value, str) else value
    found = tuple(dict.fromkeys(str(word).strip() for word in words if str(word).strip()))
    for word in found:
        if known and word not in known:
            raise bad(number, name, word, T("Choose from these: {names}.", names=", ".join(known)))
    return found


def _day(row: Row, number: int, name: str) -> date | None:
    value = row.get(name)
    if _empty(value):
        return None
    try:
        return date.fromisoformat(str(value)[:10])
    except ValueError:
        raise bad(number, name, value, T("Write a day such as 2027-01-06, or leave it empty.")) from None
