"""Several files read as one: a folder of kept files, and what their recognised sources have in common."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path

from core.dataset.readers.packed import Member
from core.dataset.readers.values import Format, Source
from core.errors import BadInput
from core.words import T, _

_NAME = ".name"


def write_name(path: Path, name: str) -> None:
    """Keep what its owner calls a file, beside it."""
    path.with_name(path.name + _NAME).write_text(name, encoding="utf-8", errors="replace")


def members(folder: Path) -> list[Member]:
    """The files kept in a folder, in their order."""
    names = sorted(folder.glob(f"*{_NAME}"))
    return [Member(name.with_suffix(""), name.read_text(encoding="utf-8")) for name in names]


def title(names: Sequence[str]) -> str:
    """One name for several files: "a.csv and 2 more"."""
    return names[0] if len(names) == 1 else _("{name} and {n} more", name=names[0], n=len(names) - 1)


def join(path: Path, name: str, parts: Sequence[Source], sample_rows: int) -> Source:
    """The files as one: all their columns, rows one file after the other. Raises BadInput where they do not fit."""
    first = parts[0]
    other = next((part for part in parts if (part.training, part.shape) != (first.training, first.shape)), None)
    if other is not None:
        message = T("{file} and {other} hold different things.", file=first.name, other=other.name)
        raise BadInput(message, T("Bring together only tables, or only examples in the same format."))
    columns = tuple(dict.fromkeys(column for part in parts for column in part.columns))
    encodings = {part.encoding for part in parts if part.format.is_text}
    each = max(1, sample_rows // len(parts))
    return dataclasses.replace(
        first,
        path=path,
        name=name,
        format=first.format if len({part.format for part in parts}) == 1 else Format.SEVERAL,
        encoding=next(iter(encodings)) if len(encodings) == 1 else "",
        delimiter=first.delimiter if len({part.delimiter for part in parts}) == 1 else "",
        size=sum(part.size for part in parts),
        rows_estimate=sum(part.rows_estimate for part in parts),
        columns=columns,
        sheets=(),
        sheet="",
        sample=tuple(
            row._replace(cells=dict.fromkeys(columns, "") | row.cells, file=part.name)
            for part in parts
            for row in part.sample[:each]
        ),
        garbled=max(part.garbled for part in parts),
        parts=tuple(parts),
    )
