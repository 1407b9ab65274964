"""The one table of what checks can find: code -> severity, what was found, what to do."""

from __future__ import annotations

import re

from core.checks.rule import Rule, Severity
from core.checks.sentences.kinds import OTHER_KINDS
from core.checks.sentences.lines import LINES
from core.checks.sentences.messages import MESSAGES, PARTS
from core.checks.sentences.sets import SETS
from core.checks.sentences.targets import TARGETS
from core.checks.sentences.tools import TOOLS
from core.words import Text, _

RULES: dict[str, Rule] = {**LINES, **MESSAGES, **PARTS, **TOOLS, **OTHER_KINDS, **SETS, **TARGETS}
_FIELD = re.compile(r"\{(\w+)\}")


def issue_table() -> dict[str, Severity]:
    """Every code with its severity."""
    return {code: rule.severity for code, rule in RULES.items()}


def sentence_of(code: str) -> str:
    """What a code means and what to do, in the current language, without the particulars of one case."""
    rule = RULES[code]
    return f"{_general(rule.found)} {_general(rule.advice)}"


def _general(text: Text) -> str:
    return _(text.sentence, **dict.fromkeys(_FIELD.findall(text.sentence), "…"))
