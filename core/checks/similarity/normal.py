"""What two texts are compared by: without case, width, spaces and the marks that carry no meaning."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from unicodedata import normalize

LONGEST = 8_000  # characters of a text that are compared
LEAD, ASCII_LEAD = 12, 30  # characters that a wrapping has at least: in a wide script, and in a narrow one
SHARE, FEWEST = 0.8, 5  # this share of the texts, and no fewer, that begin or end alike make a wrapping
COMMON = 200  # in a mixed set so many do, if they are a hundredth of it

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

    A wrapping is what four fifths of the texts, or 200 and a hundredth of them, share at one end.
    """
    heads = _wrappings(texts, back=False)
    bare = [text[heads.get(_end(text, back=False), 0) :] for text in texts] if heads else texts
    tails = _wrappings(bare, back=True)
    if tails:
        bare = [text[: len(text) - tails.get(_end(text, back=True), 0)] for text in bare]
    return [text[:LONGEST] for text in bare]


def _end(text: str, *, back: bool) -> str:
    """What texts of one wrapping begin with (`back`: end with, read backwards); empty for a text that is too short."""
    piece = text[: -ASCII_LEAD - 1 : -1] if back else text[:ASCII_LEAD]
    length = ASCII_LEAD if piece[:LEAD].isascii() else LEAD
    return piece[:length] if len(piece) >= length else ""


def _wrappings(texts: Sequence[str], *, back: bool) -> dict[str, int]:
    """How many characters each wrapping has at this end, by the first of them."""
    needed = min(max(FEWEST, SHARE * len(texts)), max(COMMON, len(texts) / 100))
    counts = Counter(_end(text, back=back) for text in texts)
    wanted = {end for end, count in counts.items() if end and count >= needed}
    if not wanted:
        return {}
    edges: dict[str, tuple[str, str]] = {}
    for text in texts:
        end = _end(text, back=back)
        if end in wanted:
            whole = text[::-1] if back else text
            low, high = edges.get(end, (whole, whole))
            edges[end] = (min(low, whole), max(high, whole))
    return {end: _shared(*pair) for end, pair in edges.items()}


def _shared(one: str, two: str) -> int:
    """How many characters two texts begin with alike."""
    return next((at for at, (a, b) in enumerate(zip(one, two, strict=False)) if a != b), min(len(one), len(two)))
