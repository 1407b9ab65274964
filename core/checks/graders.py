"""Rules of a grader of reinforcement training: its kind, and the fields that it reads from every example."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from core.checks.issues import Issue, make
from core.dataset.examples import Body

TYPES = ("string_check", "text_similarity", "score_model", "python", "multi")
_ITEM = re.compile(r"\{\{\s*item\.([A-Za-z_]\w*)")


def check_grader(grader: Any) -> list[Issue]:
    """Every issue of the grader itself. A reinforcement job has one; a `multi` joins several."""
    if not isinstance(grader, dict):
        return [make("grader_invalid", "", grader)]
    issues = []
    if grader.get("type") not in TYPES:
        issues.append(make("grader_type", "type", grader.get("type"), types=", ".join(TYPES)))
    if grader.get("type") == "multi":
        parts = grader.get("graders")
        if not isinstance(parts, dict | list) or not parts:
            return [*issues, make("grader_invalid", "graders", parts)]
        named = parts.items() if isinstance(parts, dict) else enumerate(parts if parts else ())
        for name, part in named:
            issues += [make(issue.code, f"graders.{name}", issue.seen, **issue.params) for issue in check_grader(part)]
    return issues


def fields_of(grader: Any) -> set[str]:
    """The fields that the grader reads: x of each {{item.x}}, wherever it stands."""
    return {name for text in _texts(grader) for name in _ITEM.findall(text)}


def check_fields(body: Body, fields: set[str]) -> list[Issue]:
    """The fields that a grader reads and this example lacks."""
    return [make("grader_field", name, name) for name in sorted(fields) if name not in body]


def _texts(value: Any) -> Iterator[str]:
    waiting = [value]
    while waiting:
        value = waiting.pop()
        if isinstance(value, str):
            yield value
        elif isinstance(value, dict):
            waiting.extend(value.values())
        elif isinstance(value, list):
            waiting.extend(value)
