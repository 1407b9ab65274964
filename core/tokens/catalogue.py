"""What models take, what they cost, and how long they live: a dated table that people may edit."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from core.tokens.encodings import base_of
from core.tokens.openmodels import open_models
from core.tokens.price import Price, Row, bad, parse
from core.words import T

SHIPPED = Path(__file__).parent / "prices.json"
CLASSIC = ("local", "local-classic-1")


@dataclass(frozen=True)
class Catalogue:
    """The prices known, in the order of the table."""

    prices: tuple[Price, ...]

    @classmethod
    def load(cls, overrides: Iterable[Row] | None = None) -> Catalogue:
        """The shipped table, with rows that replace those of the same provider and model or stand beside them.

        What such a row does not speak of stays as it was shipped: an older version kept fewer columns.
        """
        came = {price.name: price for price in _shipped()}
        rows = []
        for row in overrides or ():
            before = came.get((str(row.get("provider")), str(row.get("model"))))
            rows.append({**before.as_row(), **row} if before else row)
        return cls(tuple((came | {price.name: price for price in cls.from_rows(rows).prices}).values()))

    @classmethod
    def from_rows(cls, rows: Sequence[Row]) -> Catalogue:
        """The table that these rows make. Raises BadInput that names the row and the field."""
        prices: dict[tuple[str, str], Price] = {}
        for number, row in enumerate(rows, start=1):
            price = parse(row, number)
            if price.name in prices:
                raise bad(number, "model", price.model, T("This model stands there twice: keep one row."))
            prices[price.name] = price
        return cls(tuple(prices.values()))

    def as_rows(self) -> list[dict[str, Any]]:
        """The table as rows of plain values; `from_rows` reads them back."""
        return [price.as_row() for price in self.prices]

    def edited(self) -> list[Price]:
        """The rows that differ from those that came with Luopan, or stand beside them: all that must be kept."""
        shipped = {price.name: price for price in _shipped()}
        return [price for price in self.prices if shipped.get(price.name) != price]

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


def shipped(provider: str, model: str) -> Price | None:
    """The row that came with Luopan; None for a model that a person added."""
    return next((price for price in _shipped() if price.name == (provider, model)), None)


def _dated(model: str, base: str) -> bool:
    """Whether `model` is `base` with a date or version behind it: gpt-4o-2024-08-06 is gpt-4o, gpt-4o-mini is not."""
    return bool(base) and model.startswith(base + "-") and model[len(base) + 1 :].replace("-", "").isdigit()


def _shipped() -> tuple[Price, ...]:
    """The table, and behind the classic model the open ones that this machine is set up to train as well."""
    table = _table()
    at = next(at for at, price in enumerate(table, start=1) if price.name == CLASSIC)
    return (*table[:at], *open_models(table[at - 1]), *table[at:])


@cache
def _table() -> tuple[Price, ...]:
    table = json.loads(SHIPPED.read_text(encoding="utf-8"))
    rows = [{"checked_on": table["checked_on"], **row} for row in table["models"]]
    return Catalogue.from_rows(rows).prices
