"""What a file is, told by its content and not by its ending."""

from __future__ import annotations

import dataclasses
import itertools
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from core.dataset import mojibake
from core.dataset.encodings import detect, open_text
from core.dataset.readers import (
    delimited,
    markup,
    objects,
    packed,
    parquet,
    several,
    sheets,
    tables,
    training,
)
from core.dataset.readers.headers import column_names, header_place, looks_like_header
from core.dataset.readers.packed import Member
from core.dataset.readers.tables import Even, Run
from core.dataset.readers.values import Block, Format, Reject, Row, Source
from core.errors import BadInput
from core.words import T

SAMPLE_ROWS = 200
_HEAD = 1 << 17  # characters
_SHEETS_LOOKED_AT = 20  # of a workbook whose first sheets hold no rows
_JSON_LINES_SAMPLE = 1_000
_OLE = bytes.fromhex("d0cf11e0a1b11ae1")  # .xls
_NO_TEXT = re.compile("[\x00-\x08\x0e-\x19\x1c-\x1f\ud800-\udfff]")  # control characters and undecodable bytes
_ENOUGH = 2_000  # characters from which on the share of such signs tells something
_OTHER_KINDS = {
    b"%PDF": "PDF",
    b"\x89PNG": "PNG",
    b"\xff\xd8\xff": "JPEG",
    b"Rar!": "RAR",
    b"7z\xbc\xaf\x27\x1c": "7-Zip",
    b"\x28\xb5\x2f\xfd": "Zstandard",
}


def sniff(
    path: Path,
    name: str | None = None,
    *,
    sheet: str | None = None,
    encoding: str | None = None,
    header: bool | int | None = None,
) -> Source:
    """Recognise a file: format, encoding, sheets, columns, first rows. What is given is taken instead of guessed.

    A folder of kept files and a packed file are read as the files in them. `header` is whether the first row names
    the columns, or the number of the row that does.

    Raises BadInput with what was seen and what to do where the file holds no rows we can read.
    """
    path = Path(path)
    name = name or path.name
    if path.is_dir():
        return sniff_all(several.members(path), name, path, sheet=sheet, encoding=encoding, header=header)
    _is_there(path, name)
    if path.stat().st_size and packed.is_packed(path):
        files = packed.unpacked(path, name)
        return sniff_all(files, name, path, sheet=sheet, encoding=encoding, header=header, archive=True)
    with path.open("rb") as file:
        magic = file.read(8)
    size = path.stat().st_size
    if not magic:
        raise BadInput(T("{file} is empty.", file=name), T("Choose a file with rows."))
    if magic.startswith((b"PK\x03\x04", _OLE)):
        source = _workbook(Source(path, name, sheets.format_of(path), size), sheet, header)
    elif magic.startswith(parquet.MAGIC):
        source = _parquet(Source(path, name, Format.PARQUET, size))
    else:
        source = _text(path, name, size, magic, encoding, header)
    if not source.sample and not source.rows_estimate and not (sheet and len(source.sheets) > 1):
        raise BadInput(
            T("{file} holds no rows that can be read.", file=name),
            T("Its first line names the columns, the rows follow."),
        )
    texts = (cell for row in source.sample for cell in row.cells.values())
    return dataclasses.replace(source, garbled=mojibake.share(texts))


def _is_there(path: Path, name: str) -> None:
    """Pipes and devices may wait or go on for ever: they are not even opened. Raises BadInput."""
    if path.is_file():
        return
    if path.exists():
        raise BadInput(T("{file} is no file.", file=name), T("Choose a file with rows."))
    raise BadInput(T("There is no file {file}.", file=name), T("Check its name and its folder."))


def sniff_all(
    files: Sequence[Member],
    name: str,
    path: Path,
    *,
    sheet: str | None = None,
    encoding: str | None = None,
    header: bool | int | None = None,
    archive: bool = False,
) -> Source:
    """Recognise several files that are read as one, called `name`. Of those of an archive only the examples count,
    where there are some. Raises BadInput, also where they do not fit."""
    if len(files) == 1:
        return sniff(files[0].path, files[0].name, sheet=sheet, encoding=encoding, header=header)
    if not files:
        raise BadInput(T("{file} is empty.", file=name), T("Choose a file with rows."))
    each = sheet if sheet == several.ALL_SHEETS else None
    found, others = several.recognised(
        files, lambda file: sniff(file.path, file.name, sheet=each, encoding=encoding, header=header)
    )
    if archive:
        found, along = several.examples_only(found)
        others += along
    return several.join(path, name, found, SAMPLE_ROWS, others)


def read(source: Source, sheet: str | None = None) -> Iterator[Row | Reject]:
    """Every row of a recognised file, or why it cannot be used; another sheet than the recognised one by its name."""
    if sheet and sheet != source.sheet:
        source = sniff(source.path, source.name, sheet=sheet)
    if source.parts:
        return _one_after_the_other(source)
    if source.format.is_table:
        return tables.rows(read_blocks(source), source.columns)
    if source.format is Format.JSONL:
        return objects.lines(source)
    return objects.whole(source) if source.format is Format.JSON else parquet.rows(source)


def read_blocks(source: Source) -> Iterator[Block | Reject]:
    """What `read` gives, many rows at once and as columns, which takes a third of the time."""
    if source.parts:
        for part in source.parts:
            for found in read_blocks(part):
                name = _within(part, found.file)
                if isinstance(found, Reject):
                    yield dataclasses.replace(found, file=name)
                    continue
                columns = dict(zip(part.columns, found.columns, strict=True))
                missing = ("",) * len(found.numbers)
                yield Block(found.numbers, [columns.get(column, missing) for column in source.columns], name)
    elif source.format.is_table:
        runs: Iterator[Run | Even | Reject] = (
            markup.records(source) if source.format.is_markup else delimited.records(source)
        )
        if source.format.is_sheet:
            runs = sheets.records(source.path, source.name, source.sheet, source.span)
        yield from tables.blocks(runs, source.columns, source.header, source.top)
    else:
        yield from tables.together(read(source), source.columns)


def _one_after_the_other(source: Source) -> Iterator[Row | Reject]:
    for part in source.parts:
        for row in read(part):
            if isinstance(row, Reject):
                yield dataclasses.replace(row, file=_within(part, row.file))
            else:
                cells = dict.fromkeys(source.columns, "") | row.cells
                yield row._replace(cells=cells, file=_within(part, row.file))


def _within(part: Source, member: str) -> str:
    """The name of a part, and of the file in it where that has several."""
    if member.startswith(part.name):
        return member  # a sheet, which is called after its workbook
    return f"{part.name}/{member}" if member else part.name


def _workbook(source: Source, sheet: str | None, header: bool | int | None) -> Source:
    names = sheets.guarded_names(source.path, source.name)
    source = dataclasses.replace(source, sheets=names)
    if sheet == several.ALL_SHEETS:
        return several.sheets_alike([_let_go(_sheet(source, name, header)) for name in names], source.name, SAMPLE_ROWS)
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


def _let_go(source: Source) -> Source:
    sheets.let_go(source.path, source.sheet)
    return source


def _sheet(source: Source, chosen: str, header: bool | int | None) -> Source:
    """One sheet of a workbook, recognised."""
    height, first = sheets.look(source.path, source.name, chosen, SAMPLE_ROWS + 1)
    source = dataclasses.replace(source, sheet=chosen, rows_estimate=height)
    source = _named(source, _trimmed(first), header)
    each = (Run(number, [cells], sound=False) for number, cells in first)
    blocks = tables.blocks(each, source.columns, source.header, source.top)
    found = _shaped(source, _sample(tables.rows(blocks, source.columns)))
    return _with_formulas(found) if source.format is Format.XLSX else found


def _with_formulas(source: Source) -> Source:
    """A sheet with what is said of its formulas that were never calculated; they are looked for where cells are
    empty."""
    if source.sample and all(all(row.cells.values()) for row in source.sample):
        return source
    from core.dataset.readers import formulas

    found = formulas.uncalculated(source.path, source.sheet, source.columns)
    if not found:
        return source
    told = T(
        "values of formulas that were never calculated: {n}, the first in cell {cell} of the sheet {sheet}. Open the"
        " file in Excel or LibreOffice, save it, and bring it again.",
        n=len(found),
        cell=next(iter(found.values())),
        sheet=source.sheet,
    )
    return dataclasses.replace(source, uncalculated=found, others=(*source.others, (source.sheet, told)))


def _parquet(source: Source) -> Source:
    count, columns, first = parquet.head(source.path, source.name, _JSON_LINES_SAMPLE)
    items = [item for item in first if isinstance(item, objects.Item)]
    names = objects.columns_of([objects.Item(0, "", dict.fromkeys(columns)), *items])
    kind, shape = training.of_objects(items)
    source = dataclasses.replace(source, columns=names, rows_estimate=count, training=kind, shape=shape)
    return dataclasses.replace(source, sample=_sample(read(source)))


def _shaped(source: Source, sample: tuple[Row, ...]) -> Source:
    """A table with its sample; its columns may be those of a training file."""
    kind, shape = training.of_rows(source.columns, sample)
    return dataclasses.replace(source, sample=sample, shape=shape, training=kind)


def _trimmed(rows: list[tuple[int, list[str]]]) -> list[tuple[int, list[str]]]:
    """Without the columns at the right that are empty in every row."""
    filled = (place for _, row in rows for place, cell in enumerate(row, start=1) if cell.strip())
    width = max(filled, default=0)
    return [(number, row[:width]) for number, row in rows]


def _text(path: Path, name: str, size: int, magic: bytes, encoding: str | None, header: bool | int | None) -> Source:
    kind = next((kind for start, kind in _OTHER_KINDS.items() if magic.startswith(start)), None)
    if kind:
        raise BadInput(T("{file} is a {kind} file.", file=name, kind=kind), _FORMATS)
    found = encoding or detect(path)
    head, complete = _head(path, found, name)
    if len(head) > _ENOUGH and len(_NO_TEXT.findall(head)) > len(head) // 20:
        raise BadInput(T("{file} is no text: it holds signs that no text has.", file=name), _FORMATS)
    source = Source(path, name, Format.CSV, size, encoding=found)
    if marked := markup.form_of(head):
        return _marked_up(dataclasses.replace(source, format=marked), header)
    form = training.json_form(head, complete)
    if form:
        return _objects(dataclasses.replace(source, format=form))
    favourite = "\t" if name.lower().endswith((".tsv", ".tab")) else ","
    layout = delimited.recognise(head, favourite)
    found_rows = delimited.numbered(head, layout)
    source = dataclasses.replace(
        source,
        format=Format.TSV if layout.delimiter == "\t" else Format.CSV,
        delimiter=layout.delimiter,
        quoted=layout.quoted,
        rows_estimate=_estimate(head, complete, size, len(found_rows)),
    )
    source = _named(source, found_rows[: SAMPLE_ROWS + 1], header)
    return _shaped(source, _sample(read(source)))


def _marked_up(source: Source, header: bool | int | None) -> Source:
    """A table in markup: its rows come as from a sheet, and as from a text their encoding may be another."""
    each = ((run.number + place, cells) for run in markup.records(source) for place, cells in enumerate(run.rows))
    filled = list(itertools.islice((row for row in each if any(map(str.strip, row[1]))), SAMPLE_ROWS + 1))
    count = len(filled) if len(filled) <= SAMPLE_ROWS else markup.height(source)
    source = dataclasses.replace(source, rows_estimate=count)
    source = _named(source, _trimmed(filled), header)
    return _shaped(source, _sample(read(source)))


_FORMATS = T("Luopan reads CSV, TSV, XLSX, XLS, ODS, JSON, JSON Lines and Parquet, packed ones too.")


def _head(path: Path, encoding: str, name: str) -> tuple[str, bool]:
    """The beginning of a text up to a line's end, and whether it is all of it."""
    try:
        with open_text(path, encoding, newline="") as file:
            head = file.read(_HEAD)
            complete = not file.read(1)
    except (LookupError, UnicodeError) as error:
        raise BadInput(T("{file} cannot be read as {encoding}.", file=name, encoding=encoding), _FORMATS) from error
    if head.count("\0") > len(head) // 100:
        raise BadInput(T("{file} is no text: it holds NUL characters.", file=name), _FORMATS)
    if not complete and "\n" in head:
        head = head[: head.rindex("\n") + 1]
    return head.removeprefix("\ufeff"), complete


def _estimate(head: str, complete: bool, size: int, rows: int) -> int:
    """About how many rows the whole file has."""
    if complete:
        return rows
    # The head ends with its last whole line; of long rows it may hold none but the header.
    return round(rows * size / max(_HEAD, len(head.encode("utf-8", "replace"))))


def _named(source: Source, rows: list[tuple[int, list[str]]], header: bool | int | None) -> Source:
    """Names for the columns, and the number of rows above them."""
    if not rows:
        return dataclasses.replace(source, rows_estimate=0)
    start = _header_start(rows, header)
    top = rows[start][0] - 1 if start else 0
    first = [cells for _, cells in rows[start:]]
    names = [mojibake.mended(cell) for cell in first[0]]
    named = looks_like_header(names, first[1:]) if header is None else bool(header)
    width = len(names) if not source.format.is_sheet else max(map(len, first))
    if not named:
        width = Counter(map(len, first)).most_common(1)[0][0]
    columns = column_names((names + [""] * width)[:width], named=named)
    rows_estimate = max(0, source.rows_estimate - named - (top if source.format.is_sheet else start))
    return dataclasses.replace(source, header=named, columns=columns, rows_estimate=rows_estimate, top=top)


def _header_start(rows: list[tuple[int, list[str]]], header: bool | int | None) -> int:
    """The place of the first row that counts."""
    if header is None:
        return header_place(rows)
    if isinstance(header, bool):
        return 0
    return next((place for place, (number, _) in enumerate(rows) if number >= header), 0)


def _sample(rows: Iterator[Row | Reject]) -> tuple[Row, ...]:
    sample: list[Row] = []
    endless: Reject | None = None
    for row in itertools.islice(rows, SAMPLE_ROWS * 5):
        if isinstance(row, Row):
            sample.append(row)
        elif row.endless:
            endless = row  # finding where such a line ends may take long
        if endless or len(sample) == SAMPLE_ROWS:
            break
    rows.close()  # type: ignore[attr-defined]  # a generator: closes its file
    if endless and not sample:
        raise BadInput(endless.reason, T("Choose a file with rows."))
    return tuple(sample)


def _objects(source: Source) -> Source:
    """Columns and sample of a file of objects; the training format that most of the sample is in."""
    if source.format is Format.JSON:
        every = list(objects.whole_items(source))
        items = [item for item in every[:_JSON_LINES_SAMPLE] if isinstance(item, objects.Item)]
        count = len(every)
    else:
        items, count = _first_lines(source)
    kind, shape = training.of_objects(items)
    source = dataclasses.replace(
        source, columns=objects.columns_of(items), rows_estimate=count, training=kind, shape=shape
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
            if len(line) == objects.MAX_LINE:
                break
            seen += len(line.encode("utf-8", "replace"))
            found = objects.parse_line(number, line)
            if isinstance(found, objects.Item):
                items.append(found)
    return items, round(_JSON_LINES_SAMPLE * source.size / max(1, seen))
