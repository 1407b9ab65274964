"""Personal data and secrets in a text. A quick look rules most texts out before any pattern is tried."""

from __future__ import annotations

import re
from bisect import bisect
from collections.abc import Callable, Iterator

from core.checks.privacy.announced import PASSWORDS, announced, passwords
from core.checks.privacy.credentials import (
    HUGGING,
    SIGNS,
    SPELT,
    WORDS,
    credentials,
    dotted_keys,
    emails,
    named_secrets,
    spelt_emails,
)
from core.checks.privacy.nationals import nationals
from core.checks.privacy.numbers import addresses, cards, ibans, residents, social_security
from core.checks.privacy.phones import phones
from core.checks.privacy.values import IS_WIDE, PERSONAL, WIDE, Span

_DIGITS = b"0123456789"
_FEWEST = 6  # digits in the shortest number that is looked for
_RANK = {kind: rank for rank, kind in enumerate(PERSONAL)}
_RUN = re.compile(r"[0-9](?:[ .\-/()]{0,2}[0-9]){5}")  # digits of one number, as most numbers are written
_Look = Callable[[str], Iterator[Span]]
_LETTERED: tuple[_Look, ...] = (announced, ibans, nationals, dotted_keys)  # these have letters between their digits
_NUMBERS: tuple[_Look, ...] = (*_LETTERED, residents, cards, social_security, phones)


def scan(text: str) -> list[Span]:
    """What a text gives away, in its order; finds never overlap."""
    if not text.isascii() and IS_WIDE.search(text):
        text = text.translate(WIDE)  # as long as before, so the places stay
    if not suspicious(text):
        return []
    found: list[Span] = []
    if any(sign in text for sign in SIGNS):
        found += credentials(text)
    small = text.lower()
    if any(word in small for word in WORDS):
        found += named_secrets(text)
    if any(word in small for word in PASSWORDS):
        found += passwords(text)
    if "@" in text:
        found += emails(text)
    if any(sign in small for sign in SPELT):
        found += spelt_emails(text)
    if digits(text) >= _FEWEST:
        for look in _NUMBERS if _RUN.search(text) else _LETTERED:
            found += look(text)
    found += addresses(text)
    return _apart(found) if found else found


def suspicious(text: str) -> bool:
    """Whether a text can hold anything at all: half a microsecond for a short one. Joined texts may be asked too."""
    count = digits(text)
    if count >= 4 or "@" in text or "＠" in text or text.count(":") >= 2 or "-----BEGIN" in text or "eyJ" in text:
        return True
    if HUGGING in text:
        return True
    small = text.lower()
    if count and (any(sign in text for sign in SIGNS) or any(word in small for word in PASSWORDS)):
        return True  # no other key and no password without a digit
    return any(sign in small for sign in SPELT)


def digits(text: str) -> int:
    """How many ASCII digits a text holds."""
    data = text.encode("utf-8", "surrogatepass")
    return len(data) - len(data.translate(None, _DIGITS))


def _apart(found: list[Span]) -> list[Span]:
    """The finds without those that overlap a graver or, of the same kind, a longer one."""
    taken: list[tuple[int, int, str]] = []
    for kind, start, end in sorted(set(found), key=lambda it: (_RANK[it.kind], it.start - it.end, it.start)):
        place = bisect(taken, (start, end, ""))
        free_before = not place or taken[place - 1][1] <= start
        if free_before and (place == len(taken) or taken[place][0] >= end):
            taken.insert(place, (start, end, kind))
    return [Span(kind, start, end) for start, end, kind in taken]
