"""Text tables: every good row is read, every bad one is named."""

from __future__ import annotations

import csv
import io
import random
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.dataset import encodings
from core.dataset.readers import Format, Reject, Row, Source, plaintables, read, sniff
from core.dataset.readers import delimited as delimited_reader
from core.dataset.readers.headers import clean_name, column_names, looks_like_header
from core.errors import BadInput


def table(tmp_path: Path, content: str | bytes, name: str = "table.csv") -> Source:
    path = tmp_path / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return sniff(path)


def cells(source: Source) -> list[list[str]]:
    return [list(row.cells.values()) for row in read(source) if isinstance(row, Row)]


def rejects(source: Source) -> list[Reject]:
    return [row for row in read(source) if isinstance(row, Reject)]


@pytest.mark.parametrize(
    ("content", "form", "delimiter"),
    [
        ("text,label\na,b\nc,d\n", Format.CSV, ","),
        ("text\tlabel\na,1\tb\nc,2\td\n", Format.TSV, "\t"),
        ("text;label\na, with comma;b\nc;d\n", Format.CSV, ";"),
        ("text|label\na|b\nc|d\n", Format.CSV, "|"),
        ("问题,答案\n你好，在吗,在\n吃了吗,吃了\n", Format.CSV, ","),
        ('"text","label"\n"a, b","c"\n', Format.CSV, ","),
        ("text,label\r\na,b\r\n", Format.CSV, ","),
        ("text,label\ra,b\r", Format.CSV, ","),
    ],
)
def test_the_separator_is_seen(tmp_path: Path, content: str, form: Format, delimiter: str) -> None:
    source = table(tmp_path, content, "any.txt")
    assert (source.format, source.delimiter, len(source.columns)) == (form, delimiter, 2)
    assert not rejects(source)


@pytest.mark.parametrize("rows", [3, 900])
@pytest.mark.parametrize("line", ["Was kostet Stück {}?;Es kostet {},50 €;Lager\n", "Stück {};{},50\n"])
def test_a_comma_in_every_row_does_not_part_cells_where_the_header_has_none(
    tmp_path: Path, line: str, rows: int
) -> None:
    width = line.count(";") + 1
    header = ";".join(["Bezeichnung", "Preis", "Ort"][:width]) + "\n"
    source = table(tmp_path, header + "".join(line.replace("{}", str(n)) for n in range(rows)))
    assert (source.delimiter, len(source.columns), rejects(source)) == (";", width, [])


def test_a_list_of_sentences_is_one_column_however_many_commas_they_hold(tmp_path: Path) -> None:
    source = table(tmp_path, "text\nOne, two, three.\nNo comma here\nJust one, here\nFour, five\n", "list.txt")
    assert source.columns == ("text",)
    assert cells(source)[0] == ["One, two, three."]


def test_a_quoted_single_column_is_unquoted(tmp_path: Path) -> None:
    source = table(tmp_path, 'text\n"One, two"\nthree\n')
    assert cells(source) == [["One, two"], ["three"]]


def test_a_tab_file_without_header_gets_numbered_columns(tmp_path: Path) -> None:
    source = table(tmp_path, "甲的标题\tnews_edu\n乙的标题\tnews_car\n丙的标题\tnews_edu\n", "train.tsv")
    assert (source.header, source.columns) == (False, ("column 1", "column 2"))
    assert next(iter(read(source))) == Row(1, {"column 1": "甲的标题", "column 2": "news_edu"})


def test_quotes_in_a_tab_file_are_text(tmp_path: Path) -> None:
    source = table(tmp_path, 'title\tclass\n"橘子"跟“桔子”有什么区别？\ta\n"all of it"\tb\n', "t.tsv")
    assert cells(source) == [['"橘子"跟“桔子”有什么区别？', "a"], ['"all of it"', "b"]]


def test_quotes_in_a_tab_file_written_by_a_spreadsheet_enclose(tmp_path: Path) -> None:
    source = table(tmp_path, 'title\tclass\n"He said ""no"""\ta\n"two\nlines"\tb\n', "t.tsv")
    assert cells(source) == [['He said "no"', "a"], ["two\nlines", "b"]]


def test_marks_and_invisible_spaces_in_headers_are_no_matter(tmp_path: Path) -> None:
    source = table(tmp_path, "\ufeff\ufeffText\u200b,\u00a0My\u00a0 Label ,,Text\na,b,c,d\n")
    assert source.columns == ("Text", "My Label", "column 3", "Text 2")


def test_numbers_of_rows_are_those_of_a_spreadsheet(tmp_path: Path) -> None:
    source = table(tmp_path, 'text,label\n"two\nlines",a\n\n,\nlast,b\n')
    assert [row.number for row in read(source)] == [2, 5]


@pytest.mark.parametrize(
    ("line", "column", "words"),
    [
        ("only one", "label", "The header has 2 cells, this row 1"),
        ("a,b,c", "column 3", "The header has 2 cells, this row 3"),
        ('"never closed,b', "", "never closed"),
        ('"closed" too early,b', "", "follows a closing double quote"),
        ("nul\0,b", "text", "NUL"),
    ],
)
def test_a_bad_row_is_named_and_the_others_go_on(tmp_path: Path, line: str, column: str, words: str) -> None:
    source = table(tmp_path, f"text,label\nfirst,a\n{line}\nsecond,b\nthird,c\n" + "more,d\n" * 200)
    assert [r[0] for r in cells(source)][:3] == ["first", "second", "third"]
    (bad,) = rejects(source)
    assert (bad.row, bad.column) == (3, column)
    assert words in str(bad.reason)
    assert bad.seen


def test_undecodable_bytes_reject_their_row_only(tmp_path: Path) -> None:
    good = "text,label\n好的,a\n".encode()
    source = table(tmp_path, good + b"bad \xff\xfe bytes,b\n" + "也好,c\n再好,d\n".encode())
    assert [r[0] for r in cells(source)] == ["好的", "也好", "再好"]
    (bad,) = rejects(source)
    assert (bad.row, bad.column) == (3, "text")
    assert "FF FE" in str(bad.reason)


def test_an_open_quote_loses_one_row_even_in_a_long_file(tmp_path: Path) -> None:
    source = table(tmp_path, 'text,label\n"open,a\n' + "good,b\n" * 20_000)
    assert len(cells(source)) == 20_000
    assert [bad.row for bad in rejects(source)] == [2]


def test_a_line_without_end_is_rejected_in_bounded_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(delimited_reader, "MAX_CELL", 1_000)
    monkeypatch.setattr(plaintables, "_MOST_LINE", 0)  # lines as long are not cut as bytes
    source = table(tmp_path, "text,label\na,b\n" + "x" * 5_000 + ",long\nc,d\n")
    assert [r[0] for r in cells(source)] == ["a", "c"]
    assert "longer than 1000" in str(rejects(source)[0].reason)


def test_a_cell_of_a_million_characters_is_read(tmp_path: Path) -> None:
    source = table(tmp_path, f"text,label\n{'long ' * 200_000},b\n")
    assert len(cells(source)[0][0]) == 1_000_000


@pytest.mark.parametrize("content", ["", "\n\n\n", "\ufeff"])
def test_an_empty_file_is_said_to_be_empty(tmp_path: Path, content: str) -> None:
    with pytest.raises(BadInput, match=r"table\.csv (is empty|holds no rows)"):
        table(tmp_path, content)


def test_a_table_that_is_all_bad_still_opens_and_lists_them(tmp_path: Path) -> None:
    source = table(tmp_path, "text,label\nno comma here\nnor here\n")
    assert len(rejects(source)) == 2


def test_another_encoding_or_header_can_be_asked_for(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_bytes("问题,答案\n好,的\n".encode("gb18030"))
    assert sniff(path, encoding="gb18030", header=False).columns == ("column 1", "column 2")
    with pytest.raises(BadInput, match="cannot be read as no-such"):
        sniff(path, encoding="no-such")


@pytest.mark.parametrize(
    ("first", "following", "expected"),
    [
        (["text", "label"], [["text", "label"]], True),
        (["甲", "乙"], [["丙", "乙"]], False),
        (["x1", "x2"], [["a", "b"]], True),
        (["12", "a"], [["13", "b"]], False),
        (["How do I pay?", "billing"], [["Where is it?", "delivery"]], False),
        (["", ""], [], False),
        (["x" * 61, "label"], [], False),
    ],
)
def test_a_header_is_told_from_a_row(first: list[str], following: list[list[str]], expected: bool) -> None:
    assert looks_like_header(first, following) is expected


@given(st.lists(st.text(max_size=8), max_size=12))
def test_column_names_are_clean_and_different(header: list[str]) -> None:
    names = column_names(header)
    assert len(set(names)) == len(names) == len(header)
    assert all(name and name == clean_name(name) for name in names)


@pytest.mark.parametrize("name", ["image.csv", "image.jsonl"])
def test_a_file_that_is_no_text_is_told_so_and_not_taken_for_a_table(tmp_path: Path, name: str) -> None:
    with pytest.raises(BadInput, match=f"{name} is no text"):
        table(tmp_path, random.Random(1).randbytes(20_000), name)


# What a spreadsheet can hold: no NUL, no half characters; a row of blanks would be passed over.
cell = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20)


@settings(deadline=None)
@given(st.lists(st.tuples(cell, cell, cell).filter(lambda row: "".join(row).strip()), min_size=1, max_size=20))
def test_what_the_csv_module_writes_is_read_back(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[str, str, str]]
) -> None:
    path = tmp_path_factory.mktemp("csv") / "t.csv"
    out = io.StringIO(newline="")
    csv.writer(out).writerows([("question", "answer", "label"), *rows])
    path.write_bytes(out.getvalue().encode())
    assert cells(sniff(path)) == [list(row) for row in rows]


@settings(deadline=None)
@given(st.binary(max_size=400))
def test_random_bytes_give_rows_or_a_sentence(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    path = tmp_path_factory.mktemp("bytes") / "t.csv"
    path.write_bytes(data)
    try:
        for row in read(sniff(path)):
            assert isinstance(row, Row | Reject)
            (str(row.reason) + row.seen if isinstance(row, Reject) else "".join(row.cells.values())).encode()
    except BadInput as error:
        assert str(error)


@pytest.mark.data
@pytest.mark.parametrize(
    ("name", "rows", "columns"),
    [
        ("tnews_train.tsv", 53_360, ("column 1", "column 2")),
        ("banking77_train.csv", 10_003, ("text", "category")),
        ("banking77_test.csv", 3_080, ("text", "category")),
    ],
)
def test_real_tables_are_read_whole(shared_data, name: str, rows: int, columns: tuple[str, ...]) -> None:  # type: ignore[no-untyped-def]
    source = sniff(shared_data(name))
    assert source.columns == columns
    assert (len(cells(source)), rejects(source)) == (rows, [])


@given(st.text(st.sampled_from('a,"\r\n你'), max_size=60), st.booleans(), st.integers(1, 9))
def test_rows_do_not_depend_on_how_much_of_a_file_is_read_at_once(
    tmp_path_factory: pytest.TempPathFactory, text: str, quoted: bool, size: int
) -> None:
    path = tmp_path_factory.getbasetemp() / "rows.csv"
    path.write_bytes(text.encode())
    source = Source(path, "rows.csv", Format.CSV, len(text), delimiter=",", quoted=quoted)

    def found() -> list[object]:
        rows: list[object] = []
        for run in delimited_reader.records(source):
            rows += [run] if isinstance(run, Reject) else enumerate([c or [""] for c in run.rows], start=run.number)
        return rows

    at_once = found()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(delimited_reader, "BLOCK", size)
        patch.setattr(encodings, "BLOCK", size)
        assert [getattr(row, "row", row) for row in found()] == [getattr(row, "row", row) for row in at_once]


@given(st.text("ab,\n\r\x1f;你", max_size=40), st.sampled_from([",", "\x1f"]), st.sampled_from(["\n", "\r\n"]))
def test_lines_taken_at_once_are_those_taken_one_by_one(text: str, delimiter: str, ending: str) -> None:
    layout = delimited_reader.Layout(delimiter, False)
    columns = delimited_reader._at_once(text + ending, layout)
    rows = delimited_reader._quickly(text + ending, layout)
    even = "\r" not in text + ending and rows is not None and len(set(map(len, rows))) == 1
    assert columns is not None or not even
    assert columns is None or rows == list(map(list, zip(*columns, strict=True)))


def test_the_rows_of_a_table_with_very_long_cells_are_not_overestimated(tmp_path: Path) -> None:
    path = tmp_path / "long.csv"
    path.write_text("question,answer\n" + "".join(f"Q {n}?,{'word ' * 56_000}\n" for n in range(12)), encoding="utf-8")
    assert sniff(path).rows_estimate < 100
