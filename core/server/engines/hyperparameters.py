"""The numbers that a training can be asked with: one range for each, the same for the server and for every engine.

They are those that OpenAI documents. A learning rate has no upper end there; here it has one, above which no model
learns any more.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from core.server.engines.base import Number, SpecError
from core.words import T, Text


@dataclass(frozen=True)
class Range:
    """A range of numbers: from `least` on, or `above` something, up to `most`."""

    most: float
    least: float | None = None
    above: float | None = None
    whole: bool = False

    def holds(self, value: object) -> bool:
        """Whether a value is a number within."""
        if not isinstance(value, int | float) or isinstance(value, bool) or not -1e300 < value < 1e300:
            return False
        if (self.whole and value != int(value)) or value > self.most:
            return False
        return (self.least is None or value >= self.least) and (self.above is None or value > self.above)

    @property
    def words(self) -> Text:
        """The range as a sentence goes on to say it."""
        ends = {"low": _plain(self.least if self.above is None else self.above), "high": _plain(self.most)}
        if self.above is not None:
            return T("a number above {low}, at most {high}", **ends)
        if self.whole:
            return T("a whole number from {low} to {high}", **ends)
        return T("a number from {low} to {high}", **ends)


def _plain(number: float | None) -> str:
    return f"{number:f}".rstrip("0").rstrip(".")


LARGEST = 2**31 - 1
RANGES = {
    "n_epochs": Range(least=1, most=50, whole=True),
    "batch_size": Range(least=1, most=256, whole=True),
    "learning_rate_multiplier": Range(above=0, most=1_000),
    "beta": Range(above=0, most=2),
    "compute_multiplier": Range(above=0.00001, most=10),
    "eval_interval": Range(least=1, most=LARGEST, whole=True),
    "eval_samples": Range(least=1, most=LARGEST, whole=True),
}


def chosen(asked: Mapping[str, Number | str], automatic: Mapping[str, Number]) -> dict[str, Number]:
    """The automatic numbers, each replaced by the one that was asked for. Raises SpecError for one out of range."""
    numbers = dict(automatic)
    for name in numbers:
        value = asked.get(name, "auto")
        if value != "auto":
            numbers[name] = _checked(name, value)
    return numbers


def _checked(name: str, value: Number | str) -> Number:
    if isinstance(value, str) or not RANGES[name].holds(value):
        message = T('{name} is {seen}; it can be "auto" or {words}.', name=name, seen=repr(value)[:80],
                    words=RANGES[name].words)  # fmt: skip
        raise SpecError(f"hyperparameters.{name}", "invalid_value", message)
    return int(value) if RANGES[name].whole else float(value)
