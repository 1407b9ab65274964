from __future__ import annotations

import numpy as np
import pytest

from core.server.engines.classic.calibration import Calibration, calibrated, calibration_error, temperature
from core.server.engines.classic.features import Sparse
from core.server.engines.classic.objectives import Classes, Measured
from core.server.engines.classic.softmax import Softmax, log_softmax, logits


def rows(*texts: dict[int, float]) -> Sparse:
    starts = np.cumsum([0, *map(len, texts)])
    columns = np.array([column for text in texts for column in text], np.int64)
    return Sparse(starts, columns, np.array([value for text in texts for value in text.values()], np.float32))


BATCH = rows({0: 0.6, 1: 0.8}, {1: 0.6, 2: 0.8}, {3: 1.0})
CLASSES = np.array([0, 1, 2])


def learn(model: Softmax, rate: float) -> Measured:
    """One step on the batch, and how well it was answered before."""
    block, goal, at = BATCH.block(), Classes(CLASSES[:, None]), np.arange(3)
    scores, weights = model.scores(block)
    told = goal.measure(at, [scores], [])
    model.descend(block, weights, goal.slopes(at, [scores], [])[0], rate)
    return told


def measured(scores: np.ndarray, classes: np.ndarray) -> Measured:
    return Classes(classes[:, None]).measure(np.arange(len(classes)), [scores], [])


def test_before_the_first_step_every_class_is_as_likely() -> None:
    assert learn(Softmax.fresh(4, 3), 0.1)["loss"] == pytest.approx(np.log(3), abs=1e-6)


def test_the_first_step_goes_down_the_true_gradient() -> None:
    model = Softmax.fresh(4, 3)
    learn(model, 0.1)
    dense = np.array([[0.6, 0.8, 0, 0], [0, 0.6, 0.8, 0], [0, 0, 0, 1]])
    gradient = dense.T @ ((np.full((3, 3), 1 / 3) - np.eye(3)) / 3)
    squares = (gradient**2).mean(axis=1, keepdims=True) + 1e-8
    assert np.allclose(model.weights, -0.1 * gradient / np.sqrt(squares), atol=1e-5)


def test_steps_lower_the_loss_until_all_is_right() -> None:
    model = Softmax.fresh(4, 3)
    losses = [learn(model, 0.2)["loss"] for _ in range(80)]
    assert losses[-1] < 0.1 < losses[0]
    assert measured(model.logits(BATCH), CLASSES)["mean_token_accuracy"] == 1.0


def test_rows_without_a_known_feature_are_answered_by_the_bias() -> None:
    model = Softmax.fresh(4, 3)
    model.bias[:] = [1, 5, 2]
    assert model.logits(rows({}))[0].tolist() == [1, 5, 2]


def test_half_precision_and_many_rows_give_the_same_scores() -> None:
    random = np.random.default_rng(0)
    model = Softmax.fresh(4, 3)
    model.weights[:] = random.normal(size=(4, 3))
    many = rows(*[{int(i % 4): 1.0} for i in range(1000)])
    half = logits(model.weights.astype(np.float16), model.bias, many)
    assert np.allclose(half, model.weights[np.arange(1000) % 4], atol=1e-2)


def test_an_unknown_class_is_wrong_but_not_in_the_loss() -> None:
    scores = np.array([[9.0, 0.0], [0.0, 9.0]], np.float32)
    told = measured(scores, np.array([0, -1]))
    assert told == {"loss": pytest.approx(0, abs=1e-3), "mean_token_accuracy": 0.5}
    assert measured(scores, np.array([-1, -1])) == {"mean_token_accuracy": 0.0}


def noisy(scale: float, rows: int = 20_000) -> tuple[np.ndarray, np.ndarray]:
    """Scores whose calibrated probabilities are true at temperature 1 / scale."""
    random = np.random.default_rng(1)
    scores = random.normal(size=(rows, 4)).astype(np.float32) * 2
    shares = np.exp(calibrated(scores, 1.0))
    classes = (random.random((rows, 1)) > np.cumsum(shares, axis=1)).sum(axis=1)
    return scores * np.float32(scale), np.minimum(classes, 3)


@pytest.mark.parametrize("scale", [0.25, 1.0, 4.0])
def test_the_temperature_that_makes_probabilities_true_is_found(scale: float) -> None:
    scores, classes = noisy(scale)
    found = temperature(scores, classes)
    assert found == pytest.approx(np.sqrt(scale), rel=0.05)  # damping takes the root of the scale
    assert calibration_error([calibrated(scores, found)], classes[:, None]) < 0.02


def test_rows_of_no_known_class_make_less_sure() -> None:
    scores, classes = noisy(1.0, rows=2_000)
    lost = np.where(np.arange(2_000) % 4, classes, -1)
    found = temperature(scores, lost)
    assert found > 1.3 * temperature(scores, classes)
    assert calibration_error([calibrated(scores, found)], lost[:, None]) < 0.06
    untold = np.where(np.arange(2_000) % 4, classes, -2)[:, None]
    assert Calibration.fit([scores], untold).rows == 1_500


def test_there_is_nothing_to_calibrate_without_known_classes() -> None:
    scores = np.zeros((3, 4), np.float32)
    assert temperature(scores, np.array([-1, -1, -1])) == 1.0
    assert temperature(scores[:, :1], np.array([0, 0, 0])) == 1.0


def test_calibration_changes_no_answer_and_sums_to_one() -> None:
    scores = np.random.default_rng(0).normal(size=(50, 5)).astype(np.float32) * 30
    logs = calibrated(scores, 1.7)
    assert np.array_equal(logs.argmax(axis=1), scores.argmax(axis=1))
    assert np.allclose(np.exp(logs).sum(axis=1), 1, atol=1e-5)
    assert calibrated(np.zeros((1, 1), np.float32)).tolist() == [[0.0]]


def test_probabilities_of_huge_scores_are_finite() -> None:
    assert np.isfinite(log_softmax(np.array([[1e30, -1e30]], np.float32))).all()
