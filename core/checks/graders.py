"""Rules of a grader of reinforcement training: its kind, and the fields that it reads from every example."""

from __future__ import annotations

from typing import Any

from core.checks.issues import Issue, make
from core.dataset.examples import Body
from core.graders.definitions import TYPES, fields_of, parts_of

__all__ = ["check_fields", "check_grader", "fields_of"]


def check_grader(grader: Any) -> list[Issue]:
    """Every issue of the grader itself. A reinforcement job has one; a `multi` joins several."""
    if not isinstance(grader, dict):
        return [make("grader_invalid", "", grader)]
    if grader.get("type") not in TYPES:
        return [make("grader_type", "type", grader.get("type"), types=", ".join(TYPES))]
    if grader["type"] != "multi":
        return []
    parts, issues = parts_of(grader), []
    if not parts:
        return [make("grader_invalid", "graders", grader.get("graders"))]
    for name, part in parts.items():
        issues += [make(issue.code, f"graders.{name}", issue.seen, **issue.params) for issue in check_grader(part)]
    return issues


def check_fields(body: Body, fields: set[str]) -> list[Issue]:
    """The fields that a grader reads and this example lacks."""
    return [make("grader_field", name, name) for name in sorted(fields) if name not in body]
