"""The answers that a grader knows beforehand: those that it compares the answer of a model with."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

from core.graders.definitions import parts_of

_ONE = re.compile(r"\s*\{\{\s*(item|sample)\.([\w.\-]+)\s*\}\}\s*")
_COMPARES = {"eq", "like", "ilike"}
MOST_ANSWERS, LONGEST_ANSWER, REPEATED = 500, 64, 0.8

Json = dict[str, Any]


def parts(grader: Json) -> list[Json]:
    """The graders that a grader is made of: itself, or those of a multi grader."""
    found = parts_of(grader).values() if grader.get("type") == "multi" else [grader]
    return [part for part in found if isinstance(part, dict)]


def answers_compared(grader: Json, items: Iterable[Json]) -> list[str]:
    """The answers that rows ask for: the values that the grader compares {{sample.output_text}} with, or an object of
    those that it compares {{sample.output_json.…}} with. Empty where it compares with no field of the item."""
    pairs = [pair for part in parts(grader) if (pair := _compared(part))]
    texts = [place for sample, place in pairs if sample == "output_text"]
    within = {sample.removeprefix("output_json."): place for sample, place in pairs if sample != "output_text"}
    answers = []
    for item in items:
        answers += [_text(value) for place in texts if (value := _value(item, place)) not in (None, "")]
        body = {key: _value(item, place) for key, place in within.items()}
        if body and None not in body.values():
            answers.append(json.dumps(body, ensure_ascii=False))
    return answers


def _compared(part: Json) -> tuple[str, str] | None:
    if part.get("type") not in ("string_check", "text_similarity") or part.get("operation", "eq") not in _COMPARES:
        return None
    found: dict[str, str] = {}
    for key in ("input", "reference"):
        if match := _ONE.fullmatch(str(part.get(key))):
            found[match[1]] = match[2]
    sample, item = found.get("sample"), found.get("item")
    if sample is None or item is None:
        return None
    flat = sample.startswith("output_json.") and "." not in sample.removeprefix("output_json.")
    return (sample, item) if sample == "output_text" or flat else None


def _value(item: Any, place: str) -> Any:
    for step in place.split("."):
        item = item.get(step) if isinstance(item, dict) else None
    return item


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def are_choices(answers: Sequence[str]) -> bool:
    """Whether answers are a set to choose from: 2 to 500 different ones of at most 64 characters, and four of five
    rows with one that comes at least twice."""
    times = Counter(answers)
    again = sum(count for count in times.values() if count > 1)
    return (
        2 <= len(times) <= MOST_ANSWERS and max(map(len, times)) <= LONGEST_ANSWER and again >= REPEATED * len(answers)
    )
