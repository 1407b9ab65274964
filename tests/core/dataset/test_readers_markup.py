"""Tables in markup: web pages that are called .xls, Excel's XML of 2003, Markdown that was pasted."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.dataset.readers import Format, Row, Source, markup, read, sniff
from core.errors import BadInput

ROWS = "".join(f"<tr><td>Where is {n} &amp; co?</td><td>Here,<br>number\n  {n}</td></tr>" for n in range(4))
PAGE = (
    f"<html><head><style>td {{color: red}}</style></head><table border=1><tr><th>Question<th>Answer</tr>{ROWS}</table>"
)
CELLS = "".join(
    f'<Row><Cell><Data ss:Type="String">Where is {n} &amp; co?</Data></Cell><Cell><Data>Here,&#10;number'
    f" {n}</Data><Comment><Data>said Ann</Data></Comment></Cell></Row>"
    for n in range(4)
)
EXCEL = (
    '<?xml version="1.0"?>\n<?mso-application progid="Excel.Sheet"?>\n<Workbook xmlns="urn:x" xmlns:ss="urn:x"><Sheet>'
    '<Table ss:ExpandedColumnCount="2"><Row ss:Index="3"><Cell ss:Index="1"><Data>Question</Data></Cell>'
    f"<Cell><Data>Answer</Data></Cell></Row>{CELLS}</Table></Sheet></Workbook>"
)
MARKDOWN = "| Question | Answer |\n|:---|---|\n" + "".join(
    f"| Where is {n} & co? | Here,<br>number {n} |\n" for n in range(4)
)
EXPECTED = [{"Question": f"Where is {n} & co?", "Answer": f"Here,\nnumber {n}"} for n in range(4)]


def source_of(tmp_path: Path, text: str, name: str = "export.xls", encoding: str = "utf-8") -> Source:
    (tmp_path / name).write_bytes(text.encode(encoding))
    return sniff(tmp_path / name)


def cells(source: Source) -> list[dict[str, str]]:
    return [row.cells for row in read(source) if isinstance(row, Row)]


@pytest.mark.parametrize(
    ("text", "form", "first"),
    [(PAGE, Format.HTML, 2), (EXCEL, Format.XML, 4), (MARKDOWN, Format.MARKDOWN, 3), ("\ufeff" + PAGE, Format.HTML, 2)],
)
def test_a_table_in_markup_is_read(tmp_path: Path, text: str, form: Format, first: int) -> None:
    source = source_of(tmp_path, text)
    assert (source.format, source.rows_estimate, source.sample[0].number) == (form, 4, first)
    assert cells(source) == EXPECTED


def test_a_page_in_another_encoding_is_read(tmp_path: Path) -> None:
    text = PAGE.replace("Where is", "请问在哪里可以找到")
    source = source_of(tmp_path, text, encoding="gb18030")
    assert (source.encoding, cells(source)[0]["Question"]) == ("gb18030", "请问在哪里可以找到 0 & co?")


def test_the_largest_table_counts_also_within_another(tmp_path: Path) -> None:
    menu = "<table><tr><td>Home<td>Contact</table>"
    source = source_of(tmp_path, f"<!DOCTYPE html><table><tr><td>{menu}<tr><td>{PAGE}</table><table></table>")
    assert cells(source) == EXPECTED


def test_a_cell_over_several_rows_stands_in_each_but_for_the_header(tmp_path: Path) -> None:
    page = (
        "<table><tr><td rowspan=2>question<td colspan=2>what we say<tr><td>answer<td>label<tr><td>q1<td>a1"
        "<td rowspan=2>x<tr><td>q2<td>a2<tr><td>q3<td>a3<td>y</table>"
    )
    rows = [row for run in markup.records(source_of(tmp_path, page)) for row in run.rows]
    assert rows == [
        ["question", "what we say", ""], ["", "answer", "label"],
        ["q1", "a1", "x"], ["q2", "a2", "x"], ["q3", "a3", "y"],
    ]  # fmt: skip


def test_a_cell_over_several_rows_counts_them_though_each_row_is_ended(tmp_path: Path) -> None:
    rows = (("<td>%s</td>" * len(row) % row).replace("<td>3x", "<td rowspan=3>x") for row in (
        ("question", "answer", "label"), ("q1", "a1", "3x"), ("q2", "a2"), ("q3", "a3"), ("q4", "a4", "y"),
    ))  # fmt: skip
    page = "<table>" + "".join(f"<tr>{row}</tr>" for row in rows) + "</table>"
    assert [row["label"] for row in cells(source_of(tmp_path, page))] == ["x", "x", "x", "y"]


def test_a_page_of_many_megabytes_is_read_a_piece_at_a_time(tmp_path: Path) -> None:
    row = "<tr><td>%d</td><td>Where is the <b>gate</b> &amp; the door?</td><td>" + "There. " * 40 + "</td></tr>\n"
    rows = "".join(row % number for number in range(30_000))
    source = source_of(tmp_path, f"<html><table><tr><th>id<th>question<th>answer</tr>{rows}</table></html>")
    assert source.size > 9 << 20 and source.rows_estimate == 30_000
    found = cells(source)
    assert len(found) == 30_000
    assert found[-1] == {"id": "29999", "question": "Where is the gate & the door?", "answer": ("There. " * 40).strip()}


@settings(deadline=None, max_examples=60)
@given(
    step=st.integers(1, 40), page=st.sampled_from([PAGE, EXCEL, "<html><!-- <table> --><table><tr><td>a<!--b-->c<td>d"])
)
def test_where_a_page_is_cut_while_it_is_read_makes_no_difference(
    tmp_path_factory: pytest.TempPathFactory, step: int, page: str
) -> None:
    folder = tmp_path_factory.mktemp("markup")
    (folder / "page").write_text(page)
    path, form = folder / "page", Format.XML if page is EXCEL else Format.HTML
    whole = [list(run.rows) for run in markup.records(Source(path, "page", form, len(page)))]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(markup, "_READ", step)
        assert [list(run.rows) for run in markup.records(Source(path, "page", form, len(page)))] == whole


def test_a_bar_and_a_break_in_a_cell_of_markdown(tmp_path: Path) -> None:
    source = source_of(tmp_path, "|question|answer|\n|--|--|\n|a \\| b|c|\nThat was it\n", "pasted.txt")
    found = list(read(source))
    assert cells(source) == [{"question": "a | b", "answer": "c"}]
    assert [item.row for item in found if not isinstance(item, Row)] == [4]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("<html><body>Hello</body></html>", "a web page without a table"),
        ('<?xml version="1.0"?><a><b>c</b></a>', "XML without a table"),
        ("<html><table></table></html>", "a web page without a table"),
    ],
)
def test_markup_without_a_table_is_told(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(BadInput, match=words):
        source_of(tmp_path, text)


@pytest.mark.parametrize("text", ["text,label\n<b>bold</b>,x\n", "<b>text</b>,label\nx,y\n", "|a|b|\nc|d\n"])
def test_a_little_markup_in_a_table_makes_no_page_of_it(tmp_path: Path, text: str) -> None:
    assert source_of(tmp_path, text, "a.csv").format is Format.CSV


@settings(deadline=None, max_examples=200)
@given(
    st.lists(st.sampled_from([*"<>/ &;a|-\n", "<table>", "<tr>", "<td rowspan=3>", "</td>", "<!--", "<td colspan=2>"]))
)
def test_any_markup_gives_rows_or_a_sentence(tmp_path_factory: pytest.TempPathFactory, pieces: list[str]) -> None:
    folder = tmp_path_factory.mktemp("markup")
    for start in ("<html>", '<?xml version="1.0"?>', "|a|b|\n|-|-|\n"):
        try:
            source = source_of(folder, start + "".join(pieces))
        except BadInput as error:
            assert str(error)
            continue
        assert all(set(row) == set(source.columns) for row in cells(source))
