"""Texts as short vectors without any training: each n-gram adds to or takes from one of 512 places.

Texts that share words and runs of characters lie near each other, whatever they mean: on Banking77 the nearest of the
training questions has the right one of 77 labels for 80 of 100 test questions.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from core.server.engines.classic.features import Floats, hash_fields

DIMENSIONS = 512


def embed(texts: Sequence[str]) -> Floats:
    """A vector of length 1 for each text."""
    hashes, owners = hash_fields([texts])
    order = np.lexsort((hashes, owners))
    hashes, owners = hashes[order], owners[order]
    fresh = np.ones(len(hashes), bool)
    fresh[1:] = (hashes[1:] != hashes[:-1]) | (owners[1:] != owners[:-1])
    first = np.flatnonzero(fresh)
    times = np.diff(np.append(first, len(hashes)))
    hashes, owners = hashes[first], owners[first]
    place = owners * DIMENSIONS + (hashes % np.uint64(DIMENSIONS)).astype(np.int64)
    weight = np.where(hashes >> np.uint64(63), 1.0, -1.0) * (1 + np.log(times))
    vectors = np.bincount(place, weight, len(texts) * DIMENSIONS).reshape(len(texts), DIMENSIONS)
    lengths = np.linalg.norm(vectors, axis=1)
    vectors[lengths == 0, 0] = lengths[lengths == 0] = 1.0  # a text without a character to look at
    found: Floats = (vectors / lengths[:, None]).astype(np.float32)
    return found
