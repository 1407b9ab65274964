"""Texts that are alike: the same after normalisation, or with a few edits between them, in any script."""

from core.checks.similarity.index import NEAR, Index, Pair
from core.checks.similarity.normal import normal, unwrapped

__all__ = ["NEAR", "Index", "Pair", "normal", "unwrapped"]
