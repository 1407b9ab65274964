"""Softmax regression over sparse vectors, learnt in small batches with row-wise Adagrad."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from core.server.engines.classic.features import Floats, Ints, Sparse

RATE = 0.2  # the learning rate of multiplier 1
_ROWS_AT_ONCE = 256
_MANY = 20_000  # rows


@dataclass
class Softmax:
    """The weights (feature by class), the bias, and Adagrad's sum of squared gradients, one a feature."""

    weights: Floats
    bias: Floats
    squares: Floats
    bias_square: float = 1e-8
    step: int = 0

    @classmethod
    def fresh(cls, features: int, classes: int, rows: int = _MANY) -> Softmax:
        """A model that has learnt nothing: every class is as likely as the other.

        With few rows to learn from, a feature's first steps follow its gradient instead of being of full length:
        measured, that is worth one to two points of accuracy up to 10,000 rows and costs as much above.
        """
        zeros = np.zeros((features, classes), np.float32)
        start = 1e-4 if rows <= 1_000 else 1e-5 if rows < _MANY else 1e-8
        return cls(zeros, np.zeros(classes, np.float32), np.full(features, start, np.float32))

    def learn(self, rows: Sparse, classes: Ints, rate: float) -> tuple[float, float]:
        """One step on a batch; its mean loss (nats) and the share of right guesses, both before the step."""
        used, dense = rows.block()
        weights = self.weights[used]
        logs = log_softmax(dense @ weights + self.bias)
        at = np.arange(len(rows))
        loss, right = -float(logs[at, classes].mean()), float((logs.argmax(axis=1) == classes).mean())
        wrong = np.exp(logs)
        wrong[at, classes] -= 1
        wrong /= len(rows)
        gradient = dense.T @ wrong
        squares = self.squares[used] + (gradient * gradient).mean(axis=1)
        self.squares[used] = squares
        self.weights[used] = weights - (np.float32(rate) / np.sqrt(squares))[:, None] * gradient
        slope = wrong.sum(axis=0)
        self.bias_square += float((slope * slope).mean())
        self.bias -= np.float32(rate / np.sqrt(self.bias_square)) * slope
        self.step += 1
        return loss, right

    def logits(self, rows: Sparse) -> Floats:
        """The score of each class for each row."""
        return logits(self.weights, self.bias, rows)


def logits(weights: Floats, bias: Floats, rows: Sparse) -> Floats:
    """The score of each class for each row; the weights may be of half precision."""
    scores = np.empty((len(rows), len(bias)), np.float32)
    for start in range(0, len(rows), _ROWS_AT_ONCE):
        part = np.arange(start, min(start + _ROWS_AT_ONCE, len(rows)))
        used, dense = rows.take(part).block()
        scores[part] = dense @ weights[used].astype(np.float32) + bias
    return scores


def log_softmax(scores: Floats) -> Floats:
    """The log probability of each class, row by row."""
    shifted = scores - scores.max(axis=1, keepdims=True)
    result: Floats = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    return result


def loss_and_accuracy(scores: Floats, classes: Ints) -> tuple[float | None, float]:
    """The mean loss in nats (None where no row has a class that is known, -1 being unknown), and the share of right
    guesses, an unknown class being a wrong one."""
    known = np.flatnonzero(classes >= 0)
    right = float((scores.argmax(axis=1) == classes).mean())
    if not len(known):
        return None, right
    return -float(log_softmax(scores[known])[np.arange(len(known)), classes[known]].mean()), right
