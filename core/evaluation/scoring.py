"""Scores of the models of an evaluation. A score that no data supports is None, never 0."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from core.evaluation.calls import readable
from core.store import Store
from core.store.evaluations import Answer, ModelRef
from core.words import T, Text

# Answers form a closed set where they are few, short and repeated.
CLOSED_LABELS = 500
CLOSED_LENGTH = 64  # characters
MEASURED = 20_000  # characters of a text that are held against another
CLOSED_REPEATED = 0.8  # share of the rows whose answer occurs at least twice


@dataclass(frozen=True)
class LabelScore:
    """One label. Precision is None where the model never said it, recall where no row expects it."""

    label: str
    precision: float | None
    recall: float | None
    f1: float | None
    support: int


@dataclass(frozen=True)
class ModelScore:
    """How one model did. Shares are 0 to 1; `right`, `accuracy` and the rest look at rows that were answered.

    `confusion[i][j]` counts rows that expect `labels[i]` and were answered `labels[j]`; one more column at the end
    counts answers that are none of the labels. `interval` is the 95 % Wilson interval of the accuracy.
    `similarity` (chrF, 0 to 1) is for open answers only; labels, F1 and confusion for a closed set only.
    """

    ref: ModelRef
    rows: int
    answered: int
    errors: int
    right: int
    accuracy: float | None
    interval: tuple[float, float] | None
    macro_f1: float | None
    per_class: tuple[LabelScore, ...]
    labels: tuple[str, ...]
    confusion: tuple[tuple[int, ...], ...]
    similarity: float | None
    seconds_median: float | None
    seconds_p95: float | None

    def as_json(self) -> dict[str, Any]:
        """The figures as plain values."""
        plain = {name: getattr(self, name) for name in self.__dataclass_fields__ if name not in ("ref", "per_class")}
        return {"model": self.ref.model, **plain, "per_class": [vars(score) for score in self.per_class]}


@dataclass(frozen=True)
class Paired:
    """Two models on the rows that both answered: how often each is right, and alone so.

    Where the answers are free texts (`is_open`) nearly none is right to the letter: then it is how often each alone is
    nearer to the expected answer. `p` is McNemar's exact two-sided probability of such a gap by chance (the sign
    test's, which is the same sum); None where they never differ.
    """

    first: ModelRef
    second: ModelRef
    rows: int
    first_right: int
    second_right: int
    only_first: int
    only_second: int
    p: float | None
    is_open: bool = False

    @property
    def sentence(self) -> Text:
        """The comparison in words."""
        if self.is_open:
            return T(
                "{second} is nearer to the expected answer in {n} of {rows} {rows:row|rows}; {first} in {m}.",
                second=T(self.second.name),
                n=f"{self.only_second:,}",
                rows=f"{self.rows:,}",
                first=T(self.first.name),
                m=f"{self.only_first:,}",
            )
        return T(
            "{second} is right on {n} of {rows} {rows:row|rows}; {first} on {m}.",
            second=T(self.second.name),  # a name that the app gave is read in the reader's language
            n=f"{self.second_right:,}",
            rows=f"{self.rows:,}",
            first=T(self.first.name),
            m=f"{self.first_right:,}",
        )

    @property
    def verdict(self) -> Text:
        """Whether the gap can be trusted, in words."""
        if not self.rows:
            return T("No row was answered by both, so they cannot be compared yet.")
        if self.p is None and self.is_open:
            return T("Both are equally near everywhere.")
        if self.p is None:
            return T("They are right and wrong on the same rows.")
        if self.p < 0.05:
            better = self.second if self.only_second > self.only_first else self.first
            return T(
                "So {model} is better; a gap like this is hardly chance (p {p}).", model=T(better.name), p=_p(self.p)
            )
        return T("A gap this small can be chance (p {p}); more rows would tell.", p=_p(self.p))


def scores(store: Store, evaluation_id: int) -> list[ModelScore]:
    """The scores of every model of an evaluation so far, in its order."""
    evaluation = store.evaluations.get(evaluation_id)
    expected = {question.number: question.expected for question in store.evaluations.questions(evaluation_id)}
    answers = list(store.evaluations.answers(evaluation_id))
    closed = is_closed(list(expected.values()))
    return [
        score(ref, expected, [answer for answer in answers if answer.model == place], closed=closed)
        for place, ref in enumerate(evaluation.models)
    ]


def score(ref: ModelRef, expected: Mapping[int, str], answers: Sequence[Answer], *, closed: bool) -> ModelScore:
    """The score of one model: `expected` by row number, its answers, and whether the answers form a closed set."""
    good = [answer for answer in answers if answer.error is None]
    judged = [answer for answer in good if answer.correct is not None]
    right = sum(bool(answer.correct) for answer in judged)
    pairs = [(expected[answer.number].strip(), answer.text.strip()) for answer in judged]
    labels = tuple(label for label, _n in Counter(filter(None, map(str.strip, expected.values()))).most_common())
    per_class, macro, confusion = _classes(labels, pairs) if closed and pairs else ((), None, ())
    seconds = [answer.seconds for answer in good]
    return ModelScore(
        ref=ref,
        rows=len(expected),
        answered=len(good),
        errors=len(answers) - len(good),
        right=right,
        accuracy=right / len(judged) if judged else None,
        interval=_wilson(right, len(judged)) if judged else None,
        macro_f1=macro,
        per_class=per_class,
        labels=labels if closed else (),
        confusion=confusion,
        similarity=_similarity(pairs) if pairs and not closed else None,
        seconds_median=_quantile(seconds, 0.5),
        seconds_p95=_quantile(seconds, 0.95),
    )


def paired(store: Store, evaluation_id: int, first: int = 0, second: int = -1) -> Paired:
    """The comparison of two models of an evaluation, named by their places."""
    models = store.evaluations.get(evaluation_id).models
    answers = list(store.evaluations.answers(evaluation_id))
    one, other = ([a for a in answers if a.model == place % len(models)] for place in (first, second))
    expected = {question.number: question.expected for question in store.evaluations.questions(evaluation_id)}
    return pair(models[first], one, models[second], other, None if is_closed(list(expected.values())) else expected)


def pair(
    first: ModelRef,
    one: Sequence[Answer],
    second: ModelRef,
    other: Sequence[Answer],
    open_to: Mapping[int, str] | None = None,
) -> Paired:
    """The comparison of two models' answers on the rows that both answered; `open_to` are the expected answers by row
    where they are free texts."""
    if open_to is not None:
        return _nearer(first, one, second, other, open_to)
    before = {answer.number: answer.correct for answer in one if answer.correct is not None}
    after = {answer.number: answer.correct for answer in other if answer.correct is not None}
    both = before.keys() & after.keys()
    only_first = sum(bool(before[n] and not after[n]) for n in both)
    only_second = sum(bool(after[n] and not before[n]) for n in both)
    return Paired(
        first=first,
        second=second,
        rows=len(both),
        first_right=sum(bool(before[n]) for n in both),
        second_right=sum(bool(after[n]) for n in both),
        only_first=only_first,
        only_second=only_second,
        p=_mcnemar(only_first, only_second),
    )


def _nearer(
    first: ModelRef, one: Sequence[Answer], second: ModelRef, other: Sequence[Answer], expected: Mapping[int, str]
) -> Paired:
    """On how many rows each of two models alone is nearer to the expected text."""
    before, after = ({a.number: a for a in answers if a.correct is not None} for answers in (one, other))
    both = before.keys() & after.keys()
    gaps = [_nearness(after[n], expected[n]) - _nearness(before[n], expected[n]) for n in both]
    only_first, only_second = sum(gap < 0 for gap in gaps), sum(gap > 0 for gap in gaps)
    right = [sum(bool(said[n].correct) for n in both) for said in (before, after)]
    p = _mcnemar(only_first, only_second)
    return Paired(first, second, len(both), right[0], right[1], only_first, only_second, p, is_open=True)


def _nearness(answer: Answer, expected: str) -> float:
    """How much of two texts is the same, 0 to 1; what is right counts as the same to the letter."""
    from rapidfuzz.distance import Indel

    if answer.correct:
        return 1.0
    return Indel.normalized_similarity(answer.text.strip()[:MEASURED], expected.strip()[:MEASURED])


def is_right(expected: str, answer: str) -> bool | None:
    """Whether an answer is what was expected, spaces around it and ids of calls aside; None where nothing was."""
    return readable(answer).strip() == readable(expected).strip() if expected.strip() else None


def is_closed(expected: Sequence[str]) -> bool:
    """Whether these answers form a closed set (500 at most, 64 characters at most, 80 % of rows repeated)."""
    counts = Counter(filter(None, (text.strip() for text in expected)))
    repeated = sum(n for n in counts.values() if n > 1)
    return (
        0 < len(counts) <= CLOSED_LABELS
        and max(map(len, counts)) <= CLOSED_LENGTH
        and repeated >= CLOSED_REPEATED * sum(counts.values())
    )


def _classes(
    labels: tuple[str, ...], pairs: Sequence[tuple[str, str]]
) -> tuple[tuple[LabelScore, ...], float | None, tuple[tuple[int, ...], ...]]:
    import numpy
    from sklearn.metrics import confusion_matrix, precision_recall_fscore_support

    place = {label: i for i, label in enumerate(labels)}
    other = len(labels)
    wanted = [place[expected] for expected, _answer in pairs]
    said = [place.get(answer, other) for _expected, answer in pairs]
    columns = precision_recall_fscore_support(wanted, said, labels=range(other), zero_division=numpy.nan)
    per_class = tuple(
        LabelScore(label, _known(precision), _known(recall), _known(f1), int(support))
        for label, precision, recall, f1, support in zip(labels, *columns, strict=True)
    )
    known = [each.f1 for each in per_class if each.f1 is not None and each.support]
    matrix = confusion_matrix(wanted, said, labels=range(other + 1))[:other]
    macro = sum(known) / len(known) if known else None
    return per_class, macro, tuple(tuple(int(n) for n in row) for row in matrix)


def _known(value: float) -> float | None:
    return None if value != value else float(value)


def _wilson(right: int, rows: int) -> tuple[float, float]:
    interval = _binomial(right, rows).proportion_ci(method="wilson")
    return float(interval.low), float(interval.high)


def _mcnemar(only_first: int, only_second: int) -> float | None:
    discordant = only_first + only_second
    return float(_binomial(only_first, discordant).pvalue) if discordant else None


def _binomial(successes: int, trials: int) -> Any:
    from scipy.stats import binomtest  # type: ignore[import-untyped]

    return binomtest(successes, trials)


def _similarity(pairs: Sequence[tuple[str, str]]) -> float:
    from sacrebleu.metrics.chrf import CHRF

    expected, said = zip(*pairs, strict=True)
    return float(CHRF().corpus_score(list(said), [list(expected)]).score) / 100


def _quantile(seconds: Sequence[float], share: float) -> float | None:
    import numpy

    return float(numpy.quantile(seconds, share)) if seconds else None


def _p(p: float) -> str:
    return "< 0.001" if p < 0.001 else f"= {p:.3f}"
