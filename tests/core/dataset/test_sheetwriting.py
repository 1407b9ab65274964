"""Every text that is written into a sheet comes back as it was, through our reader, and other programs open it."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import openpyxl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.dataset import sheetwriting
from core.dataset.readers import sheets
from core.errors import BadInput

NASTY = [
    "=1+1", "+1", "-1", "@SUM(A1)", "'quoted", "00123", "1-2", "1E5", "TRUE", " leading", "trailing ", "  ", "\n", "\t",
    "a\nb", "a\r\nb", "\r", "_x000D_", "_x0041_x0042_", "_x0041\x01", "_x00+1\r", "_x00+1_", "_xml_",
    "_x005F_", "_x", "__x0009__", "\x00", "\x1f",
    "a\x1fb", "\x7f", "\x85", "<b>&amp;</b>", "]]>", "微调", "😀👨‍👩‍👧", "\u2028", "\ufeff", "\u200b", "é", "e\u0301", "https://a.b",
]  # fmt: skip
pieces = st.one_of(st.sampled_from([*NASTY, "_", "x", "0041", "_x00", "+1", "_"]), st.text(max_size=4))
cells = st.lists(pieces, max_size=4).map("".join)


def written(path: Path, rows: list[list[str]], marked: tuple[int, ...] = ()) -> Path:
    def design(book, sheets):  # type: ignore[no-untyped-def]
        sheets["rows"].write_row(0, 0, [f"column {place}" for place in range(max(map(len, rows), default=1))])
        return book.add_format({"num_format": "@"}), book.add_format({"italic": True})

    assert sheetwriting.write(path, design, rows=((row, marked) for row in rows)) == len(rows)
    return path


def read_back(path: Path) -> list[list[str]]:
    return [cells for run in sheets.records(path, path.name, "rows") for cells in run.rows][1:]


def padded(rows: list[list[str]]) -> list[list[str]]:
    width = max(map(len, rows), default=0)
    return [row + [""] * (width - len(row)) for row in rows]


@settings(max_examples=30)
@given(st.lists(st.lists(cells, min_size=1, max_size=4), min_size=1, max_size=5))
def test_every_text_comes_back_as_it_was(tmp_path_factory: pytest.TempPathFactory, rows: list[list[str]]) -> None:
    path = written(tmp_path_factory.mktemp("sheet") / "x.xlsx", rows)
    seen = padded(read_back(path))
    wanted = padded(rows)
    while wanted and not any(wanted[-1]):
        wanted.pop()
    width = max((place for row in wanted for place, cell in enumerate(row, 1) if cell), default=0)
    lost = {*range(0xD800, 0xE000), 0xFFFE, 0xFFFF}
    expected = [["".join("\ufffd" if ord(c) in lost else c for c in cell) for cell in row[:width]] for row in wanted]
    assert [row[:width] for row in seen[: len(expected)]] == expected


def test_the_hard_cases_one_by_one(tmp_path: Path) -> None:
    assert read_back(written(tmp_path / "x.xlsx", [[text, "end"] for text in NASTY])) == [[t, "end"] for t in NASTY]


def test_half_a_character_is_told_and_becomes_the_replacement_sign(tmp_path: Path) -> None:
    assert not sheetwriting.is_writable("\ud800") and not sheetwriting.is_writable("\ufffe")
    assert read_back(written(tmp_path / "x.xlsx", [["a\ud800b\uffff"]])) == [["a\ufffdb\ufffd"]]


def test_openpyxl_opens_it_and_sees_texts_in_their_formats(tmp_path: Path) -> None:
    plain = [text for text in NASTY if text.isprintable() and "_x" not in text]
    sheet = openpyxl.load_workbook(written(tmp_path / "x.xlsx", [[t, "end"] for t in plain], (1,)))["rows"]
    assert [row[0].value for row in sheet.iter_rows(min_row=2)] == plain
    assert {cell.data_type for row in sheet.iter_rows() for cell in row} == {"s"}
    assert (sheet["A2"].number_format, sheet["A2"].font.italic, sheet["B2"].font.italic) == ("@", False, True)


@pytest.mark.skipif(not shutil.which("soffice"), reason="LibreOffice is not installed")
def test_libreoffice_opens_it(tmp_path: Path) -> None:
    written(tmp_path / "x.xlsx", [["=1+1", "微调"]])
    comma_quote_utf8 = "csv:Text - txt - csv (StarCalc):44,34,76"
    command = ["soffice", "--headless", "--convert-to", comma_quote_utf8, "--outdir", str(tmp_path)]
    command.append(str(tmp_path / "x.xlsx"))
    subprocess.run(command, check=True, capture_output=True, timeout=100)
    assert "=1+1,微调" in (tmp_path / "x.csv").read_text(encoding="utf-8")


def test_columns_beyond_z_have_two_letters(tmp_path: Path) -> None:
    row = [f"cell {n}" for n in range(60)]
    assert read_back(written(tmp_path / "x.xlsx", [row])) == [row]


def test_no_rows_are_a_sheet_with_its_header(tmp_path: Path) -> None:
    assert read_back(written(tmp_path / "x.xlsx", [])) == []


@pytest.mark.parametrize("text", ["x" * 32_768, "😀" * 16_384])
def test_a_text_too_long_for_a_cell_is_refused_with_its_row(text: str) -> None:
    with pytest.raises(BadInput, match="Row 7, column user: 32768 characters"):
        sheetwriting.fits(text, 7, "user")
    sheetwriting.fits(text[:-1], 7, "user")
