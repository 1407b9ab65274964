"""The report of a check: the figures of a set, how often each issue occurs, and the first of each in full."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from core.checks.issues import Issue
from core.tokens import DEFAULT, Distribution

DEFAULT_LIMIT = 65_536


@dataclass
class Report:
    """What a check found in a set: the figures, how often each issue occurs, and the first of each in full."""

    format: str | None = None
    encoding: str = DEFAULT
    limit: int = DEFAULT_LIMIT
    examples: int = 0
    errors: int = 0
    warnings: int = 0
    issues: dict[str, int] = field(default_factory=dict)
    missing_system: int = 0
    missing_user: int = 0
    over_limit: int = 0
    epochs: int = 0
    billable_tokens: int = 0
    charged_tokens: int = 0
    tokens: Distribution = field(default_factory=Distribution)
    assistant_tokens: Distribution = field(default_factory=Distribution)
    with_tools: int = 0
    details: list[Issue] = field(default_factory=list, repr=False)

    @property
    def ok(self) -> bool:
        """Whether nothing stands in the way of training."""
        return self.errors == 0

    def as_json(self) -> dict[str, Any]:
        """The figures and the counts of the issues as plain values, by the names that scripts rely on."""
        plain = {name: value for name, value in vars(self).items() if name not in ("with_tools", "details")}
        return {**plain, "tokens": self.tokens.as_json(), "assistant_tokens": self.assistant_tokens.as_json()}
