"""The part of `check` that compares examples: repeats, near ones, contradictions, leaks, label slips."""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from core.dataset.examples import Body, Split, answer_text, load
from core.errors import BadInput
from core.words import T, _

if TYPE_CHECKING:
    from core.checks.labels import Slip
    from core.checks.relations import Relations

SHOWN = 10  # findings of one sort that are written out
KEPT = 1_000  # findings of one sort in the JSON object; all are counted
CLASSES, LENGTH, SEEN_AGAIN = 500, 64, 0.8  # answers are labels where they are few, short, and mostly seen again


@dataclass
class Comparison:
    """What was found, and what its numbers mean: line n of the file, or line -n of the held-out one."""

    file: Path
    against: Path | None
    found: Relations
    labels: list[Slip] = field(default_factory=list)

    def place(self, number: int) -> str:
        """A row as "file:line"."""
        path = self.file if number > 0 or self.against is None else self.against
        return f"{path.name}:{abs(number)}"

    def as_json(self) -> dict[str, Any]:
        """The counts, and the first findings of each sort by their places."""

        def named(groups: Iterable[tuple[int, ...]]) -> list[list[str]]:
            return [[self.place(row) for row in group] for group in list(groups)[:KEPT]]

        found = self.found
        return {
            **found.counts(),
            "label_slips": len(self.labels),
            "exact": named(found.exact),
            "near": [[*map(self.place, twin[:2]), twin.score] for twin in found.near[:KEPT]],
            "contradicting": named(found.contradictions),
            "leaking": [[*map(self.place, twin[:2]), twin.score] for twin in found.leaks[:KEPT]],
            "labels": [slip._asdict() for slip in self.labels[:KEPT]],
        }

    def lines(self) -> list[str]:
        """The findings for a person to read."""
        from core.checks.issues import visible

        found, counts = self.found, {name: f"{number:,}" for name, number in self.found.counts().items()}
        lines = ["", _("Examples compared with each other")]
        lines.append(
            "  "
            + _("exact repeats: {repeats} {repeats:row|rows} in {repeat_groups} {repeat_groups:group|groups}", **counts)
        )
        lines += self._groups(found.exact)
        lines.append("  " + _("pairs of questions that are nearly the same: {near_pairs}", **counts))
        lines += self._pairs(found.near)
        lines.append("  " + _("the same question with another answer: {contradictions}", **counts))
        lines += self._groups(found.contradictions)
        if self.against is not None:
            lines.append("  " + _("held-out questions that are also trained on: {leaks}", **counts))
            lines += self._pairs(found.leaks)
        for slip in self.labels[:SHOWN]:
            sentence = _(
                "answer “{label}” ({rows}) is probably meant to be “{meant}” ({of})",
                label=visible(slip.label), rows=slip.rows, meant=visible(slip.meant), of=slip.meant_rows,
            )  # fmt: skip
            lines.append(f"  {sentence}")
        return lines

    def _groups(self, groups: list[tuple[int, ...]]) -> list[str]:
        shown = ["    " + ", ".join(map(self.place, group[:SHOWN])) for group in groups[:SHOWN]]
        return [*shown, *_more(len(groups))]

    def _pairs(self, twins: Iterable[Any]) -> list[str]:
        listed = list(twins)
        shown = [f"    {self.place(twin.row)}, {self.place(twin.other)} ({twin.score:.0%})" for twin in listed[:SHOWN]]
        return [*shown, *_more(len(listed))]


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of this part to `check`."""
    parser.add_argument(
        "--relations", action="store_true", help="compare the examples: repeats, near ones, contradictions, label slips"
    )
    parser.add_argument(
        "--against", type=Path, metavar="FILE", help="look for leaks into this held-out file (with --relations)"
    )
    parser.add_argument(
        "--tidy", type=Path, metavar="OUT.jsonl", help="write a copy without repeats, contradictions and leaks"
    )


def compare(options: argparse.Namespace) -> Comparison | None:
    """The comparison that was asked for; None where none was. Raises BadInput where a file cannot be read."""
    if not (options.relations or options.against or options.tidy):
        return None
    from core.checks.labels import slips
    from core.checks.relations import Comparer

    comparer, answers = Comparer(), Counter[str]()
    for number, body in bodies(options.file):
        comparer.add(number, body, Split.TRAIN)
        answers[answer_text(body)[: LENGTH + 1]] += 1
    for number, body in bodies(options.against) if options.against else ():
        comparer.add(-number, body, Split.TEST)
    labels = slips(answers) if are_labels(answers) else []
    found = comparer.relate()
    if options.tidy:
        from core.commands.tidying import tidy

        tidy(options.file, options.tidy, found)
    return Comparison(options.file, options.against, found, labels)


def bodies(path: Path) -> Iterator[tuple[int, Body]]:
    """The lines of a file that hold JSON objects, with their numbers from 1 on; the check names the others."""
    from core.checks.files import read_lines

    try:
        with path.open("rb") as file:
            for number, line in enumerate(read_lines(file), start=1):
                try:
                    yield number, load((line or b"").decode("utf-8-sig" if number == 1 else "utf-8"))
                except (ValueError, RecursionError):
                    continue
    except OSError as error:
        raise BadInput(
            T("{file} cannot be read: {reason}.", file=path.name, reason=error.strerror or str(error)),
            T("Check the name and that you may open it."),
        ) from error


def are_labels(answers: Counter[str]) -> bool:
    """Whether answers are classes: few, short, and mostly seen more than once."""
    if len(answers) > CLASSES or any(len(answer) > LENGTH for answer in answers):
        return False
    return sum(count for count in answers.values() if count > 1) >= SEEN_AGAIN * answers.total()


def _more(count: int) -> list[str]:
    return ["    " + _("… and {number} more", number=f"{count - SHOWN:,}")] if count > SHOWN else []
