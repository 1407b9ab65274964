"""What a file is, told by its content and not by its ending."""

from __future__ import annotations

import dataclasses
import itertools
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import orjson

from core.dataset.encodings import detect, open_text
from core.dataset.examples import Kind, kind_of
from core.dataset.readers import delimited, objects, sheets, tables
from core.dataset.readers.headers import column_names, looks_like_header
from core.dataset.readers.tables import Record
from core.dataset.readers.values import Format, Reject, Row, Source
from core.errors import BadInput
from core.words import T

SAMPLE_ROWS = 200
_HEAD = 1 << 17  # characters
_SHEETS_LOOKED_AT = 20  # of a workbook whose first sheets hold no rows
_JSON_LINES_SAMPLE = 1_000
_OLE = bytes.fromhex("d0cf11e0a1b11ae1")  # .xls
_NO_TEXT = re.compile("[\x00-\x08\x0e-\x19\x1c-\x1f\ud800-\udfff]")  # control characters and undecodable bytes
_ENOUGH = 2_000  # characters from which on the share of such signs tells something
_OTHER_KINDS = {b"%PDF": "PDF", b"\x89PNG": "PNG", b"\xff\xd8\xff": "JPEG", b"\x1f\x8b": "gzip", b"Rar!": "RAR"}


def sniff(
    path: Path,
    name: str | None = None,
    *,
    sheet: str | None = None,
    encoding: str | None = None,
    header: bool | None = None,
) -> Source:
    """Recognise a file: format, encoding, sheets, columns, first rows. What is given is taken instead of guessed.

    Raises BadInput with what was seen and what to do where the file holds no rows we can read.
    """
    path = Path(path)
    name = name or path.name
    with path.open("rb") as file:
        magic = file.read(8)
    size = path.stat().st_size
    if not magic:
        raise BadInput(T("{file} is empty.", file=name), T("Choose a file with rows."))
    if magic.startswith((b"PK\x03\x04", _OLE)):
        source = _workbook(Source(path, name, Format.XLSX, size), sheet, header)
    else:
        source = _text(path, name, size, magic, encoding, header)
    if not source.sample and not source.rows_estimate and not (sheet and len(source.sheets) > 1):
        raise BadInput(
            T("{file} holds no rows that can be read.", file=name),
            T("Its first line names the columns, the rows follow."),
        )
    return source


def read(source: Source, sheet: str | None = None) -> Iterator[Row | Reject]:
    """Every row of a recognised file, or why it cannot be used; another sheet than the recognised one by its name."""
    if sheet and sheet != source.sheet:
        source = sniff(source.path, source.name, sheet=sheet)
    if source.format is Format.JSONL:
        return objects.lines(source)
    if source.format is Format.JSON:
        return objects.whole(source)
    return tables.rows(_records(source), source.columns, source.header)


def _records(source: Source) -> Iterator[Record | Reject]:
    if source.format is Format.XLSX:
        return _even(sheets.records(source.path, source.name, source.sheet), len(source.columns))
    return delimited.records(source)


def _even(records: Iterator[Record], width: int) -> Iterator[Record]:
    """A sheet has no short rows: what is missing is an empty cell."""
    for number, cells in records:
        yield number, cells + [""] * (width - len(cells))


def _workbook(source: Source, sheet: str | None, header: bool | None) -> Source:
    sheets.guard(source.path, source.name)
    names = sheets.sheet_names(source.path, source.name)
    source = dataclasses.replace(source, sheets=names)
    if sheet and sheet not in names:
        raise BadInput(
            T("{file} has no sheet called {sheet}.", file=source.name, sheet=sheet),
            T("Its sheets are: {names}.", names=", ".join(names)),
        )
    found = _sheet(source, sheet or names[0], header)
    if sheet or found.sample:
        return found
    others = (_sheet(source, name, header) for name in names[1:_SHEETS_LOOKED_AT])
    return next((other for other in others if other.sample), found)  # a cover sheet stands before the table


def _sheet(source: Source, chosen: str, header: bool | None) -> Source:
    """One sheet of a workbook, recognised."""
    heights: list[int] = []
    rows = sheets.records(source.path, source.name, chosen, heights.append)
    first = list(itertools.islice((record for record in rows if any(c.strip() for c in record[1])), SAMPLE_ROWS + 1))
    rows.close()  # type: ignore[attr-defined]  # a generator: stops the child
    source = dataclasses.replace(source, sheet=chosen, rows_estimate=heights[0])
    source = _named(source, _trimmed([cells for _, cells in first]), header)
    even = _even(iter(first), len(source.columns))
    return dataclasses.replace(source, sample=_sample(tables.rows(even, source.columns, source.header)))


def _trimmed(rows: list[list[str]]) -> list[list[str]]:
    """Without the columns at the right that are empty in every row."""
    width = max((place for row in rows for place, cell in enumerate(row, start=1) if cell.strip()), default=0)
    return [row[:width] for row in rows]


def _text(path: Path, name: str, size: int, magic: bytes, encoding: str | None, header: bool | None) -> Source:
    kind = next((kind for start, kind in _OTHER_KINDS.items() if magic.startswith(start)), None)
    if kind:
        raise BadInput(T("{file} is a {kind} file.", file=name, kind=kind), _FORMATS)
    found = encoding or detect(path)
    head, complete = _head(path, found, name)
    if head.count("\0") > len(head) // 100:
        raise BadInput(T("{file} is no text: it holds NUL characters.", file=name), _FORMATS)
    if len(head) > _ENOUGH and len(_NO_TEXT.findall(head)) > len(head) // 20:
        raise BadInput(T("{file} is no text: it holds signs that no text has.", file=name), _FORMATS)
    source = Source(path, name, Format.CSV, size, encoding=found)
    form = _json_form(head, complete)
    if form:
        return _objects(dataclasses.replace(source, format=form))
    favourite = "\t" if name.lower().endswith((".tsv", ".tab")) else ","
    layout = delimited.recognise(head, favourite)
    first = delimited.parse(head, layout)[: SAMPLE_ROWS + 1]
    source = dataclasses.replace(
        source,
        format=Format.TSV if layout.delimiter == "\t" else Format.CSV,
        delimiter=layout.delimiter,
        quoted=layout.quoted,
        rows_estimate=_estimate(head, complete, size, len(delimited.parse(head, layout))),
    )
    source = _named(source, first, header)
    return dataclasses.replace(source, sample=_sample(read(source)))


_FORMATS = T("Luopan reads CSV, TSV, XLSX, JSON and JSON Lines.")


def _head(path: Path, encoding: str, name: str) -> tuple[str, bool]:
    """The beginning of a text up to a line's end, and whether it is all of it."""
    try:
        with open_text(path, encoding, newline="") as file:
            head = file.read(_HEAD)
            complete = not file.read(1)
    except (LookupError, UnicodeError) as error:
        raise BadInput(T("{file} cannot be read as {encoding}.", file=name, encoding=encoding), _FORMATS) from error
    if not complete and "\n" in head:
        head = head[: head.rindex("\n") + 1]
    return head.removeprefix("\ufeff"), complete


def _estimate(head: str, complete: bool, size: int, rows: int) -> int:
    """About how many rows the whole file has."""
    return rows if complete else round(rows * size / max(1, len(head.encode("utf-8", "replace"))))


def _named(source: Source, first: list[list[str]], header: bool | None) -> Source:
    """Names for the columns."""
    if not first:
        return dataclasses.replace(source, rows_estimate=0)
    named = looks_like_header(first[0], first[1:]) if header is None else header
    width = len(first[0]) if source.format is not Format.XLSX else max(map(len, first))
    if not named:
        width = Counter(map(len, first)).most_common(1)[0][0]
    top = (first[0] + [""] * width)[:width]
    columns = column_names(top, named=named)
    return dataclasses.replace(source, header=named, columns=columns, rows_estimate=source.rows_estimate - named)


def _sample(rows: Iterator[Row | Reject]) -> tuple[Row, ...]:
    looked_at = itertools.islice(rows, SAMPLE_ROWS * 5)
    sample = tuple(itertools.islice((row for row in looked_at if isinstance(row, Row)), SAMPLE_ROWS))
    rows.close()  # type: ignore[attr-defined]  # a generator: closes its file
    return sample


def _json_form(head: str, complete: bool) -> Format | None:
    """JSON Lines where most lines are objects, JSON where a bracket opens the file, else neither."""
    start = head.lstrip()
    lines = [line for line in head.split("\n")[:50] if line.strip()]
    parsed = [value for line in lines if isinstance(value := _load(line), dict)]
    if len(parsed) * 2 >= len(lines) > 1 or (len(parsed) == 1 == len(lines) and not _is_container(parsed[0])):
        return Format.JSONL
    if start[:1] == "[" and start[1:].lstrip()[:1] in ("{", "]"):
        return Format.JSON
    if start[:1] == "{" and start[1:].lstrip()[:1] in ('"', "}"):
        several = sum(line.lstrip().startswith('{"') for line in lines) > len(lines) // 2 and len(lines) > 1
        return Format.JSONL if several or (len(lines) == 1 and not complete) else Format.JSON
    return None


def _is_container(body: dict[str, object]) -> bool:
    """Whether one object holds a list of objects, and is no training example itself."""
    lists = [v for v in body.values() if isinstance(v, list) and v and all(isinstance(item, dict) for item in v)]
    return bool(lists) and kind_of(body) is None


def _load(line: str) -> object:
    try:
        return orjson.loads(line)
    except orjson.JSONDecodeError:
        return None


def _objects(source: Source) -> Source:
    """Columns and sample of a file of objects; the training format that most of the sample is in."""
    if source.format is Format.JSON:
        every = list(objects.whole_items(source))
        items = [item for item in every[:_JSON_LINES_SAMPLE] if isinstance(item, objects.Item)]
        count = len(every)
    else:
        items, count = _first_lines(source)
    source = dataclasses.replace(
        source, columns=objects.columns_of(items), rows_estimate=count, training=_training(items)
    )
    return dataclasses.replace(source, sample=_sample(read(source)))


def _first_lines(source: Source) -> tuple[list[objects.Item], int]:
    """The objects of the first lines, and about how many lines the file has."""
    items: list[objects.Item] = []
    seen = 0
    with open_text(source.path, source.encoding, newline="\n") as file:
        for number in range(1, _JSON_LINES_SAMPLE + 1):
            line = file.readline(objects.MAX_LINE)
            if not line:
                return items, number - 1
            seen += len(line.encode("utf-8", "replace"))
            found = objects.parse_line(number, line)
            if isinstance(found, objects.Item):
                items.append(found)
    return items, round(_JSON_LINES_SAMPLE * source.size / max(1, seen))


def _training(items: list[objects.Item]) -> Kind | None:
    kinds = Counter(kind_of(item.body) for item in items)
    kind, count = kinds.most_common(1)[0] if kinds else (None, 0)
    if kind is Kind.COMPLETION and not all(isinstance(i.body.get("prompt"), str) for i in items[:1]):
        return None
    return kind if kind and count * 2 > len(items) else None
