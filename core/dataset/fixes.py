"""What the preparer can do to rows: each fix takes rows and gives rows, a chunk at a time, so that any number can be
mended.

They are plain functions over module-level names, so that a finding can be kept, compared and sent to another process.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Container, Iterator
from operator import is_not, or_

from core.dataset.fixrows import Columns, Row, Rows, chunks
from core.dataset.joined import filled

Fix = Callable[[Rows], Iterator[Columns]]
Measure = Callable[[Row], int]
_BREAK = re.compile(r"\n\s*\n|\n|(?<=[.!?。！？])\s*|\s+")
_MOST = 4  # no measure counts more than this for a character: a token has at least one byte, a character at most four
FRAME = 400  # characters of JSON around the texts of an example, more than enough


def is_empty(row: Row) -> bool:
    """Whether nothing can be learnt from a row."""
    return not row.frozen and not row.answer.strip()


def drop_empty(rows: Rows) -> Iterator[Columns]:
    """Without rows that have no answer."""
    for chunk in chunks(rows):
        yield chunk if filled(chunk.answers) else chunk.where(not is_empty(row) for row in chunk.rows())


def drop_unasked(rows: Rows) -> Iterator[Columns]:
    """Without rows that ask nothing."""
    for chunk in chunks(rows):
        yield chunk.where(row.frozen or row.question.strip() for row in chunk.rows())


def keys_of(chunk: Columns, whole: bool) -> list[int]:
    """What two equal rows share; chats are equal only with all that was said before.

    64 bits of a keyed hash: among a million rows the chance that two different ones share it is below 1 in 10**7.
    """
    shared = (chunk.questions, chunk.answers, chunk.rests)
    return list(map(hash, zip(*shared[: 3 if whole else 2], strict=True)))


def repeated(chunk: Columns, whole: bool, seen: set[int], spared: Container[int] = ()) -> list[bool]:
    """Which rows say the same as one before them, but for those that may; `seen` remembers their keys. Nothing where
    none does."""
    keys = keys_of(chunk, whole)
    if seen.isdisjoint(keys):
        before = len(seen)
        seen.update(keys)
        if len(seen) == before + len(keys):
            return []
        seen.difference_update(keys)
    found = []
    for number, key in zip(chunk.ids, keys, strict=True):
        found.append(key in seen and number not in spared)
        seen.add(key)
    return found


def drop_duplicates(rows: Rows, *, whole: bool, spared: Container[int] = ()) -> Iterator[Columns]:
    """Each row once, where it stands first; those that may stand there again stay."""
    seen: set[int] = set()
    for chunk in chunks(rows):
        again = repeated(chunk, whole, seen, spared)
        yield chunk.where(not known for known in again) if again else chunk


def keys_only(rows: Rows) -> Iterator[Columns]:
    """Completions without keys that do not belong there."""
    for chunk in chunks(rows):
        changed = [changed or bool(rest) for changed, rest in zip(chunk.changed, chunk.rests, strict=True)]
        yield chunk._replace(rests=("",) * len(chunk.ids), changed=changed)


def lower_questions(rows: Rows) -> Iterator[Columns]:
    """Questions in lower case."""
    return _one_by_one(rows, lambda row: row if row.frozen else row.having(row.question.lower(), row.answer))


def lower_answers(rows: Rows) -> Iterator[Columns]:
    """Answers in lower case."""
    return _one_by_one(rows, lambda row: row if row.frozen else row.having(row.question, row.answer.lower()))


def end_questions(rows: Rows, *, ending: str) -> Iterator[Columns]:
    """Questions that end in a separator."""
    return (chunk.having(questions=[text + ending for text in chunk.questions]) for chunk in chunks(rows))


def end_answers(rows: Rows, *, ending: str) -> Iterator[Columns]:
    """Answers that end in a stop word."""
    return (chunk.having(answers=[text + ending for text in chunk.answers]) for chunk in chunks(rows))


def cut_questions(rows: Rows, *, length: int) -> Iterator[Columns]:
    """Questions without their first characters."""
    return (chunk.having(questions=[text[length:] for text in chunk.questions]) for chunk in chunks(rows))


def cut_answers(rows: Rows, *, length: int, lead: str) -> Iterator[Columns]:
    """Answers without their first characters; `lead` stays in front."""
    return (chunk.having(answers=[lead + text[length:] for text in chunk.answers]) for chunk in chunks(rows))


def lead_answers(rows: Rows) -> Iterator[Columns]:
    """Answers that begin with a space."""
    for chunk in chunks(rows):
        yield _with(chunk, [text if text[:1] == " " else f" {text}" for text in chunk.answers])


def trimmed_end(answer: str) -> str:
    """An answer without blanks at its end; a line break there may be a stop word and stays."""
    return answer.rstrip(" \t")


def trim_ends(rows: Rows) -> Iterator[Columns]:
    """Answers without blanks at their end."""
    return (_with(chunk, list(map(trimmed_end, chunk.answers))) for chunk in chunks(rows))


def strip_answers(rows: Rows) -> Iterator[Columns]:
    """Answers without white space around them."""
    for chunk in chunks(rows):
        pairs = zip(chunk.answers, chunk.frozen, strict=True)
        yield _with(chunk, [answer if frozen else answer.strip() for answer, frozen in pairs])


def _with(chunk: Columns, answers: list[str]) -> Columns:
    """The same rows with these answers; those that got another one are changed."""
    changed = tuple(map(or_, chunk.changed, map(is_not, answers, chunk.answers)))
    return chunk._replace(answers=answers, changed=changed)


def _one_by_one(rows: Rows, fix: Callable[[Row], Row]) -> Iterator[Columns]:
    return (Columns(*zip(*map(fix, chunk.rows()), strict=True)) for chunk in chunks(rows))


def too_long(chunk: Columns, measure: Measure, limit: int) -> list[bool]:
    """Which rows are longer than the limit; nothing where none can be."""
    longest = sum(max(map(len, column)) for column in (chunk.questions, chunk.answers, chunk.rests))
    if _MOST * (longest + FRAME) <= limit:
        return []
    found = [measure(row) > limit for row in chunk.rows()]
    return found if any(found) else []


def drop_long(rows: Rows, *, measure: Measure, limit: int) -> Iterator[Columns]:
    """Without rows longer than the limit."""
    for chunk in chunks(rows):
        long = too_long(chunk, measure, limit)
        yield chunk.where(not found for found in long) if long else chunk


def trim_long(rows: Rows, *, measure: Measure, limit: int) -> Iterator[Columns]:
    """Long rows with their question cut at its end, as far as the answer leaves room; else they go."""

    def trimmed(row: Row) -> Iterator[Row]:
        if length := _fitting(row, measure, limit):
            yield row.having(row.question[:length].rstrip(), row.answer)

    return _each_long(rows, trimmed, measure, limit)


def split_long(rows: Rows, *, measure: Measure, limit: int) -> Iterator[Columns]:
    """Long rows in several that fit: parts of the question with the same answer, or parts of the longer answer."""
    return _each_long(rows, lambda row: _parts(row, measure, limit), measure, limit)


def _each_long(rows: Rows, mend: Callable[[Row], Iterator[Row]], measure: Measure, limit: int) -> Iterator[Columns]:
    """Each long row as what it is mended to; one whose answer is no plain text goes."""
    for chunk in chunks(rows):
        long = too_long(chunk, measure, limit)
        if not long:
            yield chunk
            continue
        mended: list[Row] = []
        for row, found in zip(chunk.rows(), long, strict=True):
            if not found:
                mended.append(row)
            elif not row.frozen:
                mended += mend(row)
        yield from chunks(mended)


WAYS: dict[str, Callable[..., Iterator[Columns]]] = {"remove": drop_long, "trim": trim_long, "split": split_long}


def _fitting(row: Row, measure: Measure, limit: int) -> int:
    """How many characters of a question fit."""
    low, high = 0, len(row.question)
    while low < high:
        middle = (low + high + 1) // 2
        if measure(row.having(row.question[:middle], row.answer)) <= limit:
            low = middle
        else:
            high = middle - 1
    return low


def _parts(row: Row, measure: Measure, limit: int) -> Iterator[Row]:
    by_question = len(row.question) >= len(row.answer)

    def having(part: str) -> Row:
        return row.having(part, row.answer) if by_question else row.having(row.question, part)

    if measure(having("")) >= limit:
        return  # the other text alone is too long: no part would fit
    text = row.question if by_question else row.answer
    while text.strip():
        end = _end_of_part(text, lambda part: measure(having(part)) <= limit)
        part, text = text[:end], text[end:]
        if part.strip():
            yield having(part.strip() if by_question else part)


def _end_of_part(text: str, fits: Callable[[str], bool]) -> int:
    """Where the next part ends: behind the last break in the later half of what fits."""
    if fits(text):
        return len(text)
    low, high = 1, len(text)
    while low < high:
        middle = (low + high + 1) // 2
        if fits(text[:middle]):
            low = middle
        else:
            high = middle - 1
    ends = [found.end() for found in _BREAK.finditer(text, low // 2, low) if found.end() > low // 2]
    return ends[-1] if ends else low
