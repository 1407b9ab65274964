"""The numbers of the command line: a wrong one is told in words."""

from __future__ import annotations

from argparse import ArgumentTypeError
from collections.abc import Callable

AUTO = "auto"


def whole(least: int = 1, most: int | None = None) -> Callable[[str], int]:
    """A whole number within bounds; 1,000 and 1_000 are the same."""

    def read(text: str) -> int:
        try:
            number = int(text.replace(",", "").replace("_", ""))
        except ValueError:
            raise ArgumentTypeError(f"“{text}” is no whole number") from None
        if number < least:
            raise ArgumentTypeError(f"must be at least {least}")
        if most is not None and number > most:
            raise ArgumentTypeError(f"must be at most {most}")
        return number

    return read


def whole_or_auto(text: str) -> int | str:
    """A whole number from 1 on, or auto."""
    return AUTO if text == AUTO else whole()(text)


def above_zero_or_auto(text: str) -> float | str:
    """A number above 0, or auto."""
    if text == AUTO:
        return AUTO
    try:
        number = float(text)
    except ValueError:
        raise ArgumentTypeError(f"“{text}” is neither a number nor auto") from None
    if not 0 < number < float("inf"):
        raise ArgumentTypeError("must be above 0")
    return number
