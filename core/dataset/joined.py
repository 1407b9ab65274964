"""A column of texts that is at hand as one text, too: what is looked for in all of them is looked for once."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cached_property

BETWEEN = "\x1f"  # one that is looked for fast, and that hardly any text holds


class Joined(list[str]):
    """Texts, and all of them as one with `BETWEEN` each two, also in UTF-8."""

    def __init__(self, texts: Sequence[str], joined: str, raw: bytes | None = None) -> None:
        super().__init__(texts)
        self.joined, self._raw = joined, raw

    @classmethod
    def of_raw(cls, raw: bytes) -> Joined:
        """The texts that stand in UTF-8 with the sign between them and in none of them. Raises UnicodeDecodeError."""
        joined = raw.decode()
        return cls(joined.split(BETWEEN), joined, raw)

    @cached_property
    def filled(self) -> bool:
        """Whether each of these texts says something."""
        return _filled(self)

    @property
    def raw(self) -> bytes:
        """All of it in UTF-8."""
        if self._raw is None:
            self._raw = self.joined.encode()
        return self._raw


def filled(texts: Iterable[str]) -> bool:
    """Whether each of these texts says something."""
    return texts.filled if isinstance(texts, Joined) else _filled(texts)


def _filled(texts: Iterable[str]) -> bool:
    return all(texts) and not any(map(str.isspace, texts))
