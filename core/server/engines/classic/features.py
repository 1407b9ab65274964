"""Texts as sparse vectors: hashed character and word n-grams, weighted by how telling they are.

All texts are laid end to end as code points and hashed at once: an n-gram is a window of a polynomial hash modulo
2**64, so no n-gram ever exists as a Python string. The hash is part of every model file: changing it breaks them.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Hashes = NDArray[np.uint64]
Floats = NDArray[np.float32]
Fields = Sequence[Sequence[str]]
"""The texts to learn from, field by field: the same words in two fields are two features."""

_BASE = 0x9E3779B97F4A7C15  # odd, so that it has an inverse modulo 2**64
_INVERSE = pow(_BASE, -1, 1 << 64)
_MIX = (0xFF51AFD7ED558CCD, 0xC4CEB9FE1A85EC53)  # the finaliser of MurmurHash3
_CHUNK = 2_000  # texts hashed between two looks at whether to go on
_LOOKED_UP = 500_000  # n-grams looked up between two looks
_LONGEST = 65_536  # characters of a text that are looked at
_WORDS = 100  # the kind of a word n-gram is this plus n


@dataclass(frozen=True)
class Sparse:
    """Rows of (column, value): row i is `columns[starts[i]:starts[i + 1]]` and the values beside them."""

    starts: Ints
    columns: Ints
    values: Floats

    def __len__(self) -> int:
        return len(self.starts) - 1

    @property
    def owners(self) -> Ints:
        """The row of each entry."""
        return np.repeat(np.arange(len(self)), np.diff(self.starts))

    def take(self, rows: Ints) -> Sparse:
        """These rows, in this order."""
        lengths = self.starts[rows + 1] - self.starts[rows]
        starts = np.zeros(len(rows) + 1, np.int64)
        np.cumsum(lengths, out=starts[1:])
        places = np.arange(starts[-1]) + np.repeat(self.starts[rows] - starts[:-1], lengths)
        return Sparse(starts, self.columns[places], self.values[places])

    def block(self) -> tuple[Ints, Floats]:
        """The columns that occur, and the rows as a dense matrix over them."""
        used, place = np.unique(self.columns, return_inverse=True)
        dense = np.zeros((len(self), len(used)), np.float32)
        dense[self.owners, place] = self.values
        return used, dense

    def only(self, kept: NDArray[np.bool_]) -> Sparse:
        """The same rows without the columns that are not kept, each of length 1 again."""
        here = kept[self.columns]
        return _unit_rows(self.owners[here], self.columns[here], self.values[here], len(self))


@dataclass(frozen=True)
class Vocabulary:
    """The n-grams that are known: their hashes in order, and how telling each is (inverse document frequency)."""

    hashes: Hashes
    idf: Floats

    @classmethod
    def learn(cls, found: tuple[Hashes, Ints], texts: int, most: int) -> Vocabulary:
        """From the n-grams of the training texts; above `most` the rarest are left out."""
        hashes, owners = found
        order = np.lexsort((owners, hashes))
        hashes, owners = hashes[order], owners[order]
        fresh = np.ones(len(hashes), bool)
        fresh[1:] = hashes[1:] != hashes[:-1]
        first = fresh.copy()
        first[1:] |= owners[1:] != owners[:-1]
        known = hashes[fresh]
        frequency = np.bincount(np.cumsum(fresh)[first] - 1, minlength=len(known))
        if len(known) > most:
            least = np.partition(frequency, len(known) - most)[len(known) - most]
            known, frequency = known[frequency > least], frequency[frequency > least]
        return cls(known, (np.log((1 + texts) / (1 + frequency)) + 1).astype(np.float32))

    def joined(self, other: Vocabulary) -> tuple[Vocabulary, Ints]:
        """These n-grams and those of another that are new here, and where these stand among them."""
        fresh = ~np.isin(other.hashes, self.hashes)
        hashes = np.concatenate((self.hashes, other.hashes[fresh]))
        order = np.argsort(hashes)
        places = np.empty(len(order), np.int64)
        places[order] = np.arange(len(order))
        idf = np.concatenate((self.idf, other.idf[fresh]))
        return Vocabulary(hashes[order], idf[order]), places[: len(self.hashes)]

    def vectors(self, found: tuple[Hashes, Ints], texts: int, look: Callable[[], None] = lambda: None) -> Sparse:
        """Each text as a vector of length 1 over the known n-grams; unknown ones are passed over. `look` may raise."""
        hashes, owners = found
        if not len(self.hashes):
            return _unit_rows(owners[:0], owners[:0], np.zeros(0, np.float32), texts)
        place = np.empty(len(hashes), np.int64)
        for start in range(0, len(hashes), _LOOKED_UP):
            look()
            place[start : start + _LOOKED_UP] = np.searchsorted(self.hashes, hashes[start : start + _LOOKED_UP])
        place = np.minimum(place, len(self.hashes) - 1)
        known = self.hashes[place] == hashes
        look()
        pairs, counts = np.unique(owners[known] * len(self.hashes) + place[known], return_counts=True)
        rows, columns = np.divmod(pairs, len(self.hashes))
        return _unit_rows(rows, columns, (1 + np.log(counts)).astype(np.float32) * self.idf[columns], texts)


def normal(text: str) -> str:
    """The text as it is compared: compatibility forms unified, lower case, runs of white space as one space."""
    return " ".join(unicodedata.normalize("NFKC", text[:_LONGEST]).lower().split())


def ideographic(char: str) -> bool:
    """Whether a character stands for a word or a syllable by itself (Chinese, Japanese, Korean)."""
    return "⺀" <= char <= "鿿" or "가" <= char <= "힣" or "豈" <= char <= "﫿" or "\U00020000" <= char <= "\U0003ffff"


def hash_fields(
    fields: Fields,
    chars: tuple[int, ...] = (1, 2, 3),
    words: tuple[int, ...] = (1, 2),
    look: Callable[[], None] = lambda: None,
) -> tuple[Hashes, Ints]:
    """The hash of each n-gram of each text, and the index of its text. `look` is called now and then, and may raise
    to stop the work."""
    hashes, owners = [np.zeros(0, np.uint64)], [np.zeros(0, np.int64)]
    for salt, texts in enumerate(fields):
        for start in range(0, len(texts), _CHUNK):
            look()
            part, owner = _hash_texts(texts[start : start + _CHUNK], chars, words, salt)
            hashes.append(part)
            owners.append(owner + start)
    look()
    return np.concatenate(hashes), np.concatenate(owners)


def _hash_texts(texts: Sequence[str], chars: tuple[int, ...], words: tuple[int, ...], salt: int) -> tuple[Hashes, Ints]:
    # a space at both ends makes the first and the last letters n-grams of their own; an empty text has none
    padded = [f" {text} " if text else "" for text in map(normal, texts)]
    codes = np.frombuffer("".join(padded).encode("utf-32-le", "surrogatepass"), "<u4").astype(np.uint64)
    owner = np.repeat(np.arange(len(texts)), np.fromiter(map(len, padded), np.int64, len(padded)))
    prefix, inverse = _prefix_hash(codes)
    hashes, owners = [], []

    def add(begin: Ints, end: Ints, kind: int) -> None:
        inside = owner[begin] == owner[end - 1]
        begin, end = begin[inside], end[inside]
        window = (prefix[end] - prefix[begin]) * inverse[begin]
        hashes.append(_mixed(window + np.uint64(kind * 0x9E3779B1 + salt * 0x85EBCA77)))
        owners.append(owner[begin])

    places = np.arange(len(codes) + 1)
    for n in chars:
        add(places[:-n], places[n:], n)
    edges = np.flatnonzero(np.diff(np.concatenate(([False], _is_word(codes), [False])).astype(np.int8)))
    first, last = edges[::2], edges[1::2]
    for n in words:
        add(first[: max(0, len(first) - n + 1)], last[n - 1 :], _WORDS + n)
    return np.concatenate(hashes), np.concatenate(owners)


def _prefix_hash(codes: Hashes) -> tuple[Hashes, Hashes]:
    # the hash of codes[a:b] is (prefix[b] - prefix[a]) * inverse[a], all modulo 2**64
    powers = np.full(len(codes) + 1, _BASE, np.uint64)
    inverse = np.full(len(codes) + 1, _INVERSE, np.uint64)
    powers[0] = inverse[0] = 1
    prefix = np.zeros(len(codes) + 1, np.uint64)
    np.cumsum((codes + np.uint64(1)) * np.cumprod(powers)[:-1], out=prefix[1:])
    return prefix, np.cumprod(inverse)


def _mixed(values: Hashes) -> Hashes:
    for factor in _MIX:
        values = (values ^ (values >> np.uint64(33))) * np.uint64(factor)
    return values ^ (values >> np.uint64(33))


def _is_word(codes: Hashes) -> NDArray[np.bool_]:
    kinds, place = np.unique(codes, return_inverse=True)
    return np.array([chr(int(code)).isalnum() for code in kinds], dtype=bool)[place]


def _unit_rows(rows: Ints, columns: Ints, values: Floats, count: int) -> Sparse:
    norms = np.sqrt(np.bincount(rows, values * values, minlength=count)).astype(np.float32)
    starts = np.zeros(count + 1, np.int64)
    np.cumsum(np.bincount(rows, minlength=count), out=starts[1:])
    return Sparse(starts, columns, values / norms[rows])
