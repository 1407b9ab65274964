"""What a training would take, told before there is one: from the size of its data alone."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

from core.server.engines.said import told_with
from core.words import Text

Fits = Literal["yes", "perhaps", "no", "unknown"]


@dataclass(frozen=True)
class Size:
    """A training by its size: `rows` examples of `tokens` in all, the longest of `longest`."""

    base_model: str
    method: str
    rows: int
    tokens: int
    longest: int
    hyperparameters: dict[str, int | float | str] = field(default_factory=dict)


@dataclass(frozen=True)
class Forecast:
    """Whether it would be begun, what it would take, and a sentence that says so; None for what is not known."""

    fits: Fits
    seconds: float | None
    memory_bytes: int
    free_bytes: int | None
    sentence: Text

    def as_json(self) -> dict[str, Any]:
        """As it is sent."""
        numbers = {
            "seconds": None if self.seconds is None else round(self.seconds, 1),
            "memory_bytes": self.memory_bytes,
            "free_bytes": self.free_bytes,
        }
        return {"fits": self.fits, **numbers, **told_with("message", self.sentence)}
