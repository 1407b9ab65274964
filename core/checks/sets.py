"""Rules of a whole set of examples."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from core.checks.issues import Issue, make
from core.dataset.examples import Kind

if TYPE_CHECKING:
    import numpy as np

    Hashes = np.ndarray[tuple[int, ...], np.dtype[np.int64]]

MIN_EXAMPLES = 10
FEW_EXAMPLES = 50
MAX_FILE = 512 << 20  # bytes, as most providers have it
MAX_EXAMPLES = {Kind.REINFORCEMENT: 50_000}  # an older limit of some providers, hence a warning


def check_set(kinds: Mapping[Kind, int], n: int, *, minimum: int = MIN_EXAMPLES) -> list[Issue]:
    """The issues of a set of `n` examples, so many of each kind."""
    issues = []
    if n == 0:
        issues.append(make("no_examples", "", 0))
    elif n < minimum:
        issues.append(make("too_few_examples", "", n, number=n, least=minimum))
    elif n < FEW_EXAMPLES:
        issues.append(make("few_examples", "", n, number=n))
    kind = main_kind(kinds)
    limit = MAX_EXAMPLES.get(kind) if kind else None
    if limit and n > limit:
        issues.append(make("too_many_examples", "", n, number=n, limit=limit))
    return issues


def main_kind(kinds: Mapping[Kind, int]) -> Kind | None:
    """The kind that most examples have; the first of the formats where two are level."""
    return max((kind for kind in Kind if kinds.get(kind)), key=lambda kind: kinds[kind], default=None)


def mixed(kind: Kind, main: Kind) -> Issue:
    """The issue of an example of another kind than most."""
    return make("mixed_kinds", "", kind, kind=str(main))


def duplicates(hashes: Hashes) -> tuple[Hashes, Hashes]:
    """The places whose hash was there before, in order, and for each the first place it was at."""
    import numpy as np

    order = np.argsort(hashes, kind="stable")
    ordered = hashes[order]
    fresh = np.ones(len(hashes), dtype=bool)
    fresh[1:] = ordered[1:] != ordered[:-1]
    first = order[np.maximum.accumulate(np.where(fresh, np.arange(len(hashes)), 0))]
    places, first = order[~fresh], first[~fresh]
    sorting = np.argsort(places)
    return places[sorting], first[sorting]
