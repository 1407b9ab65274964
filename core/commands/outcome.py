"""What `python -m core prepare` tells of what it has written: in words, as JSON, and as a table of rejected rows."""

from __future__ import annotations

import csv
import json
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from core.commands.givenfiles import place
from core.words import _

if TYPE_CHECKING:
    from core.commands.parting import Parting
    from core.dataset.readers import Reject, Source
    from core.dataset.recipes import Recipe

_COLUMNS = ["row", "column", "reason", "seen"]
SHOWN = 20  # rejected rows that are written out


@dataclass
class Outcome:
    """What became of the rows."""

    labels: Counter[str] = field(default_factory=Counter)
    rejects: list[Reject] = field(default_factory=list)
    examples: int = 0


def write_rejects(path: Path, rejects: list[Reject]) -> None:
    """A table of the rows that cannot be used; none where there are none."""
    if not rejects:
        path.unlink(missing_ok=True)  # of an earlier run: it would tell of rows that are mended
        return
    from core.dataset.export import guarded

    with path.open("w", encoding="utf-8-sig", newline="") as file:
        writer = csv.writer(file)
        several = any(r.file for r in rejects)
        writer.writerow(["file", *_COLUMNS] if several else _COLUMNS)
        for r in rejects:
            cells = [r.row, guarded(r.column), str(r.reason), guarded(r.seen)]
            writer.writerow([guarded(r.file), *cells] if several else cells)


def as_json(
    given: list[Path],
    source: Source,
    recipe: Recipe,
    outcome: Outcome,
    target: Path,
    recipe_target: Path | None,
    advice: list[Any],
    parts: Parting | None = None,
) -> str:
    """The same for scripts."""
    rejects = [
        {**place(r.file, given, source), "row": r.row, "column": r.column, "reason": str(r.reason), "seen": r.seen}
        for r in outcome.rejects
    ]
    return json.dumps(
        {
            "file": str(given[0]),
            "files": [str(path) for path in given],
            "format": source.format.value,
            "encoding": source.encoding,
            "sheet": source.sheet,
            "columns": list(source.columns),
            "left_out": [{"file": name, "reason": str(reason)} for name, reason in source.others],
            "recipe": recipe.as_dict(),
            "examples": outcome.examples,
            "rejected": len(rejects),
            "labels": dict(outcome.labels.most_common()),
            "rejects": rejects,
            "output": str(target),
            "recipe_file": str(recipe_target) if recipe_target else None,
            "advice": advice,
            **(parts.as_json() if parts else {}),
        },
        ensure_ascii=False,
    )


def as_text(
    source: Source, recipe: Recipe, outcome: Outcome, target: Path, recipe_target: Path | None, advice: list[str]
) -> str:
    """What was written, for a person to read."""
    lines = [
        _(
            "{file}: {format}, {encoding}, columns: {columns}",
            file=source.name,
            format=source.format.value,
            encoding=source.encoding,
            columns=", ".join(source.columns),
        ),
        *_understood(recipe),
        "",
        _("{number} {number:example|examples} written to {file}", number=f"{outcome.examples:,}", file=target),
        _("the recipe is in {file}", file=recipe_target)
        if recipe_target
        else _("the recipe that is there already was left as it is; --recipe applies it"),
    ]
    if outcome.labels:
        lines += ["", _("Labels")]
        lines += [f"  {count:6,}  {label}" for label, count in outcome.labels.most_common(SHOWN)]
        lines += _more(len(outcome.labels))
    if outcome.rejects:
        rejected = target.with_name(f"{target.stem.removesuffix('_prepared')}_rejected.csv")
        number = f"{len(outcome.rejects):,}"
        lines += [
            "",
            _(
                "{number} {number:row|rows} cannot be used; {number:it is|all of them are} listed in {file}",
                number=number,
                file=rejected,
            ),
        ]
        lines += [_rejected(reject) for reject in outcome.rejects[:SHOWN]]
        lines += _more(len(outcome.rejects))
    lines += advice
    return "\n".join([*lines, "", _("Next: {command}", command=f"python -m core check {target}")])


def _understood(recipe: Recipe) -> list[str]:
    from core.dataset.shapes import Shape
    from core.dataset.vocabulary import Role

    if recipe.shape is Shape.TABLE:
        return [_("This table was exported from Luopan: every row becomes the line that it was.")]
    if recipe.shape:
        return [_("The lines are in the format {shape} and were converted.", shape=recipe.shape.value)]
    if recipe.as_is:
        return [_("The lines are training examples already and were taken as they are.")]
    words = [f"{column} → {role.value}" for column, role in recipe.roles.items() if role is not Role.IGNORE]
    return [_("Columns understood as: {roles}", roles=", ".join(words))]


def _more(count: int) -> list[str]:
    return ["  " + _("… and {number} more", number=f"{count - SHOWN:,}")] if count > SHOWN else []


def _rejected(reject: Reject) -> str:
    where = f"{reject.file}, " if reject.file else ""
    where += _("row {row}", row=reject.row) + (f", {reject.column}" if reject.column else "")
    seen = f" [{' '.join(reject.seen.split())}]" if reject.seen else ""
    return f"  {where}: {reject.reason}{seen}"
