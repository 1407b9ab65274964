"""How far the probabilities can be believed: one temperature, and the error that is left."""

from __future__ import annotations

import numpy as np

from core.server.engines.classic.features import Floats, Ints
from core.server.engines.classic.softmax import log_softmax

_BINS = 15


def temperature(scores: Floats, classes: Ints) -> float:
    """The temperature that makes the right answers likeliest, between 0.2 and 5; 1 where no class is known (-1)."""
    known = np.flatnonzero(classes >= 0)
    if not len(known) or scores.shape[1] < 2:
        return 1.0

    def loss(log_t: float) -> float:
        logs = log_softmax(scores[known] / np.float32(np.exp(log_t)))
        return -float(logs[np.arange(len(known)), classes[known]].mean())

    low, high = np.log(0.2), np.log(5.0)
    for _ in range(30):  # the loss has one valley in the temperature: thirds close in on it
        third = (high - low) / 3
        if loss(low + third) <= loss(high - third):
            high -= third
        else:
            low += third
    return float(np.exp((low + high) / 2))


def calibration_error(scores: Floats, classes: Ints, by: float = 1.0) -> float:
    """The expected calibration error in 15 bins: the mean distance between how sure and how right, from 0 to 1."""
    logs = log_softmax(scores / np.float32(by))
    sure = np.exp(logs.max(axis=1))
    right = logs.argmax(axis=1) == classes
    bins = np.minimum((sure * _BINS).astype(np.int64), _BINS - 1)
    gaps = np.bincount(bins, sure, minlength=_BINS) - np.bincount(bins, right, minlength=_BINS)
    return float(np.abs(gaps).sum() / len(sure))
