"""How long an example is in tokens, for the preparer: the few that may be too long are counted, the others are not."""

from __future__ import annotations

from functools import partial

from core.dataset.examples import Kind, load
from core.dataset.fixes import FRAME, Measure
from core.dataset.fixrows import Row, line_of


def in_tokens(kind: Kind, encoding: str, limit: int) -> Measure:
    """The tokens of an example; 0 where it is so short that it cannot reach the limit."""
    return partial(_tokens, kind=kind, encoding=encoding, limit=limit)


def _tokens(row: Row, kind: Kind, encoding: str, limit: int) -> int:
    # A character is at most four bytes, and a token at least one.
    if 4 * (len(row.question) + len(row.answer) + len(row.rest) + FRAME) <= limit:
        return 0
    from core.tokens import count_body

    try:
        return count_body(load(line_of(row, kind)), encoding).tokens
    except ValueError:
        return 0
