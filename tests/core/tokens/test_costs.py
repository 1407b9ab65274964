"""What training and a month of use would cost, model by model: a range, and "not known" where nobody knows."""

from __future__ import annotations

from dataclasses import replace

import pytest

from core.tokens import Catalogue, Load, Money, Price, Ratio, compare, cost, estimate, in_dollars
from core.tokens.images import extra_tokens

# 200 examples of 500 tokens, 3 epochs: 300,000 tokens; at $3 per million that is $0.90.
LOAD = Load([500] * 200, 3, answers=20_000, validation=10_000)
PRICE = Price("p", "m", training=3.0, validation_billed=False, input=1.0, output=4.0, hosting_hour=0.0)


def test_the_known_example_costs_ninety_cents() -> None:
    found = cost(PRICE, LOAD)
    assert found.training == Money(0.8946, 0.9, 298_200, 300_000)
    assert found.unknown == () and found.total == (0.8946, 0.9)


CASES: list[tuple[str, Price, Load, tuple[float, float] | None, tuple[str, ...]]] = [
    # name, price, load, total, unknown
    ("validation billed", replace(PRICE, validation_billed=True), LOAD, (0.9846, 0.99), ()),
    ("validation unknown", replace(PRICE, validation_billed=None), LOAD, (0.8946, 0.9), ("validation",)),
    ("nothing held out", replace(PRICE, validation_billed=None), replace(LOAD, validation=0), (0.8946, 0.9), ()),
    ("hosting by the hour", replace(PRICE, hosting_hour=1.7), LOAD, (1224.8946, 1224.9), ()),
    ("hosting by the month", replace(PRICE, hosting_hour=None, hosting_month=20), LOAD, (20.8946, 20.9), ()),
    ("hosting unknown", replace(PRICE, hosting_hour=None), LOAD, (0.8946, 0.9), ("hosting",)),
    # 400 tokens asked and 100 answered each time: 0.0008 dollars, 1,000 times a day, 30 days
    ("use", PRICE, replace(LOAD, asks_a_day=1000), (24.8946, 24.9), ()),
    ("use unknown", replace(PRICE, output=None), replace(LOAD, asks_a_day=1000), (0.8946, 0.9), ("use",)),
    ("not asked", replace(PRICE, input=None, output=None), LOAD, (0.8946, 0.9), ()),
    ("training unknown", replace(PRICE, training=None), LOAD, None, ("training",)),
    ("by the hour", replace(PRICE, training=None, training_hour=100.0), LOAD, None, ("training",)),
    ("cut at the context", replace(PRICE, context=100), LOAD, (0.1746, 0.18), ()),
    ("free", replace(PRICE, training=0.0), LOAD, (0.0, 0.0), ()),
    ("no rows", PRICE, Load([], 0), (0.0, 0.0), ()),
    ("tools", PRICE, replace(LOAD, tools=True), (0.8946, 1.26), ()),
]


@pytest.mark.parametrize(("name", "price", "load", "total", "unknown"), CASES, ids=[case[0] for case in CASES])
def test_what_a_model_costs(
    name: str, price: Price, load: Load, total: tuple[float, float] | None, unknown: tuple[str, ...]
) -> None:
    found = cost(price, load)
    assert found.total == (None if total is None else pytest.approx(total))
    assert found.unknown == unknown


def test_finished_jobs_make_the_range_narrower() -> None:
    ratio = Ratio.of([0.95, 0.97, 0.96])
    assert ratio == Ratio(0.95, 0.97, 3)
    found = cost(PRICE, replace(LOAD, tools=True), ratio)
    assert found.training == Money(pytest.approx(0.855), pytest.approx(0.873), 285_000, 291_000)
    assert found.ratio == ratio


@pytest.mark.parametrize(
    ("seen", "low", "high"), [([1.0], 0.98, 1.02), ([0.9, 1.0], 0.882, 1.02), ([0.9, 1.0, 1.0], 0.9, 1.0)]
)
def test_few_jobs_tell_less(seen: list[float], low: float, high: float) -> None:
    ratio = Ratio.of(seen)
    assert ratio and (ratio.low, ratio.high, ratio.jobs) == (pytest.approx(low), pytest.approx(high), len(seen))
    assert Ratio.of([]) is None


def test_the_cheapest_comes_first_and_the_unknown_last() -> None:
    names = {"cheap": 1.0, "dear": 9.0, "unknown": None, "free": 0.0}
    prices = [replace(PRICE, model=model, training=training) for model, training in names.items()]
    prices.append(replace(PRICE, model="partly", training=0.5, validation_billed=None))
    assert [it.price.model for it in compare(prices, LOAD)] == ["free", "cheap", "dear", "partly", "unknown"]
    ratios = {("p", "dear"): Ratio(0.01, 0.01, 3)}
    assert compare(prices, LOAD, ratios)[1].price.model == "dear"


def test_every_shipped_model_has_a_cost_or_says_that_it_is_not_known() -> None:
    for found in compare(Catalogue.load().prices, replace(LOAD, asks_a_day=10)):
        assert (found.total is None) is ("training" in found.unknown)


@pytest.mark.parametrize(
    ("model", "low", "high", "tokens"),
    [
        ("gpt-4o-2024-08-06", 3, 3, 0),
        ("gpt-4o-mini-2024-07-18", 1, 0, 2833 - 85),
        ("gpt-4o-mini-2024-07-18", 0, 1, 2833 + 4 * 5667 - 765),
        ("gpt-4.1-mini-2025-04-14", 0, 2, 2 * (1659 - 765)),
        ("some/other", 5, 5, 0),
    ],
)
def test_images_cost_what_the_model_makes_of_them(model: str, low: int, high: int, tokens: int) -> None:
    assert extra_tokens(model, low, high) == tokens
    dear = cost(replace(PRICE, model=model), replace(LOAD, images=(low, high)))
    assert dear.training and dear.training.high_tokens == 300_000 + 3 * tokens


def test_an_estimate_from_jobs_needs_no_surcharge() -> None:
    assert estimate(1_000, 2, 1.0, with_tools=True, ratio=Ratio(1.0, 1.0, 4)) == Money(0.002, 0.002, 2_000, 2_000)


@pytest.mark.parametrize(
    ("low", "high", "said"),
    [
        (0.0, 0.0, "free"),
        (0.0018, 0.0019, "less than $0.01"),
        (0.004, 0.012, "$0.00 – 0.01"),
        (1234.5, 1234.5, "$1,234.50"),
    ],
)
def test_next_to_nothing_is_not_nothing(low: float, high: float, said: str) -> None:
    assert in_dollars(low, high) == said
