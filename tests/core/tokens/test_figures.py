"""Distributions equal numpy's, epochs equal the cookbook's."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.tokens import Distribution, default_epochs, distribution


@settings(deadline=None)  # the first call builds an encoding or imports numpy
@given(st.lists(st.integers(min_value=0, max_value=10**9), min_size=1))
def test_a_distribution_equals_numpys(values: list[int]) -> None:
    spread = distribution(values)
    assert (spread.total, spread.min, spread.max) == (sum(values), min(values), max(values))
    assert spread.mean == sum(values) / len(values)
    assert (spread.p10, spread.median, spread.p90) == tuple(np.percentile(values, (10, 50, 90)))
    assert all(type(value) in (int, float) for value in spread.as_json().values())


def test_of_nothing_there_is_no_mean() -> None:
    assert distribution([]) == Distribution()
    assert distribution([]).as_json()["mean"] is None


@pytest.mark.parametrize(
    ("examples", "epochs"),
    [
        (0, 0),
        (1, 25),
        (4, 25),
        (5, 20),
        (10, 10),
        (20, 5),
        (33, 3),
        (34, 3),
        (100, 3),
        (8333, 3),
        (8334, 2),
        (10_000, 2),
        (12_501, 1),
        (30_000, 1),
        (1_000_000, 1),
    ],
)
def test_default_epochs_follow_the_cookbook(examples: int, epochs: int) -> None:
    assert default_epochs(examples) == epochs
