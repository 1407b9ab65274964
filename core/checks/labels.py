"""Label names that look like slips of one another: another case or width, a space more, a letter wrong."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping
from typing import NamedTuple
from unicodedata import normalize

MOST = 2_000  # different labels; beyond that they are free text
RARE = 5  # a slip is at least so many times rarer than the name that was meant
RARE_SHORT = 20  # and so many times where a single character makes another word: short names, Chinese ones
LONG = 10  # characters from which on two letters may be wrong
_IDLE = re.compile(r"[\s_\-.·/\\,;:!?。、“”‘’\"']+")
_DIGITS = re.compile(r"\d+")


class Slip(NamedTuple):
    """A label, how often it occurs, the name that was probably meant, and why: "form" or "letters"."""

    label: str
    rows: int
    meant: str
    meant_rows: int
    why: str


def slips(counts: Mapping[str, int]) -> list[Slip]:
    """The labels that are probably another label written wrongly, the most frequent first."""
    named = {label: rows for label, rows in counts.items() if label.strip()}
    if len(named) > MOST:
        return []
    order = sorted(named, key=lambda label: (-named[label], label))
    found = _same_form(order, named)
    slipped = {slip.label for slip in found}
    rest = [label for label in order if label not in slipped]
    return sorted([*found, *_wrong_letters(rest, named)], key=lambda slip: (-slip.rows, slip.label))


def _same_form(order: list[str], counts: Mapping[str, int]) -> list[Slip]:
    groups: dict[str, list[str]] = defaultdict(list)
    for label in order:
        groups[plain(label)].append(label)
    return [
        Slip(label, counts[label], group[0], counts[group[0]], "form")
        for key, group in groups.items() if key
        for label in group[1:]
    ]  # fmt: skip


def _wrong_letters(order: list[str], counts: Mapping[str, int]) -> list[Slip]:
    from rapidfuzz.distance import OSA

    plains = [plain(label) for label in order]
    found = []
    for at, label in enumerate(order):
        for before in range(at):  # the commonest name is taken first
            most = _allowed(plains[at], plains[before], counts[order[before]] / max(1, counts[label]))
            if most and OSA.distance(plains[at], plains[before], score_cutoff=most) <= most:
                found.append(Slip(label, counts[label], order[before], counts[order[before]], "letters"))
                break
    return found


def _allowed(one: str, two: str, times: float) -> int:
    """How many letters may differ between a rare and a common name; 0 where they are names of their own."""
    shorter = min(len(one), len(two))
    if times < RARE or abs(len(one) - len(two)) > 2 or _DIGITS.findall(one) != _DIGITS.findall(two):
        return 0
    if not (one.isascii() and two.isascii()):
        return 1 if (shorter >= 4 and times >= RARE_SHORT) or sorted(one) == sorted(two) else 0
    if shorter >= LONG and times >= RARE_SHORT:
        return 2
    return 1 if shorter >= 5 or (shorter >= 3 and times >= RARE_SHORT) else 0


def plain(label: str) -> str:
    """A label without case, width, spaces, the marks that stand for them, and punctuation."""
    folded = normalize("NFKC", label).casefold()
    return _IDLE.sub("", folded) or folded
