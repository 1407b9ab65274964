"""What a set of rows is like, learnt in one pass and little memory: all that the preparer's advice is drawn from."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import islice

from core.dataset.fixes import Measure, is_empty, key_of, trimmed_end
from core.dataset.fixrows import Row

CHUNK = 1_000
FEW = 3  # rows kept to show
SEPARATORS = (" ->", "\n\n###\n\n", "\n\n===\n\n", "\n\n---\n\n", "\n\n===>\n\n", "\n\n--->\n\n")
LAST_SEPARATOR = "\n\n### =>\n\n"
ENDINGS = ("\n", ".", " END", "***", "+++", "&&&", "$$$", "@@@", "%%%")
LAST_ENDING = " [END]"
CLASS_ROWS = 3  # an answer that comes back this often on average is a class
_NO_UPPER = bytes(set(range(256)) - set(b"ABCDEFGHIJKLMNOPQRSTUVWXYZ"))
_NO_LOWER = bytes(set(range(256)) - set(b"abcdefghijklmnopqrstuvwxyz"))
# Letters beyond ASCII that have case at all lie below Hangul and Kana, but for a few that no text is written in.
_CASED = re.compile("[\u00aa-\u2dff\ua640-\uabff\uff21-\uff5a]+")


@dataclass
class Found:
    """How many rows something is true of, and the first of them."""

    count: int = 0
    rows: list[Row] = field(default_factory=list)

    def add(self, row: Row) -> None:
        self.count += 1
        if len(self.rows) < FEW:
            self.rows.append(row)


@dataclass
class Texts:
    """What one column of texts has in common."""

    marks: tuple[str, ...]
    prefix: str | None = None
    suffix: str | None = None
    upper: int = 0
    lower: int = 0
    characters: int = 0
    seen: set[str] = field(default_factory=set)

    def add(self, texts: list[str]) -> None:
        """Look at the next texts."""
        joined = "\0".join(texts)
        self.characters += len(joined) - len(texts) + 1
        self.prefix = _common(texts, self.prefix)
        self.suffix = common_end(texts, self.suffix)
        self.seen.update(mark for mark in self.marks if mark not in self.seen and mark in joined)
        if "\n" in joined:
            self.seen.add("\n")
        upper, lower = letters(joined)
        self.upper += upper
        self.lower += lower

    @property
    def is_upper(self) -> bool:
        """Whether more than a third of the letters are capitals."""
        return self.upper * 2 > self.lower


def letters(text: str) -> tuple[int, int]:
    """How many capitals and how many small letters a text has, in any script that knows them."""
    plain = text.encode("ascii", "ignore")
    upper, lower = len(plain.translate(None, _NO_UPPER)), len(plain.translate(None, _NO_LOWER))
    if len(plain) != len(text):
        others = "".join(_CASED.findall(text))
        upper += sum(map(str.isupper, others))
        lower += sum(c.islower() and c.isalpha() for c in others)
    return upper, lower


def _shared(texts: list[str]) -> str:
    """The longest beginning of all of them: that of the first and the last in order."""
    low, high = min(texts), max(texts)
    return next((low[:place] for place, (a, b) in enumerate(zip(low, high, strict=False)) if a != b), low)


def _common(texts: list[str], known: str | None) -> str:
    """The beginning that all texts share, with what is known of earlier ones."""
    return "" if known == "" else _shared([*texts, known] if known else texts)


def common_end(texts: list[str], known: str | None) -> str:
    """The end that all texts share, with what is known of earlier ones."""
    if known is None:
        known = texts[0]
    if not known or all(map(str.endswith, texts, [known] * len(texts))):
        return known
    return _shared([text[: -len(known) - 1 : -1] for text in texts] + [known[::-1]])[::-1]


@dataclass
class Profile:
    """The figures of a set of rows; those that have no answer are counted and else passed over."""

    whole: bool
    measure: Measure
    limit: int
    rows: int = 0
    empty: Found = field(default_factory=Found)
    unasked: Found = field(default_factory=Found)
    duplicates: Found = field(default_factory=Found)
    long: Found = field(default_factory=Found)
    blank_ends: Found = field(default_factory=Found)
    blank_around: Found = field(default_factory=Found)
    extra: Found = field(default_factory=Found)
    first: list[Row] = field(default_factory=list)
    extra_keys: set[str] = field(default_factory=set)
    unled: bool = False
    questions: Texts = field(default_factory=lambda: Texts(SEPARATORS))
    answers: Texts = field(default_factory=lambda: Texts(ENDINGS))
    _keys: set[int] = field(default_factory=set)
    _answers: set[int] = field(default_factory=set)

    @classmethod
    def of(cls, rows: Iterable[Row], *, whole: bool, measure: Measure, limit: int) -> Profile:
        """The profile of these rows."""
        profile = cls(whole, measure, limit)
        for chunk in chunks(rows):
            profile.add(chunk)
        return profile

    @property
    def task(self) -> str:
        """What the rows teach: "open-ended", "classification" or "conditional"."""
        if not self.questions.characters:
            return "open-ended"
        return "classification" if len(self._answers) < self.rows / CLASS_ROWS else "conditional"

    @property
    def classes(self) -> int:
        """How many different answers there are."""
        return len(self._answers)

    def add(self, chunk: list[Row]) -> None:
        """Learn from the next rows."""
        filled = [row for row in chunk if not is_empty(row)]
        if len(filled) != len(chunk):
            for row in chunk:
                if is_empty(row):
                    self.empty.add(row)
        if not filled:
            return
        self.rows += len(filled)
        self.first += filled[: FEW - len(self.first)]
        self._answers.update([hash(row.answer) for row in filled])
        for row in filled:
            self._single(row)
        texts = [row for row in filled if not row.frozen]
        if texts:
            self.questions.add([row.question for row in texts])
            self.answers.add([row.answer for row in texts])

    def _single(self, row: Row) -> None:
        """What is asked of each row by itself."""
        key = key_of(row, self.whole)
        if key in self._keys:
            self.duplicates.add(row)
        else:
            self._keys.add(key)
        if self.measure(row) > self.limit:
            self.long.add(row)
        if row.frozen:
            return
        answer = row.answer
        first, last = answer[0], answer[-1]
        if first != " ":
            self.unled = True
        if first.isspace() or last.isspace():
            self.blank_around.add(row)
            if trimmed_end(answer) != answer:
                self.blank_ends.add(row)
        if not row.question or row.question.isspace():
            self.unasked.add(row)
        if row.rest and not self.whole:
            self.extra.add(row)
            self.extra_keys.update(row.rest.split(", "))


def chunks(rows: Iterable[Row]) -> Iterator[list[Row]]:
    """The rows, a thousand at a time."""
    iterator = iter(rows)
    while chunk := list(islice(iterator, CHUNK)):
        yield chunk
