"""A title above the header: recognised, or said by number; the rows keep their numbers."""

from __future__ import annotations

from pathlib import Path

import openpyxl
import pytest

from core.dataset.readers import Format, Row, read, sniff

TITLED = "Customer questions 2026,,\n,,\nquestion,answer,label\na,b,x\nc,d,y\n"
ROWS = [(4, "a"), (5, "c")]


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        (TITLED, ROWS),
        ("Customer questions 2026\n\nquestion,answer,label\na,b,x\nc,d,y\n", ROWS),
        ("Questions\n问题,答案\na,b\n", [(3, "a")]),
        ("question,answer\na,b\n", [(2, "a")]),
        ("Export of FAQ, 2026\n\nquestion,answer\na,b\nc,d\n", ROWS),
        ("Made by,Ada,,\nquestion,answer,label,split\na,b,x,y\nc,d,x,y\n", [(3, "a"), (4, "c")]),
    ],
)
def test_a_title_is_passed_over(text: str, numbers: list[tuple[int, str]], tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    path.write_text(text, encoding="utf-8")
    source = sniff(path)
    assert source.header and source.columns[0] in ("question", "问题")
    found = [row for row in read(source) if isinstance(row, Row)]
    assert [(row.number, row.cells[source.columns[0]]) for row in found] == numbers
    assert [row.number for row in source.sample] == [number for number, _ in numbers]


def test_the_title_of_a_sheet_is_passed_over(tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    assert book.active is not None
    for row in (["Customer questions"], [], ["question", "answer"], ["a", "b"], ["c", "d"]):
        book.active.append(row)
    book.save(tmp_path / "x.xlsx")
    source = sniff(tmp_path / "x.xlsx")
    assert (source.format, source.columns, source.top) == (Format.XLSX, ("question", "answer"), 2)
    assert [(row.number, row.cells["question"]) for row in read(source) if isinstance(row, Row)] == ROWS


def test_the_row_of_the_header_can_be_said(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    path.write_text("note one,note two\nnummer,bericht\n1,hello\n2,there\n", encoding="utf-8")
    assert sniff(path).columns == ("note one", "note two")
    source = sniff(path, header=2)
    assert source.columns == ("nummer", "bericht")
    assert [row.number for row in read(source) if isinstance(row, Row)] == [3, 4]
    assert sniff(path, header=False).columns == ("column 1", "column 2")


@pytest.mark.parametrize(
    ("text", "top"),
    [
        ("Tickets of May,,\nby me,,\nCustomer,We,When\nhello,hi there,1\nbye,see you,2\n", 2),
        ("Tickets of May,\n,\nCustomer,We\nhello,hi there\nbye,see you\n", 2),
        ("Tickets of May,\nCustomer,We\nhello,hi there\nbye,see you\n", 0),
        ("Customer,We,When\nhello,hi there,1\nbye,,\n", 0),
        ("hello,,\nbye now.,hi there,1\nso?,see you,2\n", 0),
    ],
)
def test_names_that_nobody_knows_are_a_header_where_only_titles_stand_above(
    text: str, top: int, tmp_path: Path
) -> None:
    path = tmp_path / "x.csv"
    path.write_text(text, encoding="utf-8")
    assert sniff(path).top == top


@pytest.mark.parametrize("text", ["What is it?,\nmore text,answer me\nc,d\n", "label,\nnews,x\nnews,topic\n"])
def test_a_first_row_with_an_empty_cell_is_no_title(text: str, tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    path.write_text(text, encoding="utf-8")
    assert sniff(path).top == 0
