"""The part of `python -m core check --labels` that doubts the answers of a file that are classes."""

from __future__ import annotations

import argparse
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core.checks.doubts import Doubts
from core.words import _

SHOWN = 20  # doubts that are written out
KEPT = 1_000  # doubts in the JSON object; all are counted


@dataclass
class Labels:
    """What was found, and the lines that the rows stand in."""

    file: Path
    found: Doubts
    lines_of: list[int]
    texts: list[str]

    def as_json(self) -> dict[str, Any]:
        """The counts and the doubts, by their places."""
        found = self.found
        listed = [
            {
                "line": self.lines_of[one.place], "label": one.given, "suggested": one.suggested,
                "label_share": round(one.given_share, 4), "suggested_share": round(one.suggested_share, 4),
                "alike": [[self.lines_of[other], like] for other, like in one.alike],
            }
            for one in found.first
        ]  # fmt: skip
        return {"rows": found.rows, "classes": found.classes, "found": found.found, "doubts": listed}

    def lines(self) -> list[str]:
        """The doubts for a person to read, the worst first."""
        from core.checks.issues import visible

        found = self.found
        said = ["", _("Likely wrong labels")]
        if not found.classes:
            return [*said, "  " + _("the answers are no classes, or too few rows have one: nothing to compare")]
        said.append(
            "  "
            + _("{found} of {rows} {rows:row|rows}; the worst first", found=f"{found.found:,}", rows=f"{found.rows:,}")
        )
        for one in found.first[:SHOWN]:
            sentence = _(
                "{place}: “{label}” ({own}), rather “{suggested}” ({other})",
                place=f"{self.file.name}:{self.lines_of[one.place]}", label=visible(one.given),
                own=f"{one.given_share:.0%}", suggested=visible(one.suggested), other=f"{one.suggested_share:.0%}",
            )  # fmt: skip
            said.append(f"    {sentence}")
            said.append(f"      {visible(self.texts[one.place].strip()[:100])}")
        if found.found > SHOWN:
            said.append("    " + _("… and {number} more", number=f"{found.found - SHOWN:,}"))
        return said


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the option of this part to `check`."""
    parser.add_argument("--labels", action="store_true", help="look for labels that are probably wrong, worst first")


def look(options: argparse.Namespace) -> Labels | None:
    """The doubts that were asked for; None where none were. Raises BadInput where the file cannot be read."""
    if not options.labels:
        return None
    from core.checks.doubts import doubts
    from core.checks.rowtexts import row_texts
    from core.commands.relations import LENGTH, are_labels, bodies
    from core.dataset.examples import answer_text

    lines_of, texts, answers = [], [], []
    for number, body in bodies(options.file):
        lines_of.append(number)
        texts.append(row_texts(body).asked)
        answers.append(answer_text(body).strip())
    classes = are_labels(Counter(answer[: LENGTH + 1] for answer in answers))
    found = doubts(texts, answers, most=KEPT) if classes else Doubts()
    return Labels(options.file, found, lines_of, texts)
