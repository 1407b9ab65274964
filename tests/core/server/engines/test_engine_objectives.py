"""The slopes of every method are the true ones: those that tiny changes of the scores show."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from core.server.engines.classic.calibration import UNTOLD
from core.server.engines.classic.objectives import KL, Classes, Objective, Pairs, Rewards, right_answers

RANDOM = np.random.default_rng(3)
ROWS, CLASSES = 5, 4
AT = np.arange(ROWS)
SCORES = RANDOM.normal(size=(ROWS, CLASSES)).astype(np.float64)
REFERENCE = RANDOM.normal(size=(ROWS, CLASSES)).astype(np.float64)
GOALS: dict[str, Objective] = {
    "classes": Classes(np.array([[0], [1], [2], [3], [0]])),
    "pairs": Pairs(np.array([0, 1, 2, 3, 0]), np.array([1, 0, 0, 0, 3]), beta=0.5),
    "rewards": Rewards(RANDOM.random((3, CLASSES)), np.array([0, 1, 2, 0, 1])),
}


@pytest.mark.parametrize("name", GOALS)
def test_slopes_are_those_of_the_loss(name: str) -> None:
    goal = GOALS[name]
    (slopes,) = goal.slopes(AT, [SCORES], [REFERENCE])
    for row in range(ROWS):
        for column in range(CLASSES):
            losses = []
            for change in (1e-5, -1e-5):
                moved = SCORES.copy()
                moved[row, column] += change
                losses.append(goal.measure(AT, [moved], [REFERENCE])["loss"])
            assert slopes[row, column] == pytest.approx((losses[0] - losses[1]) / 2e-5, abs=1e-5)


def test_slopes_of_margins_are_those_of_the_squared_hinge() -> None:
    goal = Classes(np.array([[0], [1], [2], [3], [0]]), margins=(2.5,))

    def loss(scores: Any) -> float:
        side = np.full_like(scores, -1)
        side[AT, goal.classes[:, 0]] = 1
        return float((np.maximum(0, 1 - side * scores / 2.5) ** 2).sum() / ROWS)

    (slopes,) = goal.slopes(AT, [SCORES], [])
    for row, column in ((0, 0), (1, 3), (4, 2)):
        moved = [SCORES.copy(), SCORES.copy()]
        moved[0][row, column] += 1e-5
        moved[1][row, column] -= 1e-5
        true = (loss(moved[0]) - loss(moved[1])) / 2e-5
        assert slopes[row, column] / 2.5 == pytest.approx(true, abs=1e-5)


def test_preferences_begin_at_the_logarithm_of_two() -> None:
    told = GOALS["pairs"].measure(AT, [REFERENCE], [REFERENCE])
    assert told["loss"] == pytest.approx(0.6931, abs=1e-4)
    assert told["rewards/margins"] == 0
    assert told["rewards/accuracies"] == 0


def test_the_expected_reward_is_a_sum_over_all_answers() -> None:
    goal = Rewards(np.array([[1.0, 0, 0, 0.5]]), np.zeros(1, np.int64))
    even = np.zeros((1, 4))
    told = goal.measure(np.arange(1), [even], [even])
    assert told["reward_mean"] == pytest.approx(1.5 / 4)
    assert told["kl"] == 0
    sure = np.array([[50.0, 0, 0, 0]])
    told = goal.measure(np.arange(1), [sure], [even])
    assert (told["reward_mean"], told["greedy_reward_mean"]) == (pytest.approx(1), 1)
    assert told["kl"] == pytest.approx(np.log(4), abs=1e-6)
    assert told["loss"] == pytest.approx(KL * np.log(4) - 1, abs=1e-6)


def test_what_can_be_called_right_is_called_right() -> None:
    assert right_answers(GOALS["classes"]).tolist() == [[0], [1], [2], [3], [0]]  # type: ignore[union-attr]
    assert right_answers(GOALS["pairs"]).tolist() == [[0], [1], [2], [3], [0]]  # type: ignore[union-attr]
    table = np.array([[0, 1, 0], [1, 1, 0]], np.float32)
    assert right_answers(Rewards(table, np.array([0, 1, 0]))).tolist() == [[1], [UNTOLD], [1]]  # type: ignore[union-attr]
    assert right_answers(Rewards(table[1:], np.array([0]))) is None
