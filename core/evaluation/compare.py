"""Answers side by side, and what differs between two texts."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from difflib import SequenceMatcher
from itertools import groupby
from typing import Literal

from core.errors import BadInput
from core.store import Store
from core.store.evaluations import ComparedPage
from core.words import T

# What a comparison can show; the second model is the one looked at, the first is what it is held against.
ONLY = ("all", "different", "wrong", "fixed", "broken", "failed")

Op = Literal["equal", "delete", "insert"]
Difference = list[tuple[Op, str]]

_SENTENCES = re.compile(r"[^\n。！？!?;；.]*(?:[\n。！？!?;；.]+\s*|$)")
# A word of letters that are put between spaces; else one character (Chinese and other scripts without spaces).
_WORDS = re.compile(r"[A-Za-z0-9_\u00c0-\u024f\u0370-\u052f]+|\s+|.", re.DOTALL)
_LIMIT = 1_000_000  # pieces of one text times pieces of the other that are compared one by one


def side_by_side(
    store: Store,
    evaluation_id: int,
    *,
    only: str = "all",
    text: str = "",
    page: int = 1,
    size: int = 50,
    first: int = 0,
    second: int = -1,
) -> ComparedPage:
    """A page of questions with every model's answer.

    `first` and `second` are places in the evaluation's models (-1 is the last). `only` keeps the rows where their
    answers are "different", the second is "wrong", the second "fixed" or has "broken" what the first said, or one
    of them "failed" to answer. `text` is looked for in question, expected answer and the two answers.
    """
    if only not in ONLY:
        raise BadInput(T("There is no filter {only}.", only=only))
    models = len(store.evaluations.get(evaluation_id).models)
    return store.evaluations.compared(
        evaluation_id, only=only, text=text, first=first % models, second=second % models, page=page, size=size
    )


def difference(a: str, b: str) -> Difference:
    """How to get from `a` to `b`: pieces that stay, go and come, in order.

    Joining what is not inserted gives `a`, joining what is not deleted gives `b`. Long texts are compared by
    sentence first, so that the time stays short.
    """
    return _merged(_compare(a, b, (_SENTENCES, _WORDS) if len(a) * len(b) > _LIMIT else (_WORDS,)))


def _compare(a: str, b: str, levels: Sequence[re.Pattern[str]]) -> Iterator[tuple[Op, str]]:
    old, new = (levels[0].findall(text) for text in (a, b))
    start, end = _common(old, new)
    yield "equal", "".join(old[:start])
    tail = old[len(old) - end :]
    old, new = old[start : len(old) - end], new[start : len(new) - end]
    if len(old) * len(new) > _LIMIT:
        yield "delete", "".join(old)
        yield "insert", "".join(new)
    else:
        for op, i, j, k, m in SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
            gone, come = "".join(old[i:j]), "".join(new[k:m])
            if op == "replace" and len(levels) > 1:
                yield from _compare(gone, come, levels[1:])
            elif op == "equal":
                yield "equal", gone
            else:
                yield "delete", gone
                yield "insert", come
    yield "equal", "".join(tail)


def _common(old: Sequence[str], new: Sequence[str]) -> tuple[int, int]:
    """How many pieces the two share at the start, and then at the end."""
    shorter = min(len(old), len(new))
    start = next((i for i in range(shorter) if old[i] != new[i]), shorter)
    rest = shorter - start
    end = next((i for i in range(rest) if old[-1 - i] != new[-1 - i]), rest)
    return start, end


def _merged(pieces: Iterator[tuple[Op, str]]) -> Difference:
    """Neighbours of one kind as one piece; between two equal pieces what goes comes before what comes."""
    merged: Difference = []
    for unchanged, run in groupby((piece for piece in pieces if piece[1]), key=lambda piece: piece[0] == "equal"):
        parts = list(run)
        kinds: tuple[Op, ...] = ("equal",) if unchanged else ("delete", "insert")
        for kind in kinds:
            text = "".join(text for op, text in parts if op == kind)
            if text:
                merged.append((kind, text))
    return merged
