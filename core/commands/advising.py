"""The preparer's advice on the command line: drawn, told, and as JSON."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from core.words import _

if TYPE_CHECKING:
    from core.dataset.examples import Kind
    from core.dataset.findings import Finding
    from core.dataset.fixrows import Row, Rows

CHAT_LIMIT = 65_536  # tokens
ENCODING = "o200k_base"


def findings(rows: Callable[[], Rows], kind: Kind) -> list[Finding]:
    """What the preparer says of these rows: completions are measured in characters, all others in tokens."""
    from core.dataset.advice import advise
    from core.dataset.examples import Kind
    from core.dataset.lengths import in_tokens

    if kind is Kind.COMPLETION:
        return advise(rows, kind)
    return advise(rows, kind, measure=in_tokens(kind, ENCODING, CHAT_LIMIT), limit=CHAT_LIMIT)


def as_dict(finding: Finding, applied: bool = False) -> dict[str, Any]:
    """A finding as JSON values."""
    return {
        "code": finding.code,
        "severity": finding.severity.value,
        "sentence": str(finding.sentence),
        "fix": str(finding.question) if finding.question else None,
        "count": finding.count,
        "applied": applied,
        "preview": [
            {"row": shown.before.id, "before": _texts(shown.before), "after": [_texts(row) for row in shown.after]}
            for shown in finding.preview
        ],
    }


def _texts(row: Row) -> list[str]:
    return [row.question, row.answer]


def told(found: list[Finding]) -> list[str]:
    """What is said where nobody can be asked."""
    lines = [f"- {finding.sentence}" for finding in found if finding.question or finding.severity == "stop"]
    return ["", _("Advice (-q takes it):"), *lines] if lines else []
