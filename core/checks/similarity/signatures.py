"""MinHash signatures of many texts at once: 48 numbers each, of which alike texts share most.

The hashed pieces of a short text are pairs of characters in Chinese, Japanese and Korean, threes elsewhere; those of
a long text are longer, since two long texts share most of their short pieces by chance. Of a long text only a fixed
share of the pieces is hashed: those whose hash ends in so many zero bits. That share is its level; a text near the
border of two levels gets a signature in each, so that two alike texts always meet in one.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

HASHES = 48
FULL = 128  # pieces that are hashed of one text at most, before the next level begins
OVERLAP = 1.25  # two texts meet in a level as long as one is at most so much longer
BORDER = FULL / OVERLAP  # pieces from which on a text may have two signatures
_BLOCK = 1 << 18  # characters that are worked on at a time: they stay in the cache
_SHORT, _LONG = (2, 3), (4, 6)  # characters of a piece: where a wide script begins it, and elsewhere
_WIDE = 0x2E80  # from here on a script writes a word in one or two characters

Numbers = NDArray[np.uint32]
_PRIME = 0x9E3779B1
_random = np.random.default_rng(48)
_FACTORS = _random.integers(0, 1 << 32, HASHES, dtype=np.uint32) | np.uint32(1)
_MASKS = _random.integers(0, 1 << 32, HASHES, dtype=np.uint32)


class Signatures(NamedTuple):
    """One row for each text and level: the text's number, its level, its 48 numbers."""

    owners: NDArray[np.int32]
    levels: NDArray[np.uint8]
    values: Numbers


def signatures(texts: Sequence[str]) -> Iterator[Signatures]:
    """The signatures of the texts, block by block; an empty text has none."""
    start = 0
    while start < len(texts):
        stop, size = start, 0
        while stop < len(texts) and (size == 0 or size + len(texts[stop]) < _BLOCK):
            size += len(texts[stop]) + 2
            stop += 1
        yield _block(texts[start:stop], start)
        start = stop


def _block(texts: Sequence[str], first: int) -> Signatures:
    lengths = np.fromiter(map(len, texts), np.int64, len(texts))
    owner = np.repeat(np.arange(len(texts), dtype=np.int32), lengths)
    found = [_level(_pieces(texts, lengths, *_SHORT), owner, lengths, 0)]
    top = _top(int(lengths.max(initial=0)))
    if top:
        pieces = _pieces(texts, lengths, *_LONG)
        found += [_level(pieces, owner, lengths, level) for level in range(1, top + 1)]
    return Signatures(
        np.concatenate([owners for owners, _values in found]) + np.int32(first),
        np.repeat(np.arange(len(found), dtype=np.uint8), [len(owners) for owners, _values in found]),
        np.concatenate([values for _owners, values in found]),
    )


def _top(length: int) -> int:
    level = 0
    while length > (FULL << level) / OVERLAP:
        level += 1
    return level


def _pieces(texts: Sequence[str], lengths: NDArray[np.int64], wide: int, narrow: int) -> Numbers:
    """One hash for each character of the texts: of it and the next ones."""
    gap = "\0" * narrow  # the end of a text is part of its last pieces
    chars = np.frombuffer(gap.join([*texts, ""]).encode("utf-32-le", "surrogatepass"), dtype="<u4")
    length = len(chars) - narrow
    is_narrow = (chars[:length] < _WIDE).astype(np.uint32)
    hashed = chars[:length].astype(np.uint32)
    for at in range(1, narrow):
        piece = chars[at : length + at] * np.uint32(pow(_PRIME, at, 1 << 32))
        hashed += piece if at < wide else piece * is_narrow
    hashed ^= hashed >> np.uint32(15)
    hashed *= np.uint32(0x2C1B3C6D)
    hashed ^= hashed >> np.uint32(13)
    hashed *= np.uint32(0x297A2D39)
    hashed ^= hashed >> np.uint32(16)
    inside = np.ones(len(hashed), bool)
    ends = np.cumsum(lengths + narrow)[:-1]
    for at in range(1, narrow + 1):
        inside[ends - at] = False
    return hashed[inside]


def _level(
    pieces: Numbers, owner: NDArray[np.int32], lengths: NDArray[np.int64], level: int
) -> tuple[NDArray[np.int32], Numbers]:
    """The signatures of the texts that belong to a level."""
    members = lengths <= FULL << level
    if level:
        members &= lengths > (FULL << (level - 1)) / OVERLAP
    chosen = members[owner]
    if level:
        chosen &= (pieces & np.uint32((1 << level) - 1)) == 0
    kept, owned = pieces[chosen], owner[chosen]
    if not len(kept):
        return owned, np.empty((0, HASHES), np.uint32)
    starts = np.flatnonzero(np.diff(owned, prepend=-1))
    values = np.empty((len(starts), HASHES), np.uint32)
    for at in range(HASHES):
        values[:, at] = np.minimum.reduceat((kept ^ _MASKS[at]) * _FACTORS[at], starts)
    return owned[starts], values
