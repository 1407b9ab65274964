"""How alike two texts are, from 0 to 1, in the measures that `text_similarity` graders name.

All but fuzzy_match work on the same tokens: runs of letters and digits in lower case, each Chinese, Japanese or Korean
character by itself. `fuzzy_match` is rapidfuzz's ratio; `bleu` is sacrebleu's sentence BLEU; `gleu` is Google's;
`meteor` matches whole tokens (without stems and synonyms); `rouge_N` and `rouge_l` are F1; `cosine` is that of the
counts of character n-grams up to three, where OpenAI's is that of embeddings.
"""

from __future__ import annotations

import itertools
import math
import re
from collections import Counter
from collections.abc import Callable, Hashable, Sequence

_TOKEN = re.compile(
    r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af\uf900-\ufaff]|[^\W\u3040-\u9fff\uac00-\ud7af\uf900-\ufaff]+"
)


def tokens(text: str) -> list[str]:
    """The tokens that are compared."""
    return _TOKEN.findall(text.lower())


def fuzzy_match(text: str, reference: str) -> float:
    from rapidfuzz import fuzz

    return float(fuzz.ratio(text, reference)) / 100


def bleu(text: str, reference: str) -> float:
    import sacrebleu

    ours, theirs = tokens(text), tokens(reference)
    if not ours or not theirs:
        return float(ours == theirs)
    score = sacrebleu.sentence_bleu(" ".join(ours), [" ".join(theirs)], tokenize="none", use_effective_order=True)
    return min(1.0, float(score.score) / 100)


def gleu(text: str, reference: str) -> float:
    ours, theirs = tokens(text), tokens(reference)
    mine, known = Counter[Hashable](), Counter[Hashable]()
    for n in range(1, 5):
        mine.update(_grams(ours, n))
        known.update(_grams(theirs, n))
    most = max(mine.total(), known.total())
    return (mine & known).total() / most if most else 1.0


def meteor(text: str, reference: str) -> float:
    ours, theirs = tokens(text), tokens(reference)
    if not ours or not theirs:
        return float(ours == theirs)
    pairs = _aligned(ours, theirs)
    if not pairs:
        return 0.0
    precision, recall = len(pairs) / len(ours), len(pairs) / len(theirs)
    chunks = 1 + sum(b != (a[0] + 1, a[1] + 1) for a, b in itertools.pairwise(pairs))
    fragments = 0.0 if chunks == 1 else chunks / len(pairs)  # whole and in order: nothing taken off
    return 10 * precision * recall / (recall + 9 * precision) * (1 - 0.5 * fragments**3)


def _aligned(ours: Sequence[str], theirs: Sequence[str]) -> list[tuple[int, int]]:
    """Pairs of places of equal tokens; each goes on from the last one where it can."""
    free: dict[str, list[int]] = {}
    for place, token in enumerate(theirs):
        free.setdefault(token, []).append(place)
    pairs: list[tuple[int, int]] = []
    for place, token in enumerate(ours):
        if left := free.get(token):
            wanted = pairs[-1][1] + 1 if pairs else 0
            other = wanted if wanted in left else left[0]
            left.remove(other)
            pairs.append((place, other))
    return pairs


def rouge(n: int) -> Callable[[str, str], float]:
    """The measure rouge_N for this N."""

    def measure(text: str, reference: str) -> float:
        ours, theirs = Counter(_grams(tokens(text), n)), Counter(_grams(tokens(reference), n))
        if not ours and not theirs:  # both are shorter than n
            return float(tokens(text) == tokens(reference))
        return _f1((ours & theirs).total(), ours.total(), theirs.total())

    return measure


def rouge_l(text: str, reference: str) -> float:
    from rapidfuzz.distance import LCSseq

    ours, theirs = tokens(text), tokens(reference)
    if not ours or not theirs:
        return float(ours == theirs)
    return _f1(LCSseq.similarity(ours, theirs), len(ours), len(theirs))


def cosine(text: str, reference: str) -> float:
    one, other = _counts(text), _counts(reference)
    product = sum(count * other[gram] for gram, count in one.items() if gram in other)
    size = math.sqrt(sum(c * c for c in one.values()) * sum(c * c for c in other.values()))
    return min(1.0, product / size) if size else float(text == reference)


def _counts(text: str) -> Counter[str]:
    text = f" {' '.join(text.lower().split())} "
    return Counter(text[i : i + n] for n in (1, 2, 3) for i in range(len(text) - n + 1) if text[i : i + n] != " ")


def _grams(values: Sequence[str], n: int) -> list[tuple[str, ...]]:
    return [tuple(values[i : i + n]) for i in range(len(values) - n + 1)]


def _f1(same: int, ours: int, theirs: int) -> float:
    return 2 * same / (ours + theirs) if ours + theirs else 1.0


METRICS: dict[str, Callable[[str, str], float]] = {
    "cosine": cosine,
    "fuzzy_match": fuzzy_match,
    "bleu": bleu,
    "gleu": gleu,
    "meteor": meteor,
    **{f"rouge_{n}": rouge(n) for n in range(1, 6)},
    "rouge_l": rouge_l,
}
