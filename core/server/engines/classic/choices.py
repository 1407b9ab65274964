"""What a closed model chooses among: whole answers, or for JSON answers a value of each field.

Each choice is made by one *head*, a softmax of its own over features that all heads share. An answer is the tuple of
its places, one a head.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from core.server.engines.classic.conversation import CLOSED_ANSWERS, CLOSED_LENGTH, CLOSED_SHARE, Answer

Places = tuple[int, ...]

# How the answers of a file may be written, as arguments of json.dumps; the first that most rows are written in is kept.
_LAYOUTS: dict[str, dict[str, Any]] = {
    "spaced": {},
    "tight": {"separators": (",", ":")},
    "indented": {"indent": 2},
    "indented by 4": {"indent": 4},
}
STYLES = {
    **{name: {**how, "ensure_ascii": False} for name, how in _LAYOUTS.items()},
    **{f"{name}, escaped": how for name, how in _LAYOUTS.items()},
}


@dataclass(frozen=True)
class Whole:
    """One head that chooses a whole answer."""

    answers: tuple[Answer, ...]

    @classmethod
    def of(cls, answers: Sequence[Answer]) -> Whole:
        """The different answers of a file, in an order that does not depend on the file's."""
        return cls(tuple(sorted(set(answers), key=lambda answer: (answer.kind, answer.text))))

    @property
    def sizes(self) -> tuple[int, ...]:
        """How many there are to choose from, head by head."""
        return (len(self.answers),)

    def places(self, answer: Answer) -> Places:
        """Where an answer stands; -1 for a head that does not know its part of it."""
        return (self._place.get(answer, -1),)

    def answer(self, places: Sequence[int]) -> Answer:
        """The answer of these places."""
        return self.answers[places[0]]

    @cached_property
    def _place(self) -> dict[Answer, int]:
        return {answer: place for place, answer in enumerate(self.answers)}


@dataclass(frozen=True)
class Fields:
    """A head for each field of a JSON object; `values` are the JSON texts that each field may have, `style` is how the
    file writes its answers."""

    keys: tuple[str, ...]
    values: tuple[tuple[str, ...], ...]
    style: str

    @property
    def sizes(self) -> tuple[int, ...]:
        """How many there are to choose from, head by head."""
        return tuple(map(len, self.values))

    def places(self, answer: Answer) -> Places:
        """Where the value of each field stands; -1 for one that is not known."""
        body = _object(answer)
        if body is None or set(body) != set(self.keys):
            return (-1,) * len(self.keys)
        return tuple(known.get(_told(body[key]), -1) for key, known in zip(self.keys, self._place, strict=True))

    def answer(self, places: Sequence[int]) -> Answer:
        """The object with these values, its keys in the file's order."""
        body = {key: json.loads(values[at]) for key, values, at in zip(self.keys, self.values, places, strict=True)}
        return Answer(json.dumps(body, **STYLES[self.style]))

    @cached_property
    def _place(self) -> tuple[dict[str, int], ...]:
        return tuple({value: place for place, value in enumerate(values)} for values in self.values)


Choices = Whole | Fields


def fields_of(answers: Sequence[Answer]) -> Fields | None:
    """The fields of JSON answers, where every answer is an object with the same keys and the values of every field are
    a set to choose from; None elsewhere, and where one field tells all the others."""
    bodies: list[dict[str, Any]] = []
    for answer in answers:
        body = _object(answer)
        if body is None or (bodies and body.keys() != bodies[0].keys()):
            return None
        bodies.append(body)
    if not bodies or len(bodies[0]) < 2:
        return None
    keys = Counter(tuple(body) for body in bodies).most_common(1)[0][0]
    told = {key: [_told(body[key]) for body in bodies] for key in keys}
    if not all(map(_is_closed, told.values())):
        return None
    values = tuple(tuple(sorted(set(told[key]))) for key in keys)
    if len(set(zip(*told.values(), strict=True))) <= max(map(len, values)):
        return None
    return Fields(keys, values, _style(answers, bodies))


def _object(answer: Answer) -> dict[str, Any] | None:
    if answer.kind != "text" or not answer.text.lstrip().startswith("{"):
        return None
    try:
        body = json.loads(answer.text)
    except (ValueError, RecursionError):
        return None
    return body if isinstance(body, dict) else None


def _told(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, sort_keys=True)


def _is_closed(values: Sequence[str]) -> bool:
    times = Counter(values)
    again = sum(count for count in times.values() if count > 1)
    short = all(len(value) <= CLOSED_LENGTH for value in times)
    return len(times) <= CLOSED_ANSWERS and short and again >= CLOSED_SHARE * len(values)


def _style(answers: Sequence[Answer], bodies: Sequence[dict[str, Any]]) -> str:
    """The style that most answers are written in, of those that none is written in the first."""
    some = list(zip(answers, bodies, strict=True))[:1_000]
    times = {name: sum(json.dumps(body, **how) == answer.text for answer, body in some) for name, how in STYLES.items()}
    return max(times, key=lambda name: times[name])
