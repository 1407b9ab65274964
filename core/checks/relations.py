"""How the examples of a set relate: exact repeats, near ones, contradictions, and leaks between its splits.

Repeats are exact where two rows hold the same JSON. Questions are near where they are the same after
normalisation or have most of their characters in common. A contradiction is the same question (after normalisation)
under the same instruction with another answer; two preferences contradict each other where they order the same two
answers differently. A leak is a question, the same or a near one, on both sides of a split.
"""

from __future__ import annotations

import json
from array import array
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import NamedTuple

import orjson

from core.checks.rowtexts import row_texts
from core.checks.sets import duplicates
from core.checks.similarity import Index, Pair, normal, unwrapped
from core.dataset.examples import Body, Split

Progress = Callable[[int], None]


class Twin(NamedTuple):
    """Two rows whose questions are alike, and how much: 1 is the same after normalisation."""

    row: int
    other: int
    score: float


@dataclass
class Relations:
    """What was found, as ids of rows; the first row of each group is the one that comes first in the set."""

    rows: int = 0
    exact: list[tuple[int, ...]] = field(default_factory=list)
    near: list[Twin] = field(default_factory=list)
    contradictions: list[tuple[int, ...]] = field(default_factory=list)
    leaks: list[Twin] = field(default_factory=list)
    to_train: list[int] = field(default_factory=list)
    companies: list[tuple[int, ...]] = field(default_factory=list)  # rows that are alike, directly or by others

    def counts(self) -> dict[str, int]:
        """How much of each there is, by the names that scripts rely on."""
        return {
            "repeat_groups": len(self.exact),
            "repeats": sum(len(group) - 1 for group in self.exact),
            "near_pairs": len(self.near),
            "contradictions": len(self.contradictions),
            "contradicting_rows": sum(map(len, self.contradictions)),
            "leaks": len(self.leaks),
        }


class Comparer:
    """Takes in the rows of a set one by one, keeps little of each, and relates them at the end."""

    def __init__(self) -> None:
        self._ids = array("q")
        self._exact, self._answers, self._systems = array("q"), array("q"), array("q")
        self._questions = array("q")
        self._numbers: dict[str, int] = {}
        self._parts = [str(Split.TRAIN)]
        self._part = bytearray()

    def add(self, row_id: int, body: Body, split: str = "") -> None:
        """One row; of rows without a question only exact repeats are found."""
        texts = row_texts(body)
        self._ids.append(row_id)
        self._exact.append(exact_key(body))
        self._answers.append(_of_text(texts.answer))
        self._systems.append(_of_text(f"{texts.system}\n{texts.among}" if texts.among else texts.system))
        question = normal(texts.asked)
        self._questions.append(self._numbers.setdefault(question, len(self._numbers)) if question else -1)
        if split and split not in self._parts:
            self._parts.append(split)
        self._part.append(self._parts.index(split) if split else 0)  # a row of no split is trained on as well

    def relate(self, progress: Progress | None = None) -> Relations:
        """What all rows have to do with each other; `progress` hears how many different questions were looked at."""
        asking = _Rows(self._questions, len(self._numbers))
        questions = unwrapped(list(self._numbers))
        self._numbers = {}
        alike = Index(questions, progress).pairs()
        companies = self._companies(asking, alike)
        return Relations(
            len(self._ids),
            [self._named(group) for group in _repeated(self._exact)],
            sorted(self._near(asking, alike), key=lambda twin: -twin.score),
            [self._named(group) for group in self._contradictions(asking)],
            sorted(self._leaks(asking, alike), key=lambda twin: -twin.score),
            list(self._named(sorted(self._moving(companies)))),
            [self._named(company) for company in companies],
        )

    def _named(self, places: Iterable[int]) -> tuple[int, ...]:
        return tuple(self._ids[place] for place in places)

    def _twin(self, one: int, two: int, score: float) -> Twin:
        return Twin(self._ids[one], self._ids[two], score)

    def _near(self, asking: _Rows, alike: Sequence[Pair]) -> Iterable[Twin]:
        """One pair for two different questions, and one for each other wording of the same with the same answer."""
        for number in asking.shared():
            first: dict[int, int] = {}
            told: set[int] = set()
            for place in asking[number]:
                before = first.setdefault(self._answers[place], place)
                if self._exact[place] != self._exact[before] and self._exact[place] not in told:
                    told.add(self._exact[place])
                    yield self._twin(before, place, 1.0)
        for pair in alike:
            one, two = sorted((asking[pair.first][0], asking[pair.second][0]))
            yield self._twin(one, two, pair.score)

    def _contradictions(self, asking: _Rows) -> Iterable[list[int]]:
        for number in asking.shared():
            under: dict[int, list[int]] = defaultdict(list)
            for place in asking[number]:
                under[self._systems[place]].append(place)
            yield from (some for some in under.values() if len({self._answers[place] for place in some}) > 1)

    def _leaks(self, asking: _Rows, alike: Sequence[Pair]) -> Iterable[Twin]:
        """Each held-out row that has a twin in another split, with the best one: the most alike, in train if it can."""
        if len(self._parts) < 2:
            return
        beside: dict[int, list[tuple[int, float]]] = defaultdict(list)
        for pair in alike:
            beside[pair.first].append((pair.second, pair.score))
            beside[pair.second].append((pair.first, pair.score))
        first: dict[int, dict[int, int]] = {}  # a question may have very many rows: one of each split is enough
        for place, part in enumerate(self._part):
            number = self._questions[place]
            if part == 0 or number < 0:
                continue
            twins = []
            for near, score in [(number, 1.0), *beside.get(number, ())]:
                if near not in first:
                    first[near] = {self._part[other]: other for other in reversed(asking[near])}
                twins += [(-score, in_part, other) for in_part, other in first[near].items() if in_part != part]
            if twins:
                score, _part, other = min(twins)
                yield self._twin(place, other, -score)

    def _companies(self, asking: _Rows, alike: Sequence[Pair]) -> list[list[int]]:
        """The rows whose questions are alike, be it by way of others, in order."""
        joined = _Joined()
        for number in {*asking.shared(), *(number for pair in alike for number in pair[:2])}:
            joined.add(number)
        for pair in alike:
            joined.join(pair.first, pair.second)
        return sorted(sorted(place for number in some for place in asking[number]) for some in joined.together())

    def _moving(self, companies: Iterable[list[int]]) -> list[int]:
        """The held-out rows that must be trained on, so that no question is on both sides of a split any more."""
        mixed = (company for company in companies if len({self._part[place] for place in company}) > 1)
        return [place for company in mixed for place in company if self._part[place]]


class _Rows:
    """The places of the rows that ask each question, in order."""

    def __init__(self, questions: Sequence[int], count: int) -> None:
        import numpy as np

        values = np.asarray(questions, dtype=np.int64)
        self._order = np.argsort(values, kind="stable")
        self._starts = np.searchsorted(values[self._order], np.arange(count + 1))

    def __getitem__(self, number: int) -> list[int]:
        places: list[int] = self._order[self._starts[number] : self._starts[number + 1]].tolist()
        return places

    def shared(self) -> list[int]:
        """The questions that more than one row asks."""
        import numpy as np

        numbers: list[int] = np.flatnonzero(np.diff(self._starts) > 1).tolist()
        return numbers


class _Joined:
    """Questions that belong together since they are alike."""

    def __init__(self) -> None:
        self._parent: dict[int, int] = {}

    def add(self, number: int) -> None:
        self._parent[number] = number

    def _root(self, number: int) -> int:
        while self._parent[number] != number:
            self._parent[number] = number = self._parent[self._parent[number]]
        return number

    def join(self, one: int, two: int) -> None:
        a, b = self._root(one), self._root(two)
        self._parent[b] = a

    def together(self) -> Iterable[list[int]]:
        groups: dict[int, list[int]] = defaultdict(list)
        for number in self._parent:
            groups[self._root(number)].append(number)
        return groups.values()


def exact_key(body: Body) -> int:
    """Equal for two rows that hold the same JSON, in whatever order its keys stand."""
    try:
        return _hash(orjson.dumps(body, option=orjson.OPT_SORT_KEYS))
    except (orjson.JSONEncodeError, UnicodeEncodeError):  # half of a surrogate pair
        return _hash(json.dumps(body, sort_keys=True).encode())


def _hash(data: bytes) -> int:
    return int.from_bytes(blake2b(data, digest_size=8).digest(), "little", signed=True)


def _of_text(text: str) -> int:
    return _hash(normal(text).encode("utf-8", "surrogatepass"))


def _repeated(values: Sequence[int]) -> list[list[int]]:
    """The places of each value that occurs more than once, in order."""
    import numpy as np

    groups: dict[int, list[int]] = {}
    places, firsts = duplicates(np.asarray(values, dtype=np.int64))
    for place, first in zip(places.tolist(), firsts.tolist(), strict=True):
        groups.setdefault(first, [first]).append(place)
    return [groups[first] for first in sorted(groups)]


def relate(rows: Iterable[tuple[int, Body, str]]) -> Relations:
    """The relations of these rows: (id, body, split)."""
    comparer = Comparer()
    for row_id, body, split in rows:
        comparer.add(row_id, body, split)
    return comparer.relate()


__all__ = ["Comparer", "Relations", "Twin", "exact_key", "relate"]
