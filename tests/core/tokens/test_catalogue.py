"""The table of models: shipped, edited by people, asked for a price."""

import json
import re
from datetime import date
from typing import Any

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import BadInput
from core.tokens import Catalogue, Money, Price, estimate
from core.tokens.catalogue import SHIPPED
from core.tokens.images import rule_for
from core.tokens.price import TITLES

TODAY = date(2026, 11, 20)


def test_the_shipped_table_is_dated_and_survives_a_round_trip() -> None:
    catalogue = Catalogue.load()
    assert json.loads(SHIPPED.read_text())["checked_on"] == "2026-11-20"
    assert all(price.checked_on == TODAY for price in catalogue.prices)
    assert Catalogue.from_rows(catalogue.as_rows()) == catalogue
    assert Catalogue.load(catalogue.as_rows()) == catalogue
    assert json.loads(json.dumps(catalogue.as_rows())) == catalogue.as_rows()


@pytest.mark.parametrize(
    ("model", "prices"),
    [
        ("gpt-4.1-2025-04-14", (25.0, 3.0, 0.75, 12.0)),
        ("gpt-4.1-mini-2025-04-14", (5.0, 0.8, 0.2, 3.2)),
        ("gpt-4o-2024-08-06", (25.0, 3.75, 1.875, 15.0)),
        ("gpt-4o-mini-2024-07-18", (3.0, 0.3, 0.15, 1.2)),
        ("ft:gpt-4o-mini-2024-07-18:acme:tone:C9x1", (3.0, 0.3, 0.15, 1.2)),
        ("gpt-4o", (25.0, 3.75, 1.875, 15.0)),
        ("local-classic-1", (0.0, 0.0, 0.0, 0.0)),
    ],
)
def test_a_model_has_its_price(model: str, prices: tuple[float, ...]) -> None:
    price = Catalogue.load().price(model)
    assert price
    assert (price.training, price.input, price.cached, price.output) == prices


@pytest.mark.parametrize("model", ["", "gpt", "gpt-4", "gpt-4o-min", "gpt-6-luna", "*", "meta-llama/Llama"])
def test_a_model_that_is_not_known_has_none(model: str) -> None:
    price = Catalogue.load().price(model)
    assert price is None or price.model == model


def test_the_same_model_differs_by_provider() -> None:
    catalogue = Catalogue.load()
    assert catalogue.price("gpt-4o-2024-08-06", "openai") == catalogue.price("gpt-4o-2024-08-06")
    azure = catalogue.price("gpt-4o-2024-08-06", "azure")
    assert azure and azure.training is None and azure.jobs_end == date(2027, 4, 1)
    assert catalogue.price("some/small-base", "nebius") == catalogue.price("*", "nebius")
    assert "*" not in [price.model for price in catalogue.models("nebius")]
    assert [price.model for price in catalogue.models("local")] == ["local-classic-1"]


@pytest.mark.parametrize(
    ("model", "days", "trainable"),
    [("gpt-4o-2024-08-06", 47, True), ("gpt-3.5-turbo-0125", 0, False), ("local-classic-1", None, True)],
)
def test_a_model_says_how_long_it_can_be_trained(model: str, days: int | None, trainable: bool) -> None:
    price = Catalogue.load().price(model)
    assert price
    assert price.days_left(TODAY) == days
    assert price.trainable(TODAY) is trainable


def test_a_day_counts_to_the_end_itself() -> None:
    price = Price("p", "m", jobs_end=date(2027, 1, 6))
    assert price.trainable(date(2027, 1, 5)) and not price.trainable(date(2027, 1, 6))


def test_edited_rows_replace_those_shipped_and_new_ones_join() -> None:
    mine = [
        {"provider": "openai", "model": "gpt-4o-2024-08-06", "training": "$1,000.50", "context": "16,385"},
        {"provider": "acme", "model": "tiny", "training": 0, "methods": "supervised, dpo", "jobs_end": "2027-05-01"},
    ]
    catalogue = Catalogue.load(mine)
    changed, added = catalogue.price("gpt-4o-2024-08-06"), catalogue.price("tiny")
    assert changed and changed.training == 1000.5 and changed.context == 16385 and changed.input == 3.75
    assert added and added.methods == ("supervised", "dpo") and added.jobs_end == date(2027, 5, 1)
    assert len(catalogue.prices) == len(Catalogue.load().prices) + 1


def test_only_what_differs_from_the_shipped_table_needs_to_be_kept() -> None:
    assert Catalogue.load().edited() == []
    mine = [{"provider": "local", "model": "local-classic-1", "training": 1}, {"provider": "acme", "model": "tiny"}]
    catalogue = Catalogue.load(mine)
    assert [price.name for price in catalogue.edited()] == [("local", "local-classic-1"), ("acme", "tiny")]
    again = Catalogue.load([price.as_row() for price in catalogue.edited()])
    assert again == catalogue


def test_every_shipped_row_says_where_it_was_read_and_what_it_takes() -> None:
    for price in Catalogue.load().prices:
        assert re.search(r"20\d\d|this version", price.source), price.name
        assert price.formats and price.methods, price.name


@pytest.mark.parametrize(
    ("hour", "month", "whole"), [(None, None, None), (0.0, None, 0.0), (1.7, None, 1224.0), (1.0, 20.0, 740.0)]
)
def test_a_month_of_hosting(hour: float | None, month: float | None, whole: float | None) -> None:
    assert Price("p", "m", hosting_hour=hour, hosting_month=month).hosting == whole


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"provider": ""}, "provider"),
        ({"provider": None}, "provider"),
        ({"model": "  "}, "model"),
        ({"model": 4}, "model"),
        ({"training": "three"}, "training"),
        ({"training": -1}, "training"),
        ({"training": True}, "training"),
        ({"output": "inf"}, "output"),
        ({"context": 0}, "context"),
        ({"context": 1.5}, "context"),
        ({"suffix": -1}, "suffix"),
        ({"minimum": 0}, "minimum"),
        ({"file_mb": "big"}, "file_mb"),
        ({"hosting_hour": "x"}, "hosting_hour"),
        ({"validation_billed": "perhaps"}, "validation_billed"),
        ({"formats": "chat, songs"}, "formats"),
        ({"encoding": "gpt2"}, "encoding"),
        ({"methods": "sft"}, "methods"),
        ({"methods": ["supervised", "x"]}, "methods"),
        ({"jobs_end": "soon"}, "jobs_end"),
        ({"checked_on": "2026-13-01"}, "checked_on"),
        ({"colour": "red"}, "colour"),
    ],
)
def test_a_bad_row_is_refused_by_row_and_field(change: dict[str, Any], field: str) -> None:
    good = {"provider": "acme", "model": "tiny"}
    with pytest.raises(BadInput, match=f"row 2, {TITLES.get(field, field)}:"):
        Catalogue.from_rows([{**good, "model": "other"}, {**good, **change}])


def test_every_field_has_the_title_that_the_table_shows() -> None:
    assert set(TITLES) == set(Price("a", "b").as_row())


def test_the_same_model_twice_is_refused() -> None:
    row = {"provider": "acme", "model": "tiny"}
    with pytest.raises(BadInput, match=r"row 2, Model: “tiny”.*twice"):
        Catalogue.from_rows([row, row])


def test_empty_cells_of_a_table_are_not_known() -> None:
    row = {"provider": "a", "model": "b", "training": float("nan"), "input": "", "context": None, "note": pd.NA}
    (price,) = Catalogue.from_rows([row]).prices
    assert (price.training, price.input, price.context, price.note) == (None, None, None, "")
    assert price.methods == ("supervised",)


CELLS = st.none() | st.text(max_size=10) | st.floats() | st.integers() | st.booleans() | st.lists(st.text(max_size=3))


@given(st.dictionaries(st.sampled_from(sorted(Catalogue.load().as_rows()[0])), CELLS))
def test_any_row_is_read_or_refused_in_words(cells: dict[str, Any]) -> None:
    row = {"provider": "acme", "model": "tiny", **cells}
    try:
        catalogue = Catalogue.from_rows([row])
    except BadInput as error:
        assert str(error)
    else:
        assert Catalogue.from_rows(catalogue.as_rows()) == catalogue


def test_the_published_example_costs_two_dollars_forty() -> None:
    per_thousand = 0.008
    assert estimate(100_000, 3, per_thousand * 1000) == Money(2.4, 2.4, 300_000, 300_000)
    price = Price("openai", "gpt-3.5-turbo-0125", training=8.0)
    assert estimate(100_000, 3, price) == Money(2.4, 2.4, 300_000, 300_000)


def test_the_price_is_a_range_and_tools_widen_it() -> None:
    price = Price("p", "m", training=10.0)
    plain = estimate(10_000, 2, price, examples=100)
    tools = estimate(10_000, 2, price, examples=100, with_tools=True)
    assert plain and (plain.low_tokens, plain.high_tokens) == (19_400, 20_000)
    assert tools and (tools.low, tools.high_tokens, tools.tools_surcharge) == (plain.low, 28_000, True)


def test_without_a_price_there_is_no_estimate_and_free_is_zero() -> None:
    assert estimate(10, 3, Price("p", "m")) is None
    assert estimate(10, 3, Price("p", "m", training=0.0)) == Money(0.0, 0.0, 30, 30)


@pytest.mark.parametrize(
    ("model", "size", "detail", "tokens"),
    [
        ("gpt-4o", (1024, 1024), "high", 765),
        ("gpt-4o", (4096, 8192), "low", 85),
        ("gpt-4o", (2048, 4096), "high", 1105),
        ("gpt-4o-mini-2024-07-18", (512, 512), "high", 8500),
        ("gpt-4.1-2025-04-14", (1, 1), "high", 255),
        ("gpt-4.1-mini-2025-04-14", (1024, 1024), "high", 1659),
        ("gpt-4.1-mini-2025-04-14", (4000, 4000), "high", 2489),
    ],
)
def test_images_count_by_tiles_or_patches(model: str, size: tuple[int, int], detail: str, tokens: int) -> None:
    assert rule_for(model).tokens(*size, detail) == tokens
