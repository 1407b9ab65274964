"""What the preparer can do to rows: each fix takes rows and gives rows, one by one, so that any number can be mended.

They are plain functions over module-level names, so that a finding can be kept, compared and sent to another process.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator

from core.dataset.fixrows import Row

Rows = Iterable[Row]
Fix = Callable[[Rows], Iterator[Row]]
_BREAK = re.compile(r"\n\s*\n|\n|(?<=[.!?。！？])\s*|\s+")


def is_empty(row: Row) -> bool:
    """Whether nothing can be learnt from a row."""
    return not row.frozen and not row.answer.strip()


def drop_empty(rows: Rows) -> Iterator[Row]:
    """Without rows that have no answer."""
    return (row for row in rows if not is_empty(row))


def drop_unasked(rows: Rows) -> Iterator[Row]:
    """Without rows that ask nothing."""
    return (row for row in rows if row.frozen or row.question.strip())


def key_of(row: Row, whole: bool) -> int:
    """What two equal rows share; chats are equal only with all that was said before.

    64 bits of a keyed hash: among a million rows the chance that two different ones share it is below 1 in 10**7.
    """
    return hash((row.question, row.answer, row.rest)) if whole else hash((row.question, row.answer))


def drop_duplicates(rows: Rows, *, whole: bool) -> Iterator[Row]:
    """Each row once, where it stands first."""
    seen: set[int] = set()
    for row in rows:
        key = key_of(row, whole)
        if key not in seen:
            seen.add(key)
            yield row


def keys_only(rows: Rows) -> Iterator[Row]:
    """Completions without keys that do not belong there."""
    return (row._replace(rest="", changed=True) if row.rest else row for row in rows)


def lower_questions(rows: Rows) -> Iterator[Row]:
    """Questions in lower case."""
    return (row if row.frozen else row.having(row.question.lower(), row.answer) for row in rows)


def lower_answers(rows: Rows) -> Iterator[Row]:
    """Answers in lower case."""
    return (row if row.frozen else row.having(row.question, row.answer.lower()) for row in rows)


def end_questions(rows: Rows, *, ending: str) -> Iterator[Row]:
    """Questions that end in a separator."""
    return (row.having(row.question + ending, row.answer) for row in rows)


def end_answers(rows: Rows, *, ending: str) -> Iterator[Row]:
    """Answers that end in a stop word."""
    return (row.having(row.question, row.answer + ending) for row in rows)


def cut_questions(rows: Rows, *, length: int) -> Iterator[Row]:
    """Questions without their first characters."""
    return (row.having(row.question[length:], row.answer) for row in rows)


def cut_answers(rows: Rows, *, length: int, lead: str) -> Iterator[Row]:
    """Answers without their first characters; `lead` stays in front."""
    return (row.having(row.question, lead + row.answer[length:]) for row in rows)


def lead_answers(rows: Rows) -> Iterator[Row]:
    """Answers that begin with a space."""
    return (row if row.answer.startswith(" ") else row.having(row.question, f" {row.answer}") for row in rows)


def trimmed_end(answer: str) -> str:
    """An answer without blanks at its end; a line break there may be a stop word and stays."""
    return answer.rstrip(" \t")


def trim_ends(rows: Rows) -> Iterator[Row]:
    """Answers without blanks at their end."""
    for row in rows:
        cut = trimmed_end(row.answer)
        yield row if cut == row.answer else row.having(row.question, cut)


def strip_answers(rows: Rows) -> Iterator[Row]:
    """Answers without white space around them."""
    for row in rows:
        cut = row.answer if row.frozen else row.answer.strip()
        yield row if cut == row.answer else row.having(row.question, cut)


Measure = Callable[[Row], int]


def drop_long(rows: Rows, *, measure: Measure, limit: int) -> Iterator[Row]:
    """Without rows longer than the limit."""
    return (row for row in rows if measure(row) <= limit)


def trim_long(rows: Rows, *, measure: Measure, limit: int) -> Iterator[Row]:
    """Long rows with their question cut at its end, as far as the answer leaves room; else they go."""
    for row in rows:
        if measure(row) <= limit:
            yield row
        elif not row.frozen and (length := _fitting(row, measure, limit)):
            yield row.having(row.question[:length].rstrip(), row.answer)


def split_long(rows: Rows, *, measure: Measure, limit: int) -> Iterator[Row]:
    """Long rows in several that fit: parts of the question with the same answer, or parts of the longer answer."""
    for row in rows:
        if measure(row) <= limit:
            yield row
        elif not row.frozen:
            yield from _parts(row, measure, limit)


WAYS: dict[str, Callable[..., Iterator[Row]]] = {"remove": drop_long, "trim": trim_long, "split": split_long}


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
