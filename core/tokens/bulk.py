"""Counting many texts at once: their repeated lines once, the rest in a few long calls that let other threads run."""

from __future__ import annotations

from collections import Counter as Tally
from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from typing import TYPE_CHECKING

from core.tokens.counting import LONG_BLANK, PER_EXAMPLE, PER_MESSAGE, Counter, counter
from core.tokens.encodings import encoding, encoding_names
from core.tokens.folders import is_own

if TYPE_CHECKING:
    import numpy as np

    Counts = np.ndarray[tuple[int, ...], np.dtype[np.int64]]

# Between texts that are encoded in one call: the encoding splits there before its pattern looks at anything.
SEPARATOR = "<|endoftext|>"
_CALL = 400_000  # characters of one call: some 40 ms, in which other threads have the interpreter
_MEMO_PIECE = 2_000  # characters; longer pieces hardly ever repeat
_MEMO_SIZE = 20_000
_WORDS = 200_000  # words remembered, about 30 MB
_FIRST = "\n"  # before a word that begins its text: no space stands there

Roles = tuple[str, ...]


class Bulk:
    """Counts texts in one encoding, remembering the lines that come again and again. Threads may share it."""

    def __init__(self, encoding_name: str) -> None:
        self.one: Counter = counter(encoding_name)
        self._joins = encoding_name in encoding_names()
        self._memo: dict[str, int] = {}
        self._words: dict[str, int] = {}
        self._frames: dict[Roles, int] = {}

    def chats(self, roles: Sequence[Roles], texts: Sequence[str]) -> tuple[Counts, Counts]:
        """Tokens of plain chats and of their answers: the roles of each, and the texts of all, one behind the other."""
        import numpy as np

        if is_own(self.one.name):
            return self._each(roles, texts)
        counts = self.counts(texts)
        lengths = np.fromiter(map(len, roles), np.int64, len(roles))
        starts = np.cumsum(lengths) - lengths
        answers = np.fromiter((role == "assistant" for of_chat in roles for role in of_chat), bool, len(texts))
        frames = np.fromiter(map(self._frame, roles), np.int64, len(roles))
        return frames + np.add.reduceat(counts, starts), np.add.reduceat(counts * answers, starts)

    def _each(self, roles: Sequence[Roles], texts: Sequence[str]) -> tuple[Counts, Counts]:
        """The same for a model whose own template puts the texts together."""
        import numpy as np

        said = iter(texts)
        bodies = ({"messages": [{"role": role, "content": next(said)} for role in of_chat]} for of_chat in roles)
        found = np.array([self.one.body(body) for body in bodies], np.int64).reshape(-1, 2)
        return found[:, 0], found[:, 1]

    def _frame(self, roles: Roles) -> int:
        """Tokens of a chat without its texts."""
        known = self._frames.get(roles)
        if known is None:
            known = PER_EXAMPLE + sum(PER_MESSAGE + self.one.text(role) for role in roles)
            if len(self._frames) < _MEMO_SIZE:
                self._frames[roles] = known
        return known

    def counts(self, texts: Sequence[str]) -> Counts:
        """Tokens of each text, the same as `Counter.text` says."""
        import numpy as np

        if not self._joins:
            return np.fromiter(map(self.one.text, texts), np.int64, len(texts))
        pieces: list[str] = []
        first = []  # where the pieces of each text begin
        for text in texts:
            first.append(len(pieces))
            if "\n" in text and len(text) <= LONG_BLANK:
                pieces += cut(text)
            else:
                pieces.append(text)
        found = self._of_pieces(pieces)
        counted = np.fromiter(map(found.__getitem__, pieces), np.int64, len(pieces))
        return np.add.reduceat(counted, first) if first else counted

    def _of_pieces(self, pieces: list[str]) -> dict[str, int]:
        """Tokens of the distinct pieces; those that came twice here are remembered for the next call."""
        times = Tally(pieces)
        memo = self._memo
        found = {piece: memo[piece] for piece in times if piece in memo}
        fresh = [piece for piece in times if piece not in found]
        whole: list[str] = []
        in_words: dict[str, list[str]] = {}
        if len(self._words) > _WORDS:
            self._words = {}  # a thread that is reading the old one keeps it
        known = self._words
        for piece in fresh:
            words = words_of(piece)
            if words is None:
                whole.append(piece)
                continue
            try:
                found[piece] = sum(map(known.__getitem__, words))
            except KeyError:
                in_words[piece] = words
        found.update(self._encoded(whole))
        missing = set().union(*in_words.values()).difference(known)
        known.update(zip(missing, (n for _text, n in self._encoded(map(_in_text, missing))), strict=True))
        found.update((piece, sum(map(known.__getitem__, words))) for piece, words in in_words.items())
        if len(memo) < _MEMO_SIZE:
            for piece in fresh:
                if times[piece] > 1 and len(piece) <= _MEMO_PIECE:
                    memo[piece] = found[piece]
        return found

    def _encoded(self, texts: Iterable[str]) -> Iterator[tuple[str, int]]:
        for batch in _batches(texts):
            yield from zip(batch, self._batch(batch), strict=True)

    def _batch(self, batch: list[str]) -> list[int]:
        import numpy as np

        joined = SEPARATOR.join(batch)
        if len(batch) == 1 or joined.count(SEPARATOR) != len(batch) - 1:
            return [self.one.text(text) for text in batch]
        built = encoding(self.one.name)
        try:
            tokens = built.encode_to_numpy(joined, allowed_special={SEPARATOR}, disallowed_special=())
        except UnicodeEncodeError:  # half a character, as a loose JSON reader lets through
            return [self.one.text(text) for text in batch]
        ends = np.flatnonzero(tokens == built.eot_token)
        counts: list[int] = (np.diff(ends, prepend=-1, append=len(tokens)) - 1).tolist()
        return counts


@cache
def bulk(encoding_name: str) -> Bulk:
    """The shared bulk counter of an encoding. Raises BadInput for a name that is not known."""
    return Bulk(encoding_name)


def cut(text: str) -> list[str]:
    """The text, cut behind line breaks where no token can reach across.

    Every pattern ends a match with a line break that neither blank nor slash follows, and none looks back.
    """
    pieces = []
    begun, *lines = text.split("\n")
    for line in lines:
        if line and line[0] != "/" and not line[0].isspace():
            pieces.append(begun + "\n")
            begun = line
        else:
            begun += "\n" + line
    return [*pieces, begun]


def words_of(text: str) -> list[str] | None:
    """The words of a text, the first marked, where counting each with the space before it is cheaper and exact.

    No pattern matches from something that is no blank over a space, and none looks back: a space between two words
    begins a match, whatever else stands in the text.
    """
    if not 3 <= text.count(" ") > len(text) // 16 or "  " in text or not text.isprintable():
        return None
    words = text.split(" ")
    words[0] = _FIRST + words[0]
    return words


def _in_text(word: str) -> str:
    return word[1:] if word[:1] == _FIRST else " " + word


def _batches(texts: Iterable[str]) -> Iterator[list[str]]:
    """Texts for one call each; one that may hold a very long run of blanks stands alone."""
    batch: list[str] = []
    size = 0
    for text in texts:
        if len(text) > LONG_BLANK:
            yield [text]
            continue
        batch.append(text)
        size += len(text)
        if size >= _CALL:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch
