"""What the preparer finds in rows: how much it weighs, what is said of it, and the fix that mends it."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Iterator
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import partial
from typing import cast

from core.dataset.fixes import Fix
from core.dataset.fixrows import Columns, Row, Rows, chunks
from core.words import Text

REPEATS = "duplicates"  # the finding whose fix has to know all rows before


class Weight(StrEnum):
    """How much a finding weighs."""

    REQUIRED = "required"
    OPTIONAL = "optional"
    STOP = "stop"
    INFO = "info"


@dataclass(frozen=True)
class Shown:
    """One row before a fix and after it: no row where it is removed, several where it is split."""

    before: Row
    after: tuple[Row, ...]


@dataclass(frozen=True)
class Finding:
    """What was found (`sentence`), and what can be done about it (`question`, `fix`), shown on a few rows."""

    code: str
    severity: Weight
    sentence: Text
    question: Text | None = None
    fix: Fix | None = None
    preview: tuple[Shown, ...] = ()
    count: int = 0
    ways: tuple[tuple[str, Text, Fix, tuple[Shown, ...]], ...] = ()

    def apply(self, rows: Rows) -> Iterator[Columns]:
        """The rows after the fix; as they are where there is none."""
        return self.fix(rows) if self.fix else chunks(rows)

    def by(self, way: str) -> Finding:
        """The same finding, mended in another of its ways ("remove", "trim" or "split")."""
        chosen = next((found for found in self.ways if found[0] == way), None)
        return replace(self, question=chosen[1], fix=chosen[2], preview=chosen[3]) if chosen else self

    def sparing(self, spared: Container[int]) -> Finding:
        """The same finding; of rows that say the same as an earlier one these stay."""
        return replace(self, fix=partial(cast(Callable[..., Iterator[Columns]], self.fix), spared=spared))


def apply(findings: Iterable[Finding], rows: Rows) -> Iterator[Columns]:
    """The rows after all these fixes, in order."""
    for finding in findings:
        rows = finding.apply(rows)
    return chunks(rows)
