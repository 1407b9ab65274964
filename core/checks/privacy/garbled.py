"""Text that is UTF-8 but was read as Windows-1252 ("å¾®è°ƒ" for "微调"): recognised, and mended where it can be.

Only the mistaken encoding is mended: quotes, entities, widths and line breaks stay exactly as they are.
"""

from __future__ import annotations

import re

from core.checks.privacy.values import GARBLED, Span

# A first byte of UTF-8 and a second one, as Windows-1252 or Latin-1 show them.
_REST = (
    "\u0080-\u00bf\u0152\u0153\u0160\u0161\u0178\u017d\u017e\u0192\u02c6\u02dc\u2013\u2014"
    "\u2018-\u201e\u2020-\u2022\u2026\u2030\u2039\u203a\u20ac\u2122"
)
_PAIR = re.compile(f"[\u00c2-\u00f4][{_REST}]")
_RUN = re.compile(f"[\u00c2-\u00f4{_REST}\u00a0\ufffd]+")
_C1 = re.compile("[\u0080-\u009f]")
_LONGEST = 1 << 16  # characters of a line that are looked at; a longer one is no text of a person


def garbled(text: str) -> list[Span]:
    """The stretches of a text that were read in the wrong encoding."""
    if text.isascii() or not (_PAIR.search(text) or _C1.search(text)):
        return []
    found, at = [], 0
    for line in text.split("\n"):
        if len(line) <= _LONGEST and _fixed(line) != line:
            runs = list(_RUN.finditer(line))
            start, end = (runs[0].start(), runs[-1].end()) if runs else (0, len(line))
            found.append(Span(GARBLED, at + start, at + end))
        at += len(line) + 1
    return found


def mended(text: str) -> str:
    """The text read in the right encoding, line by line; where bytes are lost, U+FFFD marks the place."""
    if text.isascii() or not (_PAIR.search(text) or _C1.search(text)):
        return text
    return "\n".join(_fixed(line) if len(line) <= _LONGEST else line for line in text.split("\n"))


def _fixed(line: str) -> str:
    if not (_PAIR.search(line) or _C1.search(line)):
        return line
    from ftfy import fix_encoding

    for _round in range(4):  # text may have been mistaken more than once
        better = str(fix_encoding(line))
        if better == line:
            break
        line = better
    return line
