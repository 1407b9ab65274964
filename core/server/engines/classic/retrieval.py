"""The nearest question: BM25 over hashed characters and pairs of characters."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from core.server.engines.classic.features import Fields, Floats, Hashes, Ints, hash_fields, normal

_CHARS = (1, 2)
_SATURATION = 1.2  # k1 and b of BM25: their usual values
_LENGTH = 0.75
_LOWEST, _HIGHEST = 0.1, 0.9  # a threshold below answers anything; above, not even the question itself
_WORTH = 0.05  # how much better than any answer the nearest one has to be

Hits = tuple[Ints, Floats]
"""Rows, nearest first, and their nearness from 0 to about 1 (the question itself)."""


@dataclass(frozen=True)
class Index:
    """For each known n-gram the rows that have it and what it adds to their score."""

    hashes: Hashes
    starts: Ints
    rows: Ints
    weights: Floats
    idf: Floats
    lengths: Floats

    @classmethod
    def build(cls, fields: Fields, look: Callable[[], None] = lambda: None) -> Index:
        """An index of questions, given as `Frame.fields` does."""
        hashes, owners = hash_fields(fields, _CHARS, (), look)
        rows = len(fields[0])
        lengths = np.bincount(owners, minlength=rows).astype(np.float32)
        known, place = np.unique(hashes, return_inverse=True)
        pairs, counts = np.unique(place * rows + owners, return_counts=True)
        columns, places = np.divmod(pairs, rows)
        frequency = np.bincount(columns, minlength=len(known))
        idf = np.log(1 + (rows - frequency + 0.5) / (frequency + 0.5)).astype(np.float32)
        starts = np.concatenate(([0], np.cumsum(frequency)))
        weights = idf[columns] * _saturated(counts, lengths[places], lengths)
        return cls(known, starts, places.astype(np.int32), weights.astype(np.float32), idf, lengths)

    def nearest(self, fields: Fields, count: int, before: int | None = None) -> Hits:
        """The nearest rows to one question; with `before` only among the rows of a smaller number."""
        rows = len(self.lengths) if before is None else before
        hashes, times = np.unique(hash_fields(fields, _CHARS, ())[0], return_counts=True)
        if not rows or not len(hashes) or not len(self.hashes):
            return np.zeros(0, np.int64), np.zeros(0, np.float32)
        place = np.minimum(np.searchsorted(self.hashes, hashes), len(self.hashes) - 1)
        known = self.hashes[place] == hashes
        begin, end = self.starts[place[known]], self.starts[place[known] + 1]
        lists = np.concatenate([np.arange(a, b) for a, b in zip(begin, end, strict=True)] or [np.zeros(0, np.int64)])
        scores = np.bincount(self.rows[lists], self.weights[lists], minlength=rows)[:rows]
        # a question with n-grams that no row has cannot be as near as one without them
        weight = np.where(known, self.idf[place], np.log(1 + (len(self.lengths) + 0.5) / 0.5))
        itself = float((weight * _saturated(times, np.float32(times.sum()), self.lengths)).sum())
        near = np.flatnonzero(scores >= np.partition(scores, -min(count, rows))[-min(count, rows)])
        best = near[np.argsort(-scores[near], kind="stable")][:count]
        return best, (scores[best] / itself).astype(np.float32)


def _saturated(counts: Ints, length: Floats | np.float32, lengths: Floats) -> Floats:
    mean = max(1.0, float(lengths.mean()))
    share = counts * (_SATURATION + 1) / (counts + _SATURATION * (1 - _LENGTH + _LENGTH * length / mean))
    return np.asarray(share, np.float32)


def agreement(said: str, right: str) -> float:
    """How much two answers have in common: the F-score of their pairs of characters, from 0 to 1."""
    one, other = _pairs(said), _pairs(right)
    both = sum((one & other).values())
    return 2 * both / max(1, sum(one.values()) + sum(other.values()))


def _pairs(text: str) -> Counter[str]:
    padded = f" {normal(text)} "
    return Counter(padded[i : i + 2] for i in range(len(padded) - 1))


def threshold(nearness: list[float], agreements: list[float], by_chance: float) -> float:
    """The nearness below which an answer is hardly better than any other: where answering gains most in sum."""
    if not nearness:
        return _LOWEST
    order = np.argsort(-np.array(nearness), kind="stable")
    gains = np.cumsum(np.array(agreements)[order] - by_chance - _WORTH)
    best = int(gains.argmax())
    found = nearness[int(order[best])] if gains[best] > 0 else _HIGHEST
    return float(np.clip(found, _LOWEST, _HIGHEST))
