"""Templates of graders: {{item.x}}, {{sample.output_text}}, {{sample.output_json.y}}, filled in with values."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

_PLACE = re.compile(r"\{\{\s*([A-Za-z_][\w.\[\]\-]*)\s*\}\}")
_STEP = re.compile(r"[^.\[\]]+")


class Missing(Exception):
    """A template names something that is not there."""


def fill(text: str, names: Mapping[str, Any]) -> str:
    """The text with every {{place}} replaced by its value; what is no text is written as JSON. Raises Missing."""
    return _PLACE.sub(lambda match: _written(_look_up(match[1], names)), text)


def places(value: Any) -> Iterator[str]:
    """Every place that the texts within a value name: "item.answer", "sample.output_text"."""
    waiting = [value]
    while waiting:
        value = waiting.pop()
        if isinstance(value, str):
            yield from _PLACE.findall(value)
        elif isinstance(value, dict):
            waiting.extend(value.values())
        elif isinstance(value, list):
            waiting.extend(value)


def first_step(place: str) -> tuple[str, str]:
    """The name space and the field of a place: ("item", "answer"); the field is empty where none is named."""
    steps = _STEP.findall(place)
    return steps[0], steps[1] if len(steps) > 1 else ""


def _look_up(place: str, names: Mapping[str, Any]) -> Any:
    value: Any = names
    for step in _STEP.findall(place):
        if isinstance(value, Mapping) and step in value:
            value = value[step]
        elif isinstance(value, list) and step.isdecimal() and len(step) < 9 and int(step) < len(value):
            value = value[int(step)]
        else:
            raise Missing(place)
    return value


def _written(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
