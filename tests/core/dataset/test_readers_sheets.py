"""Workbooks: the sheet that is asked for, cells as they are shown, and no way to take the program down."""

from __future__ import annotations

import datetime
import time
import zipfile
from pathlib import Path

import openpyxl
import pytest
import xlsxwriter
from damaging import read_damaged
from hypothesis import given, settings
from hypothesis import strategies as st

from core.dataset.examples import Draft, Kind
from core.dataset.mapping import apply, suggest
from core.dataset.readers import ALL_SHEETS, Format, Reject, Row, read, sheets, sniff
from core.errors import BadInput

FAR = b"""<?xml version="1.0"?><worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData>
<row r="1"><c r="A1"><v>1</v></c></row><row r="1048576"><c r="XFD1048576"><v>1</v></c></row></sheetData></worksheet>"""

MANIFEST = b"""<?xml version="1.0"?><manifest:manifest
 xmlns:manifest="urn:oasis:names:tc:opendocument:xmlns:manifest:1.0"></manifest:manifest>"""


@pytest.fixture
def workbook(tmp_path: Path) -> Path:
    """A sheet with a gap above its header, all kinds of cells, and a second sheet."""
    path = tmp_path / "book.xlsx"
    book = openpyxl.Workbook()
    first = book.active
    assert first is not None
    first.title = "问答"
    first["B3"], first["C3"], first["D3"] = "\u200bquestion ", "answer", "label"
    first["B4"], first["C4"], first["D4"] = "How many?", 12, 1
    first["B6"], first["C6"], first["D6"] = "Half?", 0.5, True
    first["B7"], first["C7"] = "When?", datetime.datetime(2026, 3, 4, 5, 6)
    second = book.create_sheet("Other")
    for row in (["text", "category"], ["a", "x"], ["b", "y"]):
        second.append(row)
    book.save(path)
    return path


def test_rows_have_the_numbers_that_the_sheet_shows(workbook: Path) -> None:
    source = sniff(workbook)
    assert (source.format, source.sheets, source.sheet) == (Format.XLSX, ("问答", "Other"), "问答")
    assert list(read(source)) == [
        Row(4, {"question": "How many?", "answer": "12", "label": "1"}),
        Row(6, {"question": "Half?", "answer": "0.5", "label": "TRUE"}),
        Row(7, {"question": "When?", "answer": "2026-03-04 05:06:00", "label": ""}),
    ]


def test_a_cell_merged_over_several_rows_stands_in_each_but_for_the_header(tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    sheet["B2"] = "Tickets"
    for number, row in enumerate(
        (["question", "answer", "label"], [], ["q1", "a1", "x"], ["q2", "a2"], ["q3", "a3", "y"]), 3
    ):
        for column, value in zip("BCD", row, strict=False):
            sheet[f"{column}{number}"] = value
    for place in ("B2:D2", "B3:B4", "C3:C4", "D5:D6", "D7:D900"):
        sheet.merge_cells(place)
    book.save(tmp_path / "x.xlsx")
    found = [row.cells for row in read(sniff(tmp_path / "x.xlsx")) if isinstance(row, Row)]
    assert found == [
        {"question": f"q{n}", "answer": f"a{n}", "label": label} for n, label in ((1, "x"), (2, "x"), (3, "y"))
    ]


def test_the_number_of_rows_is_known_beforehand(workbook: Path) -> None:
    assert sniff(workbook).rows_estimate == 6  # seven rows to the last one filled, one of them the header


def test_an_open_document_sheet_is_read_too(tmp_path: Path) -> None:
    rows = "".join(
        "<table:table-row>"
        + "".join(f'<table:table-cell office:value-type="string"><text:p>{c}</text:p></table:table-cell>' for c in row)
        + "</table:table-row>"
        for row in (("text", "label"), ("好", "a"))
    )
    uri = "urn:oasis:names:tc:opendocument:xmlns"
    content = (
        f'<?xml version="1.0"?><office:document-content xmlns:office="{uri}:office:1.0" xmlns:table="{uri}:table:1.0" '
        f'xmlns:text="{uri}:text:1.0"><office:body><office:spreadsheet><table:table table:name="S">{rows}'
        "</table:table></office:spreadsheet></office:body></office:document-content>"
    )
    mime = b"application/vnd.oasis.opendocument.spreadsheet"
    path = write_zip(
        tmp_path / "x.ods", {"mimetype": mime, "META-INF/manifest.xml": MANIFEST, "content.xml": content.encode()}
    )
    assert list(read(sniff(path))) == [Row(2, {"text": "好", "label": "a"})]


def test_another_sheet_can_be_chosen(workbook: Path) -> None:
    by_sniff = sniff(workbook, sheet="Other")
    assert by_sniff.columns == ("text", "category")
    assert list(read(by_sniff)) == list(read(sniff(workbook), "Other"))


def months(path: Path) -> Path:
    """Three sheets with the same columns, one of them with a column more, and two that are something else."""
    book = openpyxl.Workbook()
    cover = book.active
    assert cover is not None
    cover.title = "Cover"
    for row in (["title", "by"], ["Questions of 2026", "Ann"]):
        cover.append(row)
    for name, rows in {
        "January": [["question", "answer"], ["a", "b"], ["c", "d"]],
        "February": [["Answer ", "question"], ["f", "e"]],
        "March": [["question", "answer", "remark"], ["g", "", "unanswered"], ["h", "i", "old"]],
        "Empty": [],
    }.items():
        sheet = book.create_sheet(name)
        for line in rows:
            sheet.append(line)
    book.save(path)
    return path


def test_all_sheets_with_the_same_columns_are_read_as_one(tmp_path: Path) -> None:
    source = sniff(months(tmp_path / "book.xlsx"), sheet=ALL_SHEETS)
    assert (source.format, source.sheet, source.sheets[1]) == (Format.XLSX, ALL_SHEETS, "January")
    assert source.columns == ("question", "answer", "remark")
    rows = [row for row in read(source) if isinstance(row, Row)]
    assert [row.cells["question"] for row in rows] == ["a", "c", "e", "g", "h"]
    assert [(row.file, row.number) for row in rows][1:3] == [("book.xlsx › January", 3), ("book.xlsx › February", 2)]
    assert [str(reason) for _name, reason in source.others] == ["The sheet Cover has other columns: title, by."]
    assert [row.cells for row in read(sniff(source.path), ALL_SHEETS)] == [row.cells for row in rows]


def test_a_row_of_one_of_all_sheets_says_which_when_it_is_left_out(tmp_path: Path) -> None:
    source = sniff(months(tmp_path / "book.xlsx"), sheet=ALL_SHEETS)
    made = list(apply(suggest(source), read(source), source=source))
    (left,) = [reject for reject in made if isinstance(reject, Reject)]
    assert (left.file, left.row, left.column) == ("book.xlsx › March", 2, "answer")
    assert [d.origin.sheet for d in made if isinstance(d, Draft)] == ["January", "January", "February", "March"]


def test_all_sheets_of_a_packed_workbook_and_of_several(tmp_path: Path) -> None:
    months(tmp_path / "book.xlsx")
    with zipfile.ZipFile(tmp_path / "all.zip", "w") as archive:
        archive.write(tmp_path / "book.xlsx", "one.xlsx")
        archive.write(tmp_path / "book.xlsx", "two.xlsx")
    source = sniff(tmp_path / "all.zip", sheet=ALL_SHEETS)
    files = [row.file for row in read(source)]
    assert len(files) == 10 and files[0] == "one.xlsx › January" and files[-1] == "two.xlsx › March"


def with_formulas(path: Path, *, left: int = 1) -> Path:
    """Formulas as a program writes them that does not calculate."""
    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    sheet.title = "Q & A"
    lines: list[list[str | None]] = [
        ["question", "answer", "length"],
        ["a", '=A2&" yes"', "=LEN(A2)"],
        ["b", "B", "=LEN(A3)"],
        ["c", None, "=1"],
    ]
    for number, line in enumerate(lines, 1):
        for place, value in enumerate(line, left):
            sheet.cell(number, place, value)
    book.save(path)
    return path


@pytest.mark.parametrize(("left", "first"), [(1, "B2"), (3, "D2")])
def test_a_formula_that_was_never_calculated_is_told_with_its_cell(tmp_path: Path, left: int, first: str) -> None:
    source = sniff(with_formulas(tmp_path / "book.xlsx", left=left))
    ((_name, told),) = source.others
    assert f"formulas that were never calculated: 4, the first in cell {first} of the sheet Q & A." in str(told)
    made = list(apply(suggest(source), read(source), source=source))
    wrong, empty = [reject for reject in made if isinstance(reject, Reject)]
    assert (wrong.row, wrong.column) == (2, "answer") and f"The formula in cell {first} was never" in str(wrong.reason)
    assert "message is empty" in str(empty.reason)
    assert len(made) == 3


def test_formulas_with_a_value_are_no_news(tmp_path: Path) -> None:
    path = tmp_path / "book.xlsx"
    book = xlsxwriter.Workbook(path)
    sheet = book.add_worksheet()
    for place, name in enumerate(("question", "answer", "remark")):
        sheet.write_string(0, place, name)
    sheet.write_string(1, 0, "a")
    sheet.write_formula(1, 1, '=A2&"!"', value="a!")
    book.close()
    source = sniff(path)
    assert source.sample[0].cells == {"question": "a", "answer": "a!", "remark": ""} and not source.others


def test_formulas_of_all_sheets_are_told_for_each(tmp_path: Path) -> None:
    path = with_formulas(tmp_path / "book.xlsx")
    book = openpyxl.load_workbook(path)
    book.copy_worksheet(book.worksheets[0]).title = "More"
    book.save(path)
    source = sniff(path, sheet=ALL_SHEETS)
    assert [name for name, _told in source.others] == ["Q & A", "More"]
    made = list(apply(suggest(source), read(source), source=source))
    told = [(r.file, str(r.reason)[:27]) for r in made if isinstance(r, Reject) and "formula" in str(r.reason)]
    assert told == [(f"book.xlsx › {name}", "The formula in cell B2 was ") for name in ("Q & A", "More")]


def test_a_sheet_that_is_not_there_is_named_with_those_that_are(workbook: Path) -> None:
    with pytest.raises(BadInput, match=r"no sheet called Sheet9.*问答, Other"):
        sniff(workbook, sheet="Sheet9")


@pytest.mark.parametrize("ending", [".csv", ".xls", ".ods", ""])
def test_the_content_counts_and_not_the_ending(workbook: Path, ending: str) -> None:
    renamed = workbook.rename(workbook.with_suffix(ending))
    assert sniff(renamed).format is Format.XLSX


def test_reading_may_stop_early(workbook: Path) -> None:
    rows = read(sniff(workbook))
    next(rows)
    rows.close()  # type: ignore[attr-defined]


def write_zip(path: Path, entries: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in entries.items():
            archive.writestr(name, data)
    return path


def parts_of(path: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def test_two_cells_far_apart_cannot_fill_the_memory(workbook: Path) -> None:
    parts = parts_of(workbook)
    write_zip(workbook, {n: FAR if n.endswith("sheet1.xml") else data for n, data in parts.items()})
    with pytest.raises(BadInput, match="spread too far apart"):
        sniff(workbook)


@pytest.mark.parametrize(("folder", "kind"), [("word/document.xml", "Word"), ("ppt/presentation.xml", "PowerPoint")])
def test_a_document_is_not_called_a_damaged_workbook(tmp_path: Path, folder: str, kind: str) -> None:
    path = tmp_path / "report.docx"
    write_zip(path, {"[Content_Types].xml": b"<Types/>", folder: b"<x/>"})
    with pytest.raises(BadInput, match=f"is a {kind} file"):
        sniff(path)


def test_an_older_document_is_not_called_a_damaged_workbook(tmp_path: Path) -> None:
    path = tmp_path / "report.doc"
    path.write_bytes(bytes.fromhex("d0cf11e0a1b11ae1") + bytes(1000) + "WordDocument".encode("utf-16-le") + bytes(1000))
    with pytest.raises(BadInput, match="is a Word file"):
        sniff(path)


def test_a_file_that_unpacks_to_far_more_is_refused(workbook: Path) -> None:
    write_zip(workbook, parts_of(workbook) | {"xl/media/bomb.bin": bytes(64 << 20)})
    with pytest.raises(BadInput, match="too large to open safely"):
        sniff(workbook)


def test_a_lie_about_the_unpacked_size_is_found_out(workbook: Path) -> None:
    write_zip(workbook, parts_of(workbook) | {"xl/bomb.bin": bytes(64 << 20)})
    real = (64 << 20).to_bytes(4, "little")
    workbook.write_bytes(workbook.read_bytes().replace(real, (1000).to_bytes(4, "little")))
    with pytest.raises(BadInput):
        sniff(workbook)


def test_a_large_workbook_is_refused_by_its_size(workbook: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sheets, "MAX_FILE", 1_000)
    with pytest.raises(BadInput, match="Save the sheet as CSV"):
        sniff(workbook)


def test_another_archive_is_no_workbook(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="cannot be opened as a workbook"):
        sniff(write_zip(tmp_path / "x.xlsx", {"META-INF/manifest.xml": b"<w/>"}))


def test_an_empty_workbook_says_so(tmp_path: Path) -> None:
    path = tmp_path / "empty.xlsx"
    openpyxl.Workbook().save(path)
    with pytest.raises(BadInput, match="no rows"):
        sniff(path)


@pytest.mark.parametrize(("start", "kind"), [(b"%PDF-1.7", "PDF"), (b"\x89PNG\r\n\x1a\n", "PNG"), (b"Rar!\x1a", "RAR")])
def test_other_kinds_of_file_are_called_by_their_name(tmp_path: Path, start: bytes, kind: str) -> None:
    path = tmp_path / "x.csv"
    path.write_bytes(start + b"....")
    with pytest.raises(BadInput, match=f"{kind} file.*CSV, TSV, XLSX, XLS, ODS, JSON"):
        sniff(path)


@settings(deadline=None, max_examples=8)
@given(st.integers(0, 5_000), st.binary(min_size=1, max_size=40))
def test_a_damaged_workbook_gives_rows_or_a_sentence(
    tmp_path_factory: pytest.TempPathFactory, place: int, damage: bytes
) -> None:
    path = tmp_path_factory.mktemp("xlsx") / "b.xlsx"
    book = openpyxl.Workbook()
    assert book.active is not None
    for row in (["text", "label"], ["a", "b"], ["c", "d"]):
        book.active.append(row)
    book.save(path)
    read_damaged(path, place, damage)


@pytest.mark.slow
def test_a_hundred_thousand_rows_are_read_in_seconds(tmp_path: Path) -> None:
    path = tmp_path / "long.xlsx"
    book = xlsxwriter.Workbook(str(path), {"constant_memory": True})
    sheet = book.add_worksheet()
    for row in range(100_001):
        for column, text in enumerate(("question", "answer", "label") if not row else (f"q {row}", f"a {row}", "x")):
            sheet.write_string(row, column, text)
    book.close()
    begun = time.process_time()
    assert sum(1 for _ in read(sniff(path))) == 100_000
    assert time.process_time() - begun < 5  # the parent's share; the child does the unpacking


def with_cover(path: Path) -> Path:
    """A workbook as offices write it: a title page, then the table."""
    book = openpyxl.Workbook()
    cover = book.active
    assert cover is not None
    cover.title = "Cover"
    cover.append(["Questions of 2026"])
    table = book.create_sheet("Table")
    for row in (["question", "answer"], ["a?", "x"], ["b?", "y"]):
        table.append(row)
    book.save(path)
    return path


def test_a_cover_sheet_does_not_hide_the_table_behind_it(tmp_path: Path) -> None:
    source = sniff(with_cover(tmp_path / "book.xlsx"))
    assert (source.sheets, source.sheet, source.rows_estimate) == (("Cover", "Table"), "Table", 2)
    assert [row.cells["question"] for row in source.sample] == ["a?", "b?"]


def test_a_sheet_without_rows_can_be_left_again_for_another(tmp_path: Path) -> None:
    source = sniff(with_cover(tmp_path / "book.xlsx"), sheet="Cover")
    assert (source.sheets, source.sheet, source.sample) == (("Cover", "Table"), "Cover", ())
    assert suggest(source).kind == Kind.CHAT  # what the page does before it says that there are no rows


def test_a_workbook_without_any_rows_is_told_in_a_sentence(tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    book.create_sheet("Second")
    book.save(tmp_path / "empty.xlsx")
    with pytest.raises(BadInput, match="holds no rows"):
        sniff(tmp_path / "empty.xlsx")
