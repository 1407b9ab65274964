"""What models cost, how much they read, and how long they live: a dated table that people may edit."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any

from core.errors import BadInput
from core.tokens.encodings import DEFAULT, base_of, encoding_names
from core.words import T, Text

METHODS = ("supervised", "dpo", "reinforcement")
SHIPPED = Path(__file__).parent / "prices.json"
Row = Mapping[str, Any]


@dataclass(frozen=True)
class Price:
    """One model at one provider. Prices in US dollars per 1M tokens; None is "not known", 0 is "free".

    `jobs_end` is the first day without new jobs, `answers_end` the first day on which its fine-tunes are silent.
    A model "*" stands for every model of the provider that has no row of its own.
    """

    provider: str
    model: str
    training: float | None = None
    input: float | None = None
    cached: float | None = None
    output: float | None = None
    context: int | None = None
    encoding: str = DEFAULT
    methods: tuple[str, ...] = ("supervised",)
    jobs_end: date | None = None
    answers_end: date | None = None
    checked_on: date | None = None
    note: str = ""

    def days_left(self, today: date) -> int | None:
        """Days until no new job can be made, at least 0; None where no end is known."""
        return max(0, (self.jobs_end - today).days) if self.jobs_end else None

    def trainable(self, today: date) -> bool:
        """Whether new jobs can still be made on this day."""
        return self.jobs_end is None or today < self.jobs_end

    def as_row(self) -> dict[str, Any]:
        """The price as a row of plain values, as the table of the settings page shows it."""
        row = {field.name: getattr(self, field.name) for field in fields(self)}
        row["methods"] = ", ".join(self.methods)
        return {key: value.isoformat() if isinstance(value, date) else value for key, value in row.items()}


@dataclass(frozen=True)
class Catalogue:
    """The prices known, in the order of the table."""

    prices: tuple[Price, ...]

    @classmethod
    def load(cls, overrides: Iterable[Row] | None = None) -> Catalogue:
        """The shipped table, with rows that replace those of the same provider and model or stand beside them."""
        merged = {(price.provider, price.model): price for price in _shipped()}
        merged |= {(price.provider, price.model): price for price in cls.from_rows(list(overrides or ())).prices}
        return cls(tuple(merged.values()))

    @classmethod
    def from_rows(cls, rows: Sequence[Row]) -> Catalogue:
        """The table that these rows make. Raises BadInput that names the row and the field."""
        prices: dict[tuple[str, str], Price] = {}
        for number, row in enumerate(rows, start=1):
            price = _parse(row, number)
            if (price.provider, price.model) in prices:
                raise _bad(number, "model", price.model, T("This model stands there twice: keep one row."))
            prices[price.provider, price.model] = price
        return cls(tuple(prices.values()))

    def as_rows(self) -> list[dict[str, Any]]:
        """The table as rows of plain values; `from_rows` reads them back."""
        return [price.as_row() for price in self.prices]

    def models(self, provider: str | None = None) -> list[Price]:
        """The models of a provider, or of all, in the order of the table."""
        return [price for price in self.prices if provider in (None, price.provider) and price.model != "*"]

    def price(self, model: str, provider: str | None = None) -> Price | None:
        """The row for a model: of its base if it is fine-tuned, of the latest dated one if it has no date."""
        base = base_of(model)
        mine = [price for price in self.prices if provider in (None, price.provider)]
        same = [price for price in mine if price.model == base]
        dated = sorted((p for p in mine if _dated(p.model, base)), key=lambda price: price.model, reverse=True)
        rest = [price for price in mine if provider and price.model == "*"]
        return next(iter((*same, *dated, *rest)), None)


def _dated(model: str, base: str) -> bool:
    """Whether `model` is `base` with a date or version behind it: gpt-4o-2024-08-06 is gpt-4o, gpt-4o-mini is not."""
    return bool(base) and model.startswith(base + "-") and model[len(base) + 1 :].replace("-", "").isdigit()


@cache
def _shipped() -> tuple[Price, ...]:
    table = json.loads(SHIPPED.read_text(encoding="utf-8"))
    rows = [{"checked_on": table["checked_on"], **row} for row in table["models"]]
    return Catalogue.from_rows(rows).prices


def _bad(number: int, name: str, seen: Any, hint: Text) -> BadInput:
    shown = "" if seen is None else str(seen)[:60]
    return BadInput(T("Price table, row {row}, {field}: “{seen}”.", row=number, field=name, seen=shown), hint)


def _parse(row: Row, number: int) -> Price:
    known = {field.name for field in fields(Price)}
    for name in row:
        if name not in known:
            raise _bad(number, str(name), row[name], T("This column is not known; take it out."))
    names = ("training", "input", "cached", "output")
    context = _number(row, number, "context")
    if context is not None and (context < 1 or context != int(context)):
        raise _bad(
            number, "context", row["context"], T("Write how many tokens an example may have, or leave it empty.")
        )
    return Price(
        provider=_text(row, number, "provider"),
        model=_text(row, number, "model"),
        **{name: _number(row, number, name) for name in names},
        context=None if context is None else int(context),
        encoding=_encoding(row, number),
        methods=_methods(row, number),
        jobs_end=_day(row, number, "jobs_end"),
        answers_end=_day(row, number, "answers_end"),
        checked_on=_day(row, number, "checked_on"),
        note="" if _empty(row.get("note")) else str(row["note"]),
    )


def _empty(value: Any) -> bool:
    """Whether a cell is empty; grids write NaN, NaT or <NA> for that."""
    return value is None or str(value).strip() in ("", "nan", "NaT", "<NA>")


def _text(row: Row, number: int, name: str) -> str:
    value = row.get(name)
    if _empty(value) or not isinstance(value, str):
        raise _bad(number, name, value, T("Fill this field in."))
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
        raise _bad(number, name, value, T("Write a number such as 3.00, 0 for free, or leave it empty."))
    return amount


def _encoding(row: Row, number: int) -> str:
    value = row.get("encoding")
    if _empty(value):
        return DEFAULT
    if value not in encoding_names():
        raise _bad(number, "encoding", value, T("Choose one of these: {names}.", names=", ".join(encoding_names())))
    return str(value)


def _methods(row: Row, number: int) -> tuple[str, ...]:
    value = row.get("methods")
    if not isinstance(value, list | tuple | str):
        value = []
    words = value.split(",") if isinstance(value, str) else value
    methods = tuple(str(word).strip() for word in words if str(word).strip())
    for method in methods:
        if method not in METHODS:
            raise _bad(number, "methods", method, T("Choose from these: {names}.", names=", ".join(METHODS)))
    return methods or ("supervised",)


def _day(row: Row, number: int, name: str) -> date | None:
    value = row.get(name)
    if _empty(value):
        return None
    try:
        return date.fromisoformat(str(value)[:10])
    except ValueError:
        raise _bad(number, name, value, T("Write a day such as 2027-01-06, or leave it empty.")) from None
