"""What was asked of a training, put in the place of what would be taken by itself."""

from __future__ import annotations

from collections.abc import Mapping

from core.server.engines.base import Number, SpecError
from core.words import T

_WHOLE = ("n_epochs", "batch_size", "eval_interval", "eval_samples")


def chosen(
    asked: Mapping[str, Number | str], automatic: Mapping[str, Number], ranges: Mapping[str, tuple[float, float]]
) -> dict[str, Number]:
    """The automatic numbers, each replaced by the one that was asked for. Raises SpecError for one out of range."""
    numbers = dict(automatic)
    for name in numbers:
        value = asked.get(name, "auto")
        if value != "auto":
            numbers[name] = _checked(name, value, *ranges[name])
    return numbers


def _checked(name: str, value: object, low: float, high: float) -> Number:
    whole = name in _WHOLE
    right = isinstance(value, (int, float)) and not isinstance(value, bool) and low <= value <= high
    if not isinstance(value, (int, float)) or not right or (whole and value != int(value)):
        message = T(
            '{name} is {seen}; it can be "auto" or a number from {low} to {high}.',
            name=name,
            seen=repr(value),
            low=low,
            high=high,
        )
        raise SpecError(f"hyperparameters.{name}", "invalid_value", message)
    return int(value) if whole else float(value)
