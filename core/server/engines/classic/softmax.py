"""Softmax regression over sparse vectors, learnt in small batches with row-wise Adagrad."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from core.server.engines.classic.features import Floats, Ints, Sparse

RATE = 0.2  # the learning rate of multiplier 1
_ROWS_AT_ONCE = 256

Block = tuple[Ints, Floats]
"""The features that occur in some rows, and the rows as a dense matrix over them."""


@dataclass
class Softmax:
    """One head: the weights (feature by class), the bias, and Adagrad's sum of squared gradients, one a feature."""

    weights: Floats
    bias: Floats
    squares: Floats
    bias_square: float = 1e-8

    @classmethod
    def fresh(cls, features: int, classes: int, start: float = 1e-8) -> Softmax:
        """A head that has learnt nothing: every class is as likely as the other.

        `start` is where the sums of squares begin: a feature's first steps follow its gradient as long as they are
        shorter, instead of being of full length.
        """
        zeros = np.zeros((features, classes), np.float32)
        return cls(zeros, np.zeros(classes, np.float32), np.full(features, start, np.float32))

    def scores(self, block: Block) -> tuple[Floats, Floats]:
        """The score of each class for each row of a block, and the weights that `descend` wants back."""
        used, dense = block
        weights = self.weights[used]
        return dense @ weights + self.bias, weights

    def descend(self, block: Block, weights: Floats, slopes: Floats, rate: float) -> None:
        """One step against the slopes: how the loss of the batch grows with the score of each class of each row."""
        used, dense = block
        gradient = dense.T @ slopes
        squares = self.squares[used] + (gradient * gradient).mean(axis=1)
        self.squares[used] = squares
        self.weights[used] = weights - (np.float32(rate) / np.sqrt(squares))[:, None] * gradient
        slope = slopes.sum(axis=0)
        self.bias_square += float((slope * slope).mean())
        self.bias -= np.float32(rate / np.sqrt(self.bias_square)) * slope

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
