"""A rule of the table: its severity, what was found, and what to do about it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from core.words import Text


class Severity(StrEnum):
    """An error blocks the launch, a warning may cost quality, an advice is worth knowing."""

    ERROR = "error"
    WARNING = "warning"
    ADVICE = "advice"


@dataclass(frozen=True)
class Rule:
    """What a code means: its severity, what was found, and what to do about it."""

    severity: Severity
    found: Text
    advice: Text


def error(found: Text, todo: Text) -> Rule:
    """A rule that blocks the launch when broken."""
    return Rule(Severity.ERROR, found, todo)


def warning(found: Text, todo: Text) -> Rule:
    """A rule that may cost quality when broken."""
    return Rule(Severity.WARNING, found, todo)


def advice(found: Text, todo: Text) -> Rule:
    """Something worth knowing."""
    return Rule(Severity.ADVICE, found, todo)
