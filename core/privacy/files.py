"""A training file is looked through, without a store: for the command line."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from core.checks.files import read_lines
from core.checks.privacy import findings, scan_row, texts_of
from core.checks.privacy.rows import load_any
from core.errors import BadInput
from core.privacy.showing import shown
from core.words import T

KEPT = 20  # finds of one kind that are written out


@dataclass
class FileScan:
    """What was found in a file. `first` holds the first finds of each kind, by half."""

    rows: int = 0
    rows_found: int = 0
    kinds: dict[str, dict[str, int]] = field(default_factory=dict)
    scripts: dict[str, int] = field(default_factory=dict)
    first: list[dict[str, Any]] = field(default_factory=list)

    def as_json(self) -> dict[str, Any]:
        """Plain values, by the names that scripts rely on."""
        return dict(vars(self))


def scan_file(path: Path) -> FileScan:
    """Look through a JSON Lines file. Raises BadInput where it cannot be read."""
    made = FileScan()
    kept: Counter[str] = Counter()
    scripts: Counter[str] = Counter()
    try:
        with path.open("rb") as file:
            for number, line in enumerate(read_lines(file), start=1):
                if line is not None and line.strip():
                    _look(made, number, line.decode("utf-8-sig", "replace"), kept, scripts)
    except OSError as error:
        raise BadInput(
            T("{file} cannot be read: {reason}.", file=path.name, reason=error.strerror or str(error))
        ) from error
    made.scripts = dict(scripts.most_common())
    made.kinds = dict(sorted(made.kinds.items(), key=lambda item: -item[1]["rows"]))
    return made


def _look(made: FileScan, number: int, raw: str, kept: Counter[str], scripts: Counter[str]) -> None:
    made.rows += 1
    found = scan_row(raw)
    scripts[found.script] += 1
    made.rows_found += bool(found.kinds)
    for kind, times in found.kinds.items():
        counts = made.kinds.setdefault(kind, {"rows": 0, "found": 0})
        counts["rows"] += 1
        counts["found"] += times
    if any(kept[kind] < KEPT for kind in found.kinds):
        for place, text in texts_of(load_any(raw)):
            for span in findings(text):
                kept[span.kind] += 1
                if kept[span.kind] <= KEPT:
                    made.first.append({"line": number, "field": place, "kind": span.kind, "seen": shown(text, span)})
