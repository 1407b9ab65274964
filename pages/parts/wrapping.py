"""The instruction that stands around every question of a page, left out where only the difference matters.

With a prompt template each question begins and ends alike, so a grid of whole questions shows the same words in every
row. A Wrap knows these words: `inner` is what differs, `outer` puts an edited text back between them, exactly.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

SHORTEST = 20  # characters that must be shared at the start; less is left as it is
FEWEST = 3  # rows that must share them


@dataclass(frozen=True)
class Wrap:
    """The words shared at the start and at the end; both empty where nothing is left out."""

    lead: str = ""
    tail: str = ""

    def fits(self, text: str) -> bool:
        """Whether this text stands between the shared words."""
        whole = len(self.lead) + len(self.tail)
        return bool(self.lead) and len(text) >= whole and text.startswith(self.lead) and text.endswith(self.tail)

    def inner(self, text: str) -> str:
        """The text without the shared words; as it is where it does not have them."""
        return text[len(self.lead) : len(text) - len(self.tail)] if self.fits(text) else text

    def outer(self, before: str, text: str) -> str:
        """An edited text put back between the shared words, if they stood around the one `before`."""
        return f"{self.lead}{text}{self.tail}" if self.fits(before) else text


def shared(texts: Sequence[str]) -> Wrap:
    """The words that all these texts share, up to the end of a line or a word."""
    if len(texts) < FEWEST or len(set(texts)) < 2:
        return Wrap()
    lead = _whole_words(_common(texts))
    if len(lead) < SHORTEST:
        return Wrap()
    tail = _common([text[len(lead) :][::-1] for text in texts])[::-1]
    cut = tail.find("\n")
    return Wrap(lead, tail[cut:] if cut >= 0 else "")


def _common(texts: Sequence[str]) -> str:
    """What all texts begin with: as much as the first and the last in order do."""
    first, last = min(texts), max(texts)
    return first[: next((i for i, (a, b) in enumerate(zip(first, last, strict=False)) if a != b), len(first))]


def _whole_words(text: str) -> str:
    """The text up to its last line break, else to its last space, colon or full stop."""
    if "\n" in text:
        return text[: text.rindex("\n") + 1]
    ends = [text.rfind(mark) for mark in " :：。，"]
    return text[: max(ends) + 1]
