"""What a set of rows is like, learnt in one pass and little memory: all that the preparer's advice is drawn from."""

from __future__ import annotations

import re
from array import array
from collections.abc import Container, Iterable, Sequence
from dataclasses import dataclass, field
from itertools import compress

from core.dataset.fixes import Measure, is_empty, repeated, too_long, trimmed_end
from core.dataset.fixrows import Columns, Row, Rows, chunks
from core.dataset.joined import BETWEEN, Joined, filled

FEW = 3  # rows kept to show
SEPARATORS = (" ->", "\n\n###\n\n", "\n\n===\n\n", "\n\n---\n\n", "\n\n===>\n\n", "\n\n--->\n\n")
LAST_SEPARATOR = "\n\n### =>\n\n"
ENDINGS = ("\n", ".", " END", "***", "+++", "&&&", "$$$", "@@@", "%%%")
LAST_ENDING = " [END]"
MOST_OTHER = 3  # characters to a letter: with more of them a text is not written in capitals or small letters at all
CLASS_ROWS = 3  # an answer that comes back this often on average is a class
_NO_UPPER = bytes(set(range(256)) - set(b"ABCDEFGHIJKLMNOPQRSTUVWXYZ"))
_NO_LOWER = bytes(set(range(256)) - set(b"abcdefghijklmnopqrstuvwxyz"))
# Letters beyond ASCII that have case at all lie below Hangul and Kana, but for a few that no text is written in.
# Patterns are given to `re` as they are used: to compile this one takes longer than to read a small table.
_CASED = "[\u00aa-\u2dff\ua640-\uabff\uff21-\uff5a]+"
# Their first bytes in UTF-8: most Chinese text has none of them, and is not looked through letter by letter.
_NEITHER = bytes(set(_NO_UPPER) - {*range(0xC2, 0xE0), 0xE1, 0xEA})
# Two more such bytes begin much else as well: one byte is looked for much faster than a pattern.
_SELDOM = ((b"\xef", rb"\xef(?:\xbc[\xa1-\xba]|\xbd[\x81-\x9a])"), (b"\xe2", rb"\xe2[\x84\x85\xb0-\xb4]"))


@dataclass
class Found:
    """How many rows something is true of, and the first of them."""

    count: int = 0
    rows: list[Row] = field(default_factory=list)

    def add(self, chunk: Columns, found: Iterable[object]) -> None:
        """The rows of a chunk at whose places a truth stands."""
        for row in compress(chunk.rows(), found):
            self.count += 1
            if len(self.rows) < FEW:
                self.rows.append(row)

    def join(self, behind: Found) -> None:
        """What was found of the rows behind."""
        self.count += behind.count
        self.rows = [*self.rows, *behind.rows][:FEW]


@dataclass
class Texts:
    """What one column of texts has in common."""

    marks: tuple[str, ...]
    prefix: str | None = None
    suffix: str | None = None
    upper: int = 0
    characters: int = 0
    seen: set[str] = field(default_factory=set)

    def add(self, texts: Sequence[str]) -> None:
        """Look at the next texts."""
        column = texts if isinstance(texts, Joined) else Joined(texts, BETWEEN.join(texts))
        joined, raw = column.joined, column.raw
        self.characters += len(joined) - len(texts) + 1
        self.prefix = _common(texts, self.prefix)
        self.suffix = common_end(texts, self.suffix)
        if b"\n" in raw:
            self.seen.add("\n")
        # One byte of a mark is looked for much faster than all of it.
        self.seen.update(
            m for m in self.marks if m not in self.seen and ord((m.strip() or m)[-1]) in raw and m in joined
        )
        self.upper += capitals(joined, raw)

    def join(self, behind: Texts) -> None:
        """What the texts behind have in common with these."""
        if behind.prefix is None or behind.suffix is None:
            return
        self.prefix = _common([behind.prefix], self.prefix)
        self.suffix = common_end([behind.suffix], self.suffix)
        self.upper += behind.upper
        self.characters += behind.characters
        self.seen |= behind.seen

    @property
    def may_be_upper(self) -> bool:
        """Whether there are capitals enough for `is_upper`, however many small letters there are."""
        return self.upper * MOST_OTHER * 3 > self.characters

    def is_upper(self, lower: int) -> bool:
        """Whether more than a third of the letters are capitals, and what is written has letters: a few abbreviations
        in Chinese text say nothing of how it is written."""
        return self.upper * 2 > lower and (self.upper + lower) * MOST_OTHER >= self.characters


def capitals(text: str, raw: bytes) -> int:
    """How many capitals a text has, in any script that knows them; `raw` is the same in UTF-8."""
    kept = raw.translate(None, _NEITHER)  # of most texts next to nothing
    upper = len(kept.translate(None, _NO_UPPER))
    beyond = len(kept) > upper or any(lead in raw and re.search(form, raw) for lead, form in _SELDOM)
    return upper + (sum(map(str.isupper, _cased(text))) if beyond else 0)


def small_letters(text: str) -> int:
    """How many small letters a text has, in any script that knows them."""
    return len(text.encode().translate(None, _NO_LOWER)) + sum(c.islower() and c.isalpha() for c in _cased(text))


def _cased(text: str) -> str:
    """The characters beyond ASCII among which there may be letters with case."""
    return "" if text.isascii() else "".join(re.findall(_CASED, text))


def _shared(texts: Sequence[str]) -> str:
    """The longest beginning of all of them: that of the first and the last in order."""
    low, high = min(texts), max(texts)
    return next((low[:place] for place, (a, b) in enumerate(zip(low, high, strict=False)) if a != b), low)


def _common(texts: Sequence[str], known: str | None) -> str:
    """The beginning that all texts share, with what is known of earlier ones."""
    return "" if known == "" else _shared([*texts, known] if known else texts)


def common_end(texts: Sequence[str], known: str | None) -> str:
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
    spared: Container[int] = ()  # rows that may say the same as an earlier one
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
    def of(cls, rows: Rows, *, whole: bool, measure: Measure, limit: int, spared: Container[int] = ()) -> Profile:
        """The profile of these rows."""
        profile = cls(whole, measure, limit, spared)
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

    def add(self, chunk: Columns) -> None:
        """Learn from the next rows."""
        if not filled(chunk.answers):
            empty = list(map(is_empty, chunk.rows()))
            self.empty.add(chunk, empty)
            chunk = chunk.where(not found for found in empty)
        if not chunk.ids:
            return
        self.rows += len(chunk.ids)
        if len(self.first) < FEW:
            self.first += list(chunk.rows())[: FEW - len(self.first)]
        self._answers.update(map(hash, chunk.answers))
        self.duplicates.add(chunk, repeated(chunk, self.whole, self._keys, self.spared))
        self.long.add(chunk, too_long(chunk, self.measure, self.limit))
        texts = chunk.where(not frozen for frozen in chunk.frozen) if any(chunk.frozen) else chunk
        if texts.ids:
            self._look_at_texts(texts)

    def number_on(self, after: int) -> None:
        """Give the rows the numbers that follow on another."""
        founds = [found for found in vars(self).values() if isinstance(found, Found)]
        for rows in (self.first, *(found.rows for found in founds)):
            rows[:] = [row._replace(id=row.id + after) for row in rows]

    def join(self, behind: Profile, again: Iterable[Columns]) -> None:
        """Add what was learnt of the rows behind. They are looked through `again` for the first that say the same as
        one of these, where any do."""
        if twice := self._keys.intersection(behind._keys):
            behind.duplicates = Found(behind.duplicates.count + len(twice), self._repeated(again))
        for name, found in vars(self).items():
            if isinstance(found, Found):
                found.join(getattr(behind, name))
        self.rows += behind.rows
        self.first = [*self.first, *behind.first][:FEW]
        self.extra_keys |= behind.extra_keys
        self.unled = self.unled or behind.unled
        self._answers |= behind._answers
        self.questions.join(behind.questions)
        self.answers.join(behind.answers)

    def _repeated(self, rows: Iterable[Columns]) -> list[Row]:
        """The first rows that say the same as one before them."""
        found, seen = Found(), set(self._keys)
        for chunk in rows:
            found.add(chunk, repeated(chunk, self.whole, seen))
            if len(found.rows) == FEW:
                break
        return found.rows

    def __getstate__(self) -> dict[str, object]:
        """As it is sent to another process: so many numbers go there in one piece."""
        return {**self.__dict__, "_keys": array("q", self._keys)}

    def _look_at_texts(self, chunk: Columns) -> None:
        """What is asked of rows whose answer is plain text."""
        self.questions.add(chunk.questions)
        self.answers.add(chunk.answers)
        self.unled = self.unled or not all(answer[:1] == " " for answer in chunk.answers)
        stripped = list(map(str.strip, chunk.answers))
        if stripped != list(chunk.answers):
            pairs = list(zip(chunk.answers, stripped, strict=True))
            self.blank_around.add(chunk, (answer != bare for answer, bare in pairs))
            self.blank_ends.add(chunk, (answer != bare and trimmed_end(answer) != answer for answer, bare in pairs))
        if not filled(chunk.questions):
            self.unasked.add(chunk, (not question.strip() for question in chunk.questions))
        if any(chunk.rests) and not self.whole:
            self.extra.add(chunk, chunk.rests)
            self.extra_keys.update(", ".join(filter(None, chunk.rests)).split(", "))
