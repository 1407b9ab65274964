"""Several files read as one: a folder of kept files, and what their recognised sources have in common."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from pathlib import Path

from core.dataset.readers.packed import Member
from core.dataset.readers.values import Format, Source, excerpt
from core.dataset.vocabulary import plain
from core.errors import BadInput
from core.words import T, Text, _

ALL_SHEETS = "*"  # in place of a sheet's name; none can be called so
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


def recognised(
    files: Sequence[Member], recognise: Callable[[Member], Source]
) -> tuple[list[Source], list[tuple[str, Text | str]]]:
    """The files that hold rows, and the names of the others (notes, pictures) with the reason. Raises BadInput where
    none does."""
    found: list[Source] = []
    others: list[tuple[str, Text | str]] = []
    faults: list[BadInput] = []
    for file in files:
        try:
            found.append(recognise(file))
        except BadInput as fault:
            faults.append(fault)
            others.append((file.name, fault.message))
    if not found:
        raise faults[0]
    notes = [part for part in found if _is_note(part, found)]
    others += [(part.name, T("{file} is no table: each line is one text.", file=part.name)) for part in notes]
    return [part for part in found if part not in notes], others


def _is_note(part: Source, parts: Sequence[Source]) -> bool:
    """Whether it is a text of which no other file has the only column, among tables or training files."""
    if part.training or not part.format.is_text or not part.format.is_table or len(part.columns) > 1:
        return False
    others = [other for other in parts if other.training or len(other.columns) > 1]
    names = {plain(column) for other in others for column in other.columns}
    return bool(others) and plain(part.columns[0]) not in names


def join(
    path: Path, name: str, parts: Sequence[Source], sample_rows: int, others: Sequence[tuple[str, Text | str]] = ()
) -> Source:
    """The files as one: all their columns, rows one file after the other. Raises BadInput where they do not fit."""
    first = parts[0]
    other = next((part for part in parts if (part.training, part.shape) != (first.training, first.shape)), None)
    if other is not None:
        message = T("{file} and {other} hold different things.", file=first.name, other=other.name)
        raise BadInput(message, T("Bring together only tables, or only examples in the same format."))
    parts = _alike(parts)
    columns = tuple(dict.fromkeys(column for part in parts for column in part.columns))
    encodings = {part.encoding for part in parts if part.format.is_text}
    each = max(1, sample_rows // len(parts))
    return dataclasses.replace(
        first,
        path=path,
        name=name,
        format=first.format if len({part.format for part in parts}) == 1 else Format.SEVERAL,
        encoding=next(iter(encodings or {first.encoding})) if len(encodings) < 2 else "",
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
        others=(*others, *(other for part in parts for other in part.others)),
        uncalculated={},
    )


def sheets_alike(found: Sequence[Source], name: str, sample_rows: int) -> Source:
    """The sheets of a workbook that have the columns which most of them have, as one; the others are told."""
    filled = [sheet for sheet in found if sheet.sample]
    if not filled:
        return found[0]
    sets = [frozenset(plain(column) or column for column in sheet.columns) for sheet in filled]
    usual = max(sets, key=lambda names: (sets.count(names), -sets.index(names)))
    parts = [
        dataclasses.replace(sheet, name=f"{name} › {sheet.sheet}")
        for sheet, names in zip(filled, sets, strict=True)
        if usual <= names
    ]
    others = [
        (
            sheet.sheet,
            T(
                "The sheet {sheet} has other columns: {columns}.",
                sheet=sheet.sheet,
                columns=excerpt(", ".join(sheet.columns)),
            ),
        )
        for sheet, names in zip(filled, sets, strict=True)
        if not usual <= names
    ]
    whole = join(parts[0].path, name, parts, sample_rows, others)
    return dataclasses.replace(whole, sheets=parts[0].sheets, sheet=ALL_SHEETS)


def examples_only(found: Sequence[Source]) -> tuple[list[Source], list[tuple[str, Text | str]]]:
    """Of what an archive holds, the files of training examples, where there are some, in one format; and what came
    along in JSON (settings, lists, as beside the conversations that a chat service hands out), with the reason."""
    formats = {(part.training, part.shape) for part in found if part.training}
    along = {part.format for part in found if not part.training}
    if len(formats) != 1 or not along <= {Format.JSON, Format.JSONL}:
        return list(found), []
    chosen = [part for part in found if part.training]
    first = chosen[0].name
    return chosen, [
        (part.name, T("{file} holds no examples, as {other} does.", file=part.name, other=first))
        for part in found
        if not part.training
    ]


def _alike(parts: Sequence[Source]) -> list[Source]:
    """The tables with the same name for columns that are called the same but for case, blanks and underscores."""
    known: dict[str, str] = {}
    return [_renamed(part, known) if part.format.is_table else part for part in parts]


def _renamed(part: Source, known: dict[str, str]) -> Source:
    plain_names = [plain(column) or column for column in part.columns]
    names = {
        column: known.setdefault(name, column) if plain_names.count(name) == 1 else column
        for column, name in zip(part.columns, plain_names, strict=True)
    }
    if len(set(names.values())) < len(names):  # another column of this file has the other file's very name
        return part
    sample = tuple(
        row._replace(cells={names[column]: cell for column, cell in row.cells.items()}) for row in part.sample
    )
    return dataclasses.replace(part, columns=tuple(names.values()), sample=sample)
