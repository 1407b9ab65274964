"""What two texts are compared by: without case, width, spaces and the marks that carry no meaning."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from unicodedata import normalize

LONGEST = 8_000  # characters of a text that are compared
LEAD = 12  # characters that a wrapping must at least share
COMMON = 200  # so many different texts that begin or end alike are a wrapping, whatever the size of the set

# Only marks that a reader could leave out: "C" and "C++", "3-5" and "3+5" stay what they are.
_IDLE = r"\s\x00-\x1f\x7f_!\"'()\[\]{}`;?\u200b-\u200f\u2060\ufeff‘’“”«»‹›„…—–·•、。〈〉《》「」『』【】〔〕〖〗¡¿"
_ASCII = re.compile(r"[\s\x00-\x1f\x7f_!\"'()\[\]{}`;?]+|(?<!\d)[.,:]|[.,:](?!\d)", re.ASCII)
_ANY = re.compile(rf"[{_IDLE}]+|(?<!\d)[.,:]|[.,:](?!\d)")


def normal(text: str) -> str:
    """The text as it is compared; a text of nothing but punctuation stays as it is, an empty one empty."""
    if text.isascii():
        return _ASCII.sub("", text.lower()) or text.strip()
    return _ANY.sub("", normalize("NFKC", text).casefold()) or text.strip()


def unwrapped(texts: Sequence[str]) -> list[str]:
    """Different texts without the words that many of them begin or end with: a prompt template says nothing of a row.

    A wrapping is what at least half of the texts, or 200 and a hundredth of them, share at one end.
    """
    leads = _heads(texts)
    bare = [text[leads.get(text[:LEAD], 0) :] for text in texts] if leads else list(texts)
    tails = _heads([text[::-1] for text in bare])
    if tails:
        bare = [text[: len(text) - tails.get(text[: -LEAD - 1 : -1], 0)] for text in bare]
    return [text[:LONGEST] for text in bare]


def _heads(texts: Sequence[str]) -> dict[str, int]:
    """How many characters each wrapping has, by the first of them."""
    needed = min(max(3, len(texts) // 2), max(COMMON, len(texts) // 100))
    counts = Counter(text[:LEAD] for text in texts if len(text) >= LEAD)
    wanted = {head for head, count in counts.items() if count >= needed}
    if not wanted:
        return {}
    ends: dict[str, tuple[str, str]] = {}
    for text in texts:
        head = text[:LEAD]
        if head in wanted:
            low, high = ends.get(head, (text, text))
            ends[head] = (min(low, text), max(high, text))
    return {head: _shared(*pair) for head, pair in ends.items()}


def _shared(one: str, two: str) -> int:
    """How many characters two texts begin with alike."""
    return next((at for at, (a, b) in enumerate(zip(one, two, strict=False)) if a != b), min(len(one), len(two)))
