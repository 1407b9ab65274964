"""Labels that are probably wrong: a classifier that never saw a row disagrees with its label, and is sure of itself.

Every row is judged by models trained without it (five folds, twice, rows of one text in one fold). A label is doubted
by the rule of confident learning (Northcutt, Jiang and Chuang, 2021): another class is more likely for the row than it
is on average for that class's own rows (one half is enough), while the given label is less likely than it is for its
own. The least likely label comes first.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from core.checks.similarity import unwrapped

ENOUGH = 0.5  # a class so likely is sure enough, however sure the classifier is of that class's own rows
FOLDS, ROUNDS, EPOCHS = 5, 2, 5
SMALLEST = 3  # rows of a class below which nothing can be said of it
FEWEST = 20  # rows below which nothing can be said at all
NEIGHBOURS = 4  # alike rows that are shown beside a doubt
_CHARACTERS, _WORDS = 1 << 20, 1 << 18  # columns for hashed n-grams
_WORD = r"(?u)[^\W\u2e80-\u9fff\uac00-\ud7a3]+"
_COMMON = 0.05  # of all rows: an n-gram in more of them tells nothing of likeness
_FEW = 100  # rows; an n-gram in so few of them always counts
_AT_ONCE = 200  # doubts whose alike rows are looked up together
_LONGEST = 4_000  # characters of a text that are read

Progress = Callable[[int, int], None]  # may raise, to stop the work


class Doubt(NamedTuple):
    """A row whose label is doubted: how likely it and another one are, and the places of alike rows with how much."""

    place: int
    given: str
    suggested: str
    given_share: float
    suggested_share: float
    alike: tuple[tuple[int, float], ...] = ()


@dataclass(frozen=True)
class Doubts:
    """How many rows were judged, of how many classes, how many are doubted, and the worst of these."""

    rows: int = 0
    classes: int = 0
    found: int = 0
    agreed: float = 0.0  # share of the rows whose label the classifier gives too
    first: list[Doubt] = field(default_factory=list)


def doubts(
    texts: Sequence[str],
    labels: Sequence[str],
    *,
    most: int = 2_000,
    progress: Progress = lambda _done, _total: None,
) -> Doubts:
    """Doubt the labels of these texts; the `most` worst are named. Rows without text or label are passed over."""
    import numpy as np

    sizes = Counter(label for text, label in zip(texts, labels, strict=True) if label and text.strip())
    names = sorted(label for label, rows in sizes.items() if rows >= SMALLEST)
    number = {label: at for at, label in enumerate(names)}
    places = [at for at, label in enumerate(labels) if label in number and texts[at].strip()]
    if len(names) < 2 or len(places) < FEWEST:
        return Doubts()
    plain = (text[:_LONGEST].encode("utf-8", "replace").decode() for text in unwrapped([texts[at] for at in places]))
    read = list(plain)  # half of a surrogate pair cannot be hashed
    given = np.array([number[labels[at]] for at in places])
    vectors = _vectors(read)
    shares = _out_of_fold(vectors, given, _keys(read), len(names), progress)
    order, suggested = _rule(shares, given)
    kept = order[:most]
    alike = _alike(vectors, kept)
    first = [
        Doubt(places[row], names[given[row]], names[suggested[row]], float(shares[row, given[row]]),
              float(shares[row, suggested[row]]), tuple((places[other], like) for other, like in alike[row]))
        for row in kept.tolist()
    ]  # fmt: skip
    agreed = float((shares.argmax(axis=1) == given).mean())
    return Doubts(len(places), len(names), len(order), agreed, first)


def _keys(texts: Sequence[str]) -> Any:
    """A number for each different text."""
    import numpy as np

    seen: dict[str, int] = {}
    return np.array([seen.setdefault(" ".join(text.casefold().split()), len(seen)) for text in texts])


def _vectors(texts: Sequence[str]) -> Any:
    """Hashed n-grams of characters and of words (of scripts that have spaces), weighted by how telling they are."""
    import numpy as np
    from sklearn.feature_extraction.text import HashingVectorizer, TfidfTransformer
    from sklearn.pipeline import FeatureUnion

    how = {"norm": None, "alternate_sign": False, "dtype": np.float32}
    characters = HashingVectorizer(analyzer="char", ngram_range=(1, 3), n_features=_CHARACTERS, **how)
    words = HashingVectorizer(analyzer="word", ngram_range=(1, 2), n_features=_WORDS, token_pattern=_WORD, **how)
    counts = FeatureUnion([("characters", characters), ("words", words)]).fit_transform(texts)
    return TfidfTransformer(sublinear_tf=True).fit_transform(counts).astype(np.float32).tocsr()


def _folds(given: Any, keys: Any, seed: int) -> Any:
    """The fold of each row: those of a class spread evenly, those with one text in one."""
    import numpy as np

    chance = np.random.default_rng(seed)
    _texts, first = np.unique(keys, return_index=True)
    of_text = np.empty(len(first), np.int64)
    for number in np.unique(given[first]):
        here = np.flatnonzero(given[first] == number)
        of_text[chance.permutation(here)] = (np.arange(len(here)) + chance.integers(FOLDS)) % FOLDS
    return of_text[keys]


def _out_of_fold(vectors: Any, given: Any, keys: Any, classes: int, progress: Progress) -> Any:
    """The probability of each class for each row, by models that were trained without it."""
    import numpy as np
    from sklearn.linear_model import SGDClassifier

    shares = np.zeros((len(given), classes))
    done, total = 0, ROUNDS * FOLDS * classes
    for seed in range(ROUNDS):
        folds = _folds(given, keys, seed)
        for fold in range(FOLDS):
            out = folds == fold
            learnt, asked, labels = vectors[~out], vectors[out], given[~out]
            found = np.zeros((asked.shape[0], classes))
            for number in range(classes):
                progress(done, total)
                done += 1
                is_it = labels == number
                if is_it.any() and not is_it.all() and len(found):
                    model = SGDClassifier(loss="log_loss", alpha=1e-5, max_iter=EPOCHS, tol=None, random_state=seed)
                    found[:, number] = 1 / (
                        1 + np.exp(-model.fit(learnt, is_it).decision_function(asked).clip(-50, 50))
                    )
            shares[out] += found / np.maximum(found.sum(axis=1, keepdims=True), 1e-12)
    progress(total, total)
    return shares / ROUNDS


def _rule(shares: Any, given: Any) -> tuple[Any, Any]:
    """The rows that are doubted, the least likely label first, and the label that is suggested for each row."""
    import numpy as np

    rows = np.arange(len(given))
    own = shares[rows, given]
    usual = np.bincount(given, own, shares.shape[1]) / np.maximum(np.bincount(given, minlength=shares.shape[1]), 1)
    others = np.where(shares >= np.minimum(usual, ENOUGH), shares, -1.0)
    others[rows, given] = -1.0
    suggested = others.argmax(axis=1)
    likely = others[rows, suggested]
    doubted = np.flatnonzero((likely > own) & (own < usual[given]))
    return doubted[np.lexsort((-likely[doubted], own[doubted]))], suggested


def _alike(vectors: Any, rows: Any) -> dict[int, list[tuple[int, float]]]:
    """For each of these rows the others that have the most in common with it, by what is rare in both."""
    import numpy as np

    if not len(rows):
        return {}
    seen = np.bincount(vectors.indices, minlength=vectors.shape[1])
    rare = np.flatnonzero((seen > 1) & (seen <= max(_FEW, _COMMON * vectors.shape[0])))
    reduced = vectors[:, rare].tocsr()
    found: dict[int, list[tuple[int, float]]] = {}
    for start in range(0, len(rows), _AT_ONCE):
        some = rows[start : start + _AT_ONCE]
        likeness = (reduced[some] @ reduced.T).tocsr()
        for at, row in enumerate(some.tolist()):
            begin, end = likeness.indptr[at], likeness.indptr[at + 1]
            others, scores = likeness.indices[begin:end], likeness.data[begin:end].copy()
            scores[others == row] = 0
            best = np.argsort(-scores, kind="stable")[:NEIGHBOURS]
            found[row] = [(int(others[n]), round(float(scores[n]), 4)) for n in best if scores[n] > 0]
    return found
