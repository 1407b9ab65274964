"""A training file is looked through, or written anew with everything masked, without a store: for the command line."""

from __future__ import annotations

import secrets
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from core.checks.files import read_lines
from core.checks.privacy import PERSONAL, Book, Style, findings, masked, rewritten, scan_row, texts_of
from core.checks.privacy.rows import load_any
from core.dataset.copying import copy_of, filled_lines
from core.privacy.showing import shown

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
    for number, line in filled_lines(path):
        _look(made, number, line, kept, scripts)
    made.scripts = dict(scripts.most_common())
    made.kinds = dict(sorted(made.kinds.items(), key=lambda item: -item[1]["rows"]))
    return made


def mask_file(path: Path, target: Path, style: Style = Style.KIND) -> tuple[int, int]:
    """Write a copy with all personal data and secrets masked: the rows that changed, and those too long to be read.

    Other lines stay byte for byte; the copy is there whole or not at all. Raises BadInput where it cannot be.
    """
    book = Book(secrets.token_bytes(16))
    changed = left = 0
    with copy_of(path, target) as part, path.open("rb") as file, part.open("wb") as out:
        for line in read_lines(file):
            if line is None:
                left += 1
                continue
            new = _masked(line, style, book)
            changed += new != line
            out.write(new + b"\n")
    return changed, left


def _masked(line: bytes, style: Style, book: Book) -> bytes:
    """A line of JSON keeps its shape; any other is a text like any other."""

    def change(text: str) -> str:
        return masked(text, PERSONAL, style, book)

    raw = line.decode("utf-8-sig", "surrogateescape")
    try:
        new = rewritten(raw, change)
    except (ValueError, TypeError, RecursionError):
        new = change(raw)
    return line if new == raw else new.encode("utf-8", "surrogateescape")


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
