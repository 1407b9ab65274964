"""Exports: a file is written once for each state of a dataset, and handed out from there."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterable
from pathlib import Path

from core import words
from core.dataset import export, workbook
from core.dataset.examples import Example, Split
from core.settings import Settings
from core.store import Dataset, Filter, Store
from core.words import _

KEPT = 24 * 3600.0  # seconds that a written file is kept
EDIT = "edit.xlsx"  # the workbook that can be edited and brought back
FORMATS = {
    "jsonl": "application/x-ndjson",
    "csv": "text/csv",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    EDIT: "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}


def place(settings: Settings, dataset: Dataset, kind: str, split: str | None, special: bool) -> Path:
    """Where the file of this state of a dataset lies: its revision is part of the name.

    `special` is the one choice that a format offers: guarded cells in CSV, a byte-order mark in JSON Lines.
    """
    parts = [
        words.current() if kind == EDIT else "any",
        str(dataset.id),
        str(dataset.revision),
        split if split is not None else "all",
        "special" if special else "plain",
    ]
    return settings.folder("exports") / f"{'-'.join(parts)}.{kind}"


def write(store: Store, dataset: Dataset, path: Path, kind: str, split: str | None, special: bool) -> int:
    """Write the rows of a split (None: all) in a format; the number of rows. Old exports beside it go."""
    tidy(path.parent)
    rows = store.examples(dataset.id, Filter(split=split))
    writers: dict[str, Callable[[Iterable[Example], Path], int]] = {
        "jsonl": lambda examples, to: export.to_jsonl(examples, to, bom=special),
        "csv": lambda examples, to: export.to_csv(examples, to, guard=special),
        "xlsx": export.to_xlsx,
        EDIT: lambda examples, to: workbook.write(to, dataset, examples, sorted(store.label_counts(dataset.id))),
    }
    return writers[kind](rows, path)


def tidy(folder: Path) -> None:
    """Remove exports that nobody fetched for a day."""
    for path in folder.iterdir():
        if path.is_file() and time.time() - path.stat().st_mtime > KEPT:
            path.unlink(missing_ok=True)


def file_name(dataset: Dataset, kind: str, split: str | None) -> str:
    """What the file is called for the person: the dataset's name without what a file system may refuse."""
    stem = re.sub(r'[\x00-\x1f<>:"/\\|?*]+', " ", dataset.name).strip(" .")[:80] or "dataset"
    kind = f" ({_('to edit')}).xlsx" if kind == EDIT else f".{kind}"
    return f"{stem}-{split}{kind}" if split else f"{stem}{kind}"


def rows_in(store: Store, dataset: Dataset, split: str | None) -> int:
    """How many rows an export has."""
    return dataset.rows if split is None else store.split_counts(dataset.id).get(Split(split), 0)
