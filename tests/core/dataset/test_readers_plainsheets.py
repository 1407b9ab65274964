"""Sheets of texts that are cut at their marks: the same rows as a parser gives, or the parser's own."""

from __future__ import annotations

import os
import re
import time
import tracemalloc
import zipfile
from collections.abc import Callable, Iterable
from pathlib import Path
from xml.sax.saxutils import escape

import openpyxl
import pytest
import xlsxwriter
from hypothesis import given, settings
from hypothesis import strategies as st

from core.dataset.readers import Row, opened_once, plainmarkup, plainsheets, read, sheets, sniff
from core.dataset.readers.tables import Even
from core.errors import BadInput

OPEN = '<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main">'
SHEET, SHARED = "xl/worksheets/sheet1.xml", "xl/sharedStrings.xml"
ROWS = [["问题", "answer", "标签"]] + [[f"第 {n} <q> & “x”", f'a "{n}"\n ', f"c{n % 3}"] for n in range(12_000)]


def written_by_xlsxwriter(path: Path, rows: Iterable[list[str]], *, shared: bool) -> None:
    book = xlsxwriter.Workbook(str(path), {"constant_memory": not shared})
    sheet = book.add_worksheet("表")
    for number, row in enumerate(rows):
        for place, cell in enumerate(row):
            sheet.write_string(number, place, cell)
    book.close()


def written_by_openpyxl(path: Path, rows: Iterable[list[str]], *, streaming: bool) -> None:
    book = openpyxl.Workbook(write_only=streaming)
    sheet = book.create_sheet("表", 0)
    for row in rows:
        sheet.append(row)
    book.save(path)


WRITERS: dict[str, Callable[[Path], None]] = {
    "in the cells": lambda path: written_by_xlsxwriter(path, ROWS, shared=False),
    "shared": lambda path: written_by_xlsxwriter(path, ROWS, shared=True),
    "openpyxl": lambda path: written_by_openpyxl(path, ROWS[:500], streaming=False),
    "openpyxl, streaming": lambda path: written_by_openpyxl(path, ROWS[:500], streaming=True),
}


def cells(path: Path) -> list[list[str]]:
    """All rows of the first sheet, by whoever reads them."""
    names = sheets.guarded_names(path, path.name)
    return [row for run in sheets.records(path, path.name, names[0]) for row in run.rows]


def by_the_child(path: Path, monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    with monkeypatch.context() as patched:
        patched.setattr(plainsheets, "look", lambda *_: None)
        return cells(path)


@pytest.mark.parametrize("name", WRITERS)
def test_what_programs_write_is_read_as_a_parser_reads_it(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.xlsx"
    WRITERS[name](path)
    found = cells(path)
    assert found == by_the_child(path, monkeypatch)
    assert found[1][0] == "第 0 <q> & “x”"


@pytest.mark.parametrize("name", ["in the cells", "shared"])
def test_it_needs_no_child(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.xlsx"
    WRITERS[name](path)
    monkeypatch.setattr(sheets, "_from_child", None)
    with opened_once():
        source = sniff(path)
        rows = list(read(source))
    assert (source.sheets, source.columns, source.rows_estimate) == (("表",), ("问题", "answer", "标签"), 12_000)
    assert rows[-1] == Row(12_001, dict(zip(ROWS[0], ROWS[-1], strict=True)))


def workbook(path: Path, sheet: str, shared: str | bytes = "") -> Path:
    """A workbook with this sheet and these shared texts."""
    plain = path.with_name("plain.xlsx")
    if not plain.exists():
        written_by_xlsxwriter(plain, [["a"]], shared=True)
    with zipfile.ZipFile(plain) as old, zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist():
            new.writestr(name, {SHEET: sheet, SHARED: shared}.get(name) or old.read(name))
    return path


def sheet_of(rows: str, reach: str = "B99") -> str:
    return f'<?xml version="1.0"?>{OPEN}<dimension ref="A1:{reach}"/><sheetData>{rows}</sheetData></worksheet>'


def inline(number: int, *texts: str, more: str = "", mark: str = "<t>") -> str:
    listed = (f'<c r="{"ABC"[n]}{number}" t="inlineStr"><is>{mark}{t}</t></is></c>' for n, t in enumerate(texts))
    return f'<row r="{number}"{more}>{"".join(listed)}</row>'


def shared_of(*texts: str, more: str = "") -> str:
    return f'<sst count="9">{"".join(f"<si><t>{text}</t>{more}</si>" for text in texts)}</sst>'


HEAD = inline(1, "question", "answer")
# Sheets that are unlike the ones above in one thing: whoever reads them, the rows are the same.
UNLIKE = {
    "blanks at the ends": HEAD + inline(2, " a ", "\tb\n"),
    "blanks that count": HEAD + inline(2, " a ", " b ", mark='<t xml:space="preserve">'),
    "both": HEAD + inline(2, " a ", "b") + inline(3, " a ", "b", mark='<t xml:space="preserve">'),
    "entities": HEAD + inline(2, "&amp;lt; &lt;b&gt;", "&quot;&apos;"),
    "a number of a sign": HEAD + inline(2, "&#20013;", "b"),
    "an escaped sign": HEAD + inline(2, "a_x000D_b", "_x005F_"),
    "a name with underscores": HEAD + inline(2, "max_x_value", "_x12_"),
    "other line breaks": HEAD + inline(2, "a\r\nb", "c\rd"),
    "a comment": HEAD + inline(2, "a<!-- <t>x</t> -->b", "c"),
    "a marked section": HEAD + inline(2, "<![CDATA[a<b]]>", "c"),
    "rich text": HEAD + '<row r="2"><c r="A2" t="inlineStr"><is><r><t>a</t></r><r><t>b</t></r></is></c></row>',
    "an empty text": HEAD + inline(2, "", "b"),
    "a cell too few": HEAD + inline(2, "a") + inline(3, "a", "b"),
    "a cell too many": HEAD + inline(2, "a", "b", "c"),
    "a row left out": HEAD + inline(3, "a", "b"),
    "a row twice": HEAD + inline(2, "a", "b") + inline(2, "c", "d"),
    "heights of rows": HEAD + "".join(inline(n, "a", "b", more=f' ht="{n}.5"') for n in range(2, 20)),
    "a row without an end": HEAD + inline(2, "a", "b").replace("</row>", ""),
    "a cell of another row": HEAD + inline(2, "a", "b").replace('"B2"', '"B7"'),
    "numbers": '<row r="1"><c r="A1"><v>7</v></c><c r="B1"><v>120</v></c></row>',
    "a number with zeros": '<row r="1"><c r="A1"><v>007</v></c><c r="B1"><v>1</v></c></row>',
    "fractions": '<row r="1"><c r="A1"><v>7.50</v></c><c r="B1"><v>1E3</v></c></row>',
    "large numbers": '<row r="1"><c r="A1"><v>12345678901234567890</v></c><c r="B1"><v>1</v></c></row>',
    "a number with a style": '<row r="1"><c r="A1" s="0"><v>7</v></c><c r="B1"><v>1</v></c></row>',
    "a truth": '<row r="1"><c r="A1" t="b"><v>1</v></c><c r="B1"><v>1</v></c></row>',
    "shared texts": '<row r="1"><c r="A1" t="s"><v>1</v></c><c r="B1" t="s"><v>0</v></c></row>',
    "shared texts and numbers": '<row r="1"><c r="A1" t="s"><v>1</v></c><c r="B1"><v>0</v></c></row>',
}


@pytest.mark.parametrize("name", UNLIKE)
def test_a_sheet_that_is_unlike_others_has_the_same_rows(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = workbook(tmp_path / "a.xlsx", sheet_of(UNLIKE[name]), shared_of("x &amp; y", "中"))
    found = cells(path)
    expected = by_the_child(path, monkeypatch)
    width = max(len(row) for row in expected)
    assert [row + [""] * (width - len(row)) for row in found] == expected


@pytest.mark.parametrize(
    "shared",
    [
        shared_of("a", " b "),
        shared_of("问", "答", more='<phoneticPr fontId="1" type="noConversion"/>'),
        '<sst><si><t>a</t></si><si><t xml:space="preserve"> b </t></si></sst>',
        "<sst><si><r><t>a</t></r></si><si><t>b</t></si></sst>",
        "<sst><si><t>a</t><rPh><t>x</t></rPh></si><si><t>b</t></si></sst>",
        "<sst><si><t/></si><si><t>b</t></si></sst>",
    ],
)
def test_shared_texts_are_those_of_the_parser(shared: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = "".join(
        f'<row r="{n}"><c r="A{n}" s="1" t="s"><v>0</v></c><c r="B{n}" t="s"><v>1</v></c></row>' for n in range(1, 9)
    )
    path = workbook(tmp_path / "a.xlsx", sheet_of(rows), shared)
    assert cells(path) == by_the_child(path, monkeypatch)


@pytest.mark.parametrize(
    "shared",
    [
        shared_of("a", "b" + "<x>" * 2_000_000),  # marks without an end
        "<sst><si><t>a</t></si><si><t>b</t></sst>",
        "<sst><t>a</t></si><si><t>b</t></si></sst>",
        "<sst><si><t>a</t></si> <si><t>b</t></si></sst>",
        "<sst><si><t>a</t></t></si><si>b</t></si></sst>",
        "<sst><si><t>a</t></si></sst>",
        b"<sst><si><t>a</t></si><si><t>\xff</t></si></sst>",
    ],
)
def test_shared_texts_of_another_form_are_left_to_the_parser(shared: str | bytes, tmp_path: Path) -> None:
    row = '<row r="1"><c r="A1" t="s"><v>0</v></c><c r="B1" t="s"><v>1</v></c></row>'
    found = plainsheets.look(workbook(tmp_path / "a.xlsx", sheet_of(row), shared), "")
    assert found
    archive, plain = found
    tracemalloc.start()
    with archive, pytest.raises(plainmarkup.Odd):
        list(plain.answers())
    assert tracemalloc.get_traced_memory()[1] < 40 << 20
    tracemalloc.stop()


def test_a_long_text_in_very_many_cells_is_not_repeated_here(tmp_path: Path) -> None:
    """Ten kilobytes that would become gigabytes."""
    rows = "".join(f'<row r="{n}"><c r="A{n}" t="s"><v>0</v></c></row>' for n in range(1, 3_001))
    path = workbook(tmp_path / "a.xlsx", sheet_of(rows, "A3000"), shared_of("x" * 30_000))
    found = plainsheets.look(path, "")
    assert found
    archive, plain = found
    with archive, pytest.raises(plainmarkup.Odd):
        list(plain.answers())


@pytest.mark.parametrize(
    "sheet",
    [
        sheet_of("", "A" * 1_000_000 + "9"),
        sheet_of(f'<row r="1"><c r="{"A" * 1_000_000}1" t="inlineStr"><is><t>a</t></is></c></row>', "A1"),
    ],
    ids=["dimension", "cell"],
)
def test_a_column_with_a_very_long_name_is_not_reckoned(sheet: str, tmp_path: Path) -> None:
    began = time.process_time()
    with pytest.raises(BadInput):
        cells(workbook(tmp_path / "a.xlsx", sheet))
    assert time.process_time() - began < 2


@pytest.mark.parametrize("many", ['<dimension ref="A1:B2"/>', "<a>", "<a> ", " ", '<a b="c" d="e"/>'])
def test_very_much_before_the_rows_is_not_gone_through_again_and_again(many: str, tmp_path: Path) -> None:
    times = 900_000 // len(many)
    head = sheet_of(inline(1, "a", "b")).replace("<sheetData", f"{many * times}<?x <sheetData")
    began = time.process_time()
    assert plainsheets.look(workbook(tmp_path / "a.xlsx", head), "") is None
    assert time.process_time() - began < 2


@pytest.mark.parametrize(
    "before",
    ['<sheetPr x="<', "<sheetPr x='", "<!-- ", "<![CDATA[", "<sheetPr", "a text", '<sheetPr x="1" x=1>', "<?x "],
)
def test_what_is_no_markup_before_the_rows_is_the_parsers(before: str, tmp_path: Path) -> None:
    sheet = sheet_of(inline(1, "a", "b")).replace("<dimension", f"{before}<dimension")
    assert plainsheets.look(workbook(tmp_path / "a.xlsx", sheet), "") is None


def test_a_workbook_that_is_refused_is_not_held_open(tmp_path: Path) -> None:
    path = workbook(
        tmp_path / "a.xlsx", sheet_of('<row r="1"><c r="A1" t="s"><v>0</v></c></row>', "A1"), shared_of("a")
    )
    with zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/media/trap.bin", bytes(40 << 20))
    try:
        sheets.guarded_names(path, "a.xlsx")
    except BadInput:
        held = [os.path.realpath(name) for name in Path("/dev/fd").iterdir()]
        assert str(path) not in held
    else:
        pytest.fail("not refused")


@pytest.mark.parametrize("odd", [3, 2_500, 11_999])
def test_rows_behind_an_odd_one_are_read_by_the_child_and_none_twice(
    odd: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = [inline(n, f"question {n} " + "x" * 90, f"answer {n}") for n in range(1, 12_001)]
    rows[odd - 1] = inline(odd, f"question &#{0x4E2D}; {odd}", f"answer {odd}")
    path = workbook(tmp_path / "a.xlsx", sheet_of("".join(rows), "B12000"))
    numbers, found = [], []
    with opened_once():
        for run in sheets.records(path, "a.xlsx", sheets.guarded_names(path, "a.xlsx")[0]):
            numbers += range(run.number, run.number + len(run.rows))
            found += run.rows
    assert numbers == list(range(1, 12_001))
    assert found == by_the_child(path, monkeypatch)


@pytest.mark.parametrize(
    "sheet",
    [
        sheet_of(HEAD + inline(2, "a", "b")).removesuffix("</sheetData></worksheet>"),
        sheet_of(HEAD + inline(2, "a & b", "c")),
        sheet_of('<row r="1"><c r="A1" t="s"><v>5</v></c><c r="B1" t="s"><v>0</v></c></row>'),
    ],
)
def test_a_broken_sheet_is_told_as_before(sheet: str, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="cannot be opened"):
        cells(workbook(tmp_path / "a.xlsx", sheet, shared_of("a")))


def test_a_trap_behind_the_rows_is_found(tmp_path: Path) -> None:
    """What was not looked at because it is not parsed here is looked at before the child may parse it."""
    rows = HEAD + "".join(inline(n, "a", "b") for n in range(2, 9)) + inline(9, "&#65;", "b")
    trap = "<x " + "a='1' " * 20_000 + "/>"
    path = workbook(tmp_path / "a.xlsx", sheet_of(rows).replace("</worksheet>", trap + "</worksheet>"))
    with pytest.raises(BadInput, match="cannot be opened"):
        cells(path)


def test_a_checksum_that_is_wrong_is_found_at_the_end(tmp_path: Path) -> None:
    path = workbook(tmp_path / "a.xlsx", sheet_of(HEAD + inline(2, "a", "b")))
    with zipfile.ZipFile(path) as archive:
        checksum = archive.getinfo(SHEET).CRC.to_bytes(4, "little")
    path.write_bytes(path.read_bytes().replace(checksum, b"\1\2\3\4"))
    with pytest.raises(BadInput, match="cannot be opened"):
        cells(path)


def test_a_long_file_of_one_row_takes_no_memory(tmp_path: Path) -> None:
    """A row without an end is given up before it is held."""
    path = workbook(tmp_path / "a.xlsx", sheet_of(HEAD + inline(2, "a" * (12 << 20), "b")))
    found = plainsheets.look(path, "")
    assert found
    archive, plain = found
    with archive, pytest.raises(plainmarkup.Odd):
        list(plain.answers())


def part(path: Path, place: int, *, behind: bool) -> list[Even]:
    """The rows up to the one with this byte, or those behind it."""
    found = plainsheets.look(path, "")
    assert found
    archive, plain = found
    with archive:
        if behind:
            return list(plain.behind(place, None))
        plain.stop_behind(place)
        return [answer for answer in plain.answers() if isinstance(answer, Even)]


@pytest.mark.parametrize("shared", [True, False], ids=["shared", "in the cells"])
@pytest.mark.parametrize("block", [300, 1 << 17])
def test_a_sheet_can_be_parted_at_any_byte(
    shared: bool, block: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(plainmarkup, "BLOCK", block)
    path, rows = tmp_path / "a.xlsx", ROWS[:12]
    written_by_xlsxwriter(path, rows, shared=shared)
    with zipfile.ZipFile(path) as archive:
        sheet = archive.read(SHEET)
    ends = [match.end() for match in re.finditer(b"</row>", sheet)]
    for place in range(ends[0], ends[-2] - len("</row>"), 7):
        both = [part(path, place, behind=behind) for behind in (False, True)]
        numbers = [run.number + n for runs in both for run in runs for n in range(len(run.rows))]
        assert numbers == list(range(1, 13)), place
        assert [row for runs in both for run in runs for row in run.rows] == rows
    for behind in (False, True):
        with pytest.raises(plainmarkup.Odd):
            part(path, ends[-2], behind=behind)


def test_a_row_that_is_left_out_just_where_a_sheet_is_parted_is_seen(tmp_path: Path) -> None:
    rows = HEAD + inline(2, "a", "b") + inline(3, "c", "d")
    sheet = sheet_of(rows + inline(5, "e", "f"))
    path, place = workbook(tmp_path / "a.xlsx", sheet), sheet.index("<t>c</t>")
    with pytest.raises(plainmarkup.Odd):
        part(path, place, behind=False)
    assert [run.number for run in part(path, place, behind=True)] == [5]


TEXTS = st.text(st.sampled_from("ab <>&\"'\t\n_x000D;#中é\u3000\ufeff🙂]"), max_size=8)


@settings(deadline=None, max_examples=25)
@given(st.lists(st.tuples(TEXTS, TEXTS), min_size=1, max_size=6), st.booleans())
def test_any_texts_come_as_the_parser_reads_them(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[str, str]], kept: bool
) -> None:
    mark = '<t xml:space="preserve">' if kept else "<t>"
    listed = "".join(inline(n, *map(escape, row), mark=mark) for n, row in enumerate(rows, start=1))
    path = workbook(tmp_path_factory.mktemp("x") / "a.xlsx", sheet_of(listed))
    with pytest.MonkeyPatch.context() as patch:
        assert cells(path) == by_the_child(path, patch)
