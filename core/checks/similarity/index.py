"""Finding alike texts among a million, and the texts that are like a new one.

A signature is cut into 16 bands of 3 numbers. Texts that share a band lie side by side once the bands are sorted;
only those neighbours are compared, first by their signatures, then character by character.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from core.checks.similarity.signatures import BORDER, HASHES, Numbers, Signatures, signatures

NEAR = 0.85  # from this share of common characters on, two texts are alike
SHORTEST = 5  # characters; below that one edit makes another word of it
BANDS, ROWS = 16, 3
NEIGHBOURS = 8  # texts after it in a band that a text is compared with
# Of the 48 numbers so many must be the same before characters are compared; an edit changes less of a longer text.
AGREEING = ((24, 8), (64, 12), (1 << 30, 18))  # (characters of the shorter text at most, numbers)
LOOKED_AT = 64  # texts of one band that a new text is compared with
_AT_ONCE = 200_000
_KEY = np.uint64(0x9E3779B97F4A7C15)


class Pair(NamedTuple):
    """Two texts by their numbers, and the share of characters that they have in common, 0 to 1."""

    first: int
    second: int
    score: float


class Index:
    """Texts in bands. They should be different and normal; numbers are places in the sequence."""

    def __init__(self, texts: Sequence[str], progress: Callable[[int], None] | None = None) -> None:
        self.texts = texts
        long_enough = [text if len(text) >= SHORTEST else "" for text in texts]
        self._owners, levels, self._values = _gathered(long_enough, progress)
        self._needed = _needed(texts)[self._owners]
        self._bits = np.uint64(max(1, len(self._owners).bit_length()))
        places = np.arange(len(self._owners), dtype=np.uint64)
        self._bands = []
        for band in range(BANDS):
            keys = self._keys(self._values, levels, band)
            keys <<= self._bits
            keys |= places
            keys.sort()
            self._bands.append(keys)

    def _keys(self, values: Numbers, levels: NDArray[np.uint8], band: int) -> NDArray[np.uint64]:
        """One number for the band of each signature, short enough to leave room for its place."""
        keys = (levels.astype(np.uint64) + np.uint64(1)) * _KEY
        for column in range(band * ROWS, band * ROWS + ROWS):
            keys ^= values[:, column]
            keys *= _KEY
            keys ^= keys >> np.uint64(29)
        return keys >> self._bits

    def pairs(self, near: float = NEAR) -> list[Pair]:
        """All pairs of alike texts that were found, the lower number first, in order."""
        found = [pairs for band in self._bands for pairs in self._neighbours(band)]
        packed = np.unique(np.concatenate(found)) if found else np.empty(0, np.uint64)
        found.clear()
        count = np.uint64(len(self.texts) or 1)
        result: list[Pair] = []
        for start in range(0, len(packed), _AT_ONCE):
            some = packed[start : start + _AT_ONCE]
            result += self._compared((some // count).tolist(), (some % count).tolist(), near)
        return result

    def _neighbours(self, band: NDArray[np.uint64]) -> Iterator[NDArray[np.uint64]]:
        """Pairs of texts that lie side by side in a band and whose signatures agree, packed into one number each."""
        keys = band >> self._bits
        places = (band & ((np.uint64(1) << self._bits) - np.uint64(1))).astype(np.int64)
        count = np.uint64(len(self.texts) or 1)
        for step in range(1, NEIGHBOURS + 1):
            at = np.flatnonzero(keys[step:] == keys[:-step])
            if not len(at):
                return
            left, right = places[at], places[at + step]
            for start in range(0, len(at), _AT_ONCE):
                a, b = left[start : start + _AT_ONCE], right[start : start + _AT_ONCE]
                same = np.count_nonzero(self._values[a] == self._values[b], axis=1)
                agreeing = same >= np.minimum(self._needed[a], self._needed[b])
                one, two = self._owners[a[agreeing]], self._owners[b[agreeing]]
                low, high = np.minimum(one, two).astype(np.uint64), np.maximum(one, two).astype(np.uint64)
                yield low * count + high

    def _compared(self, first: list[int], second: list[int], near: float) -> list[Pair]:
        """The pairs whose characters are alike enough."""
        from rapidfuzz import fuzz, process

        texts = self.texts
        one, two = [texts[number] for number in first], [texts[number] for number in second]
        scores = process.cpdist(one, two, scorer=fuzz.ratio, score_cutoff=near * 100, dtype=np.float32)
        at = np.flatnonzero(scores >= near * 100)
        return [Pair(first[i], second[i], round(float(scores[i]) / 100, 4)) for i in at.tolist()]

    def like(self, text: str, near: float = NEAR) -> list[Pair]:
        """The texts that are like a new one, the most alike first; `first` of each pair is -1."""
        made = [block for block in signatures([text if len(text) >= SHORTEST else ""]) if len(block.owners)]
        candidates: set[int] = set()
        for block in made:
            candidates |= self._looked_up(block)
        numbers = sorted(candidates)
        from rapidfuzz import fuzz, process

        scores = process.cdist([text], [self.texts[n] for n in numbers], scorer=fuzz.ratio, dtype=np.float32)
        alike = [Pair(-1, n, round(float(s) / 100, 4)) for n, s in zip(numbers, scores.ravel(), strict=True)]
        return sorted((pair for pair in alike if pair.score >= near), key=lambda pair: (-pair.score, pair.second))

    def _looked_up(self, made: Signatures) -> set[int]:
        """The numbers of the texts that share a band with these signatures."""
        found: set[int] = set()
        mask = (np.uint64(1) << self._bits) - np.uint64(1)
        for number, band in enumerate(self._bands):
            for key in self._keys(made.values, made.levels, number):
                low = np.searchsorted(band, key << self._bits)
                high = np.searchsorted(band, (key << self._bits) | mask, side="right")
                places = (band[low : min(high, low + LOOKED_AT)] & mask).astype(np.int64)
                found |= set(self._owners[places].tolist())
        return found


def _gathered(texts: Sequence[str], progress: Callable[[int], None] | None) -> Signatures:
    """All signatures of the texts in one piece, which is there from the beginning: nothing is held twice."""
    room = sum(1 + (len(text) > BORDER) for text in texts)
    owners, levels = np.empty(room, np.int32), np.empty(room, np.uint8)
    values = np.empty((room, HASHES), np.uint32)
    end = 0
    for block in signatures(texts):
        start, end = end, end + len(block.owners)
        owners[start:end], levels[start:end], values[start:end] = block
        if progress and end > start:
            progress(int(block.owners.max()) + 1)
    return Signatures(owners[:end], levels[:end], values[:end])


def _needed(texts: Sequence[str]) -> NDArray[np.uint8]:
    """How many numbers of its signature each text must share with another."""
    lengths = np.fromiter(map(len, texts), np.int64, len(texts))
    return np.select([lengths <= most for most, _same in AGREEING], [same for _most, same in AGREEING]).astype(np.uint8)
