"""Tokens of images: by tiles or by patches, the two rules of OpenAI's vision guide.

Luopan opens no image while it counts, so an image in an example counts as the common case: gpt-4o, 1024 by 1024
pixels for "high" and "auto", the constant alone for "low".
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class TileRule:
    """A constant for each image and so many tokens for each tile of 512 by 512 pixels."""

    base: int
    per_tile: int

    def tokens(self, width: int, height: int, detail: str = "high") -> int:
        """Tokens of an image of this size in pixels."""
        if detail == "low":
            return self.base
        shrink = min(1.0, 2048 / max(width, height, 1))
        width, height = max(1, int(width * shrink)), max(1, int(height * shrink))
        shrink = min(1.0, 768 / min(width, height))
        return self.base + self.per_tile * math.ceil(width * shrink / 512) * math.ceil(height * shrink / 512)


@dataclass(frozen=True)
class PatchRule:
    """So many tokens for each patch of 32 by 32 pixels, at most 1,536 patches."""

    factor: float

    def tokens(self, width: int, height: int, detail: str = "high") -> int:
        """Tokens of an image of this size in pixels; `detail` makes no difference."""
        patches = math.ceil(width / 32) * math.ceil(height / 32)
        return math.ceil(min(patches, 1536) * self.factor)


# Tried in order: the first that the model's name begins with.
RULES: tuple[tuple[str, TileRule | PatchRule], ...] = (
    ("gpt-4.1-mini", PatchRule(1.62)),
    ("gpt-4.1-nano", PatchRule(2.46)),
    ("o4-mini", PatchRule(1.72)),
    ("gpt-4o-mini", TileRule(2833, 5667)),
    ("gpt-4", TileRule(85, 170)),
)
_USUAL = TileRule(85, 170)


def rule_for(model: str) -> TileRule | PatchRule:
    """The rule of a base model; the one of gpt-4o where the model is not known."""
    return next((rule for prefix, rule in RULES if model.startswith(prefix)), _USUAL)


def tokens_of_image(part: dict[str, Any]) -> int:
    """Tokens of an `image_url` part, taken as 1024 by 1024 pixels for gpt-4o."""
    image = part.get("image_url")
    detail = image.get("detail") if isinstance(image, dict) else None
    return _USUAL.tokens(1024, 1024, "low" if detail == "low" else "high")


def extra_tokens(model: str, low: int, high: int) -> int:
    """Tokens that so many images (in low detail, in any other) cost with this model more than they were counted."""
    rule = rule_for(model)
    ways = ((low, "low"), (high, "high"))
    return sum(number * (rule.tokens(1024, 1024, way) - _USUAL.tokens(1024, 1024, way)) for number, way in ways)
