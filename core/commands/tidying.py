"""`python -m core check --tidy`: a copy of a file without the rows that repeat, contradict or leak."""

from __future__ import annotations

import sys
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

from core.commands.relations import bodies
from core.dataset.copying import copy_of
from core.words import _

if TYPE_CHECKING:
    from core.checks.relations import Relations


def tidy(path: Path, target: Path, found: Relations) -> None:
    """Write the rows that stay byte for byte, and tell how many went and why. Raises BadInput.

    One row of each repeat stays, of a near one where the answers agree; of contradictions the answer that more than
    half of the rows give, a draw stays; a row that is held out as well goes.
    """
    gone = _gone(path, found)
    with copy_of(path, target) as part, path.open("rb") as file, part.open("wb") as out:
        out.writelines(line for number, line in enumerate(file, start=1) if number not in gone)
    counts = Counter(gone.values())
    said = _(
        "{file}: {repeats} {repeats:repeat|repeats}, {near} near {near:one|ones}, {contradictions}"
        " {contradictions:row that contradicts|rows that contradict} and {leaks} that {leaks:is|are} held out as well"
        " were left out.",
        file=target.name, **{why: f"{counts[why]:,}" for why in ("repeats", "near", "contradictions", "leaks")},
    )  # fmt: skip
    print(said, file=sys.stderr)


def _gone(path: Path, found: Relations) -> dict[int, str]:
    """The lines that go, each with the reason; lines of the held-out file are negative and stay."""
    gone = {row: "leaks" for rows in found.companies if min(rows) < 0 for row in rows if row > 0}
    wanted = {row for group in [*found.contradictions, *(twin[:2] for twin in found.near)] for row in group if row > 0}
    answers = _answers(path, wanted - set(gone))
    for group in found.contradictions:
        rows = [row for row in group if row in answers]
        for right, times in Counter(answers[row] for row in rows).most_common(1):
            if 2 * times > len(rows):
                gone |= {row: "contradictions" for row in rows if answers[row] != right}
    for group in found.exact:
        kept = [row for row in group if row > 0 and row not in gone]
        gone |= dict.fromkeys(kept[1:], "repeats")
    for twin in found.near:
        first, second = sorted(twin[:2])
        if first not in gone and second not in gone and answers.get(first, first) == answers.get(second, second):
            gone[second] = "near"
    return gone


def _answers(path: Path, rows: set[int]) -> dict[int, str]:
    """What these lines answer, without case and punctuation."""
    from core.checks.rowtexts import row_texts
    from core.checks.similarity import normal

    return {number: normal(row_texts(body).answer) for number, body in bodies(path) if number in rows}
