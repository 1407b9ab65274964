"""Exports: JSON Lines byte for byte; tables whose cells are text and nothing else."""

from __future__ import annotations

import csv
import itertools
import json
from dataclasses import dataclass
from pathlib import Path

import openpyxl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.dataset import export
from core.dataset.examples import Split, dump
from core.dataset.readers import Row, read, sniff
from core.errors import BadInput


@dataclass(frozen=True)
class Line:
    id: int
    raw: str
    label: str = ""
    split: Split = Split.NONE


def chat(*contents: str, **more: object) -> str:
    roles = itertools.cycle(["user", "assistant"])
    return dump({"messages": [{"role": r, "content": c} for r, c in zip(roles, contents, strict=False)], **more})


SYSTEM = '{"role":"system","content":"s"}'
FULL = f'{{"messages":[{SYSTEM},{{"role":"user","content":"u"}},{{"role":"assistant","content":"a"}}]}}'
LINES = [
    Line(1, FULL, "a", Split.TRAIN),
    Line(2, chat("=1+1", "@SUM(A1)"), "-x"),
    Line(3, chat("你好", "在吗", "在", "好"), split=Split.VALIDATION),
    Line(4, chat("x", "y", tools=[])),
    Line(5, '{"prompt": "p",  "completion": "c"}'),
    Line(6, "no json at all"),
]


def test_json_lines_are_written_byte_for_byte(tmp_path: Path) -> None:
    path = tmp_path / "x.jsonl"
    assert export.to_jsonl(iter(LINES), path) == 6
    assert path.read_bytes() == "".join(f"{line.raw}\n" for line in LINES).encode()


def rows_of(path: Path) -> list[list[str]]:
    return [list(row.cells.values()) for row in read(sniff(path)) if isinstance(row, Row)]


@pytest.mark.parametrize("write", [export.to_csv, export.to_xlsx])
def test_a_table_has_the_three_texts_and_the_whole_line_where_they_do_not_say_all(tmp_path: Path, write) -> None:  # type: ignore[no-untyped-def]
    path = tmp_path / "table"
    assert write(iter(LINES), path) == 6
    assert sniff(path).columns == export.COLUMNS
    assert rows_of(path) == [
        ["1", "s", "u", "a", "a", "train", ""],
        ["2", "", "=1+1", "@SUM(A1)", "-x", "", ""],
        ["3", "", "在", "好", "", "validation", LINES[2].raw],
        ["4", "", "x", "y", "", "", LINES[3].raw],
        ["5", "", "p", "c", "", "", LINES[4].raw],
        ["6", "", "", "", "", "", "no json at all"],
    ]


def test_nothing_in_a_workbook_is_a_formula_or_a_link(tmp_path: Path) -> None:
    path = tmp_path / "x.xlsx"
    export.to_xlsx([Line(1, chat("=HYPERLINK(1)", "http://example.org"), "+1")], path)
    sheet = openpyxl.load_workbook(path).active
    assert sheet is not None
    cells = [cell for row in sheet.iter_rows() for cell in row if cell.value is not None]
    assert {cell.data_type for cell in cells} == {"s"}
    assert not [cell for cell in cells if cell.hyperlink]
    assert sheet["C2"].value == "=HYPERLINK(1)"


@pytest.mark.parametrize("text", ["x" * 32_768, "😀" * 16_384])
def test_a_text_too_long_for_a_cell_is_refused_and_nothing_is_left(tmp_path: Path, text: str) -> None:
    path = tmp_path / "x.xlsx"
    path.write_text("what was here before")
    with pytest.raises(BadInput, match=r"Row 3, column user: 32768 characters"):
        export.to_xlsx([LINES[0], Line(2, chat(text, "a"))], path)
    assert [p.name for p in tmp_path.iterdir()] == ["x.xlsx"]
    assert path.read_text() == "what was here before"


def test_a_text_that_just_fits_is_written_whole(tmp_path: Path) -> None:
    path = tmp_path / "x.xlsx"
    export.to_xlsx([Line(1, chat("x" * 32_767, "a"))], path)
    assert len(rows_of(path)[0][2]) == 32_767


def test_a_sheet_that_is_full_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(export, "MAX_ROWS", 3)
    with pytest.raises(BadInput, match="2 rows at most"):
        export.to_xlsx(LINES, tmp_path / "x.xlsx")


def test_cells_that_look_like_formulas_are_guarded_where_asked(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    export.to_csv(LINES[:2], path, guard=True)
    assert rows_of(path)[1][2:5] == ["'=1+1", "'@SUM(A1)", "'-x"]


def test_the_byte_order_mark_can_be_left_out(tmp_path: Path) -> None:
    export.to_csv(LINES, tmp_path / "with.csv")
    export.to_csv(LINES, tmp_path / "without.csv", bom=False)
    assert (tmp_path / "with.csv").read_bytes() == b"\xef\xbb\xbf" + (tmp_path / "without.csv").read_bytes()


def test_an_export_that_fails_leaves_no_half_file(tmp_path: Path) -> None:
    def broken() -> object:
        yield LINES[0]
        raise RuntimeError

    with pytest.raises(RuntimeError):
        export.to_jsonl(broken(), tmp_path / "x.jsonl")  # type: ignore[arg-type]
    assert list(tmp_path.iterdir()) == []


words = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=15)


@settings(deadline=None)
@given(st.lists(st.tuples(words, words, words), min_size=1, max_size=6))
def test_a_csv_holds_the_very_texts(
    tmp_path_factory: pytest.TempPathFactory, texts: list[tuple[str, str, str]]
) -> None:
    path = tmp_path_factory.mktemp("csv") / "x.csv"
    export.to_csv([Line(n, chat(user, answer), label) for n, (user, answer, label) in enumerate(texts)], path)
    with path.open(encoding="utf-8-sig", newline="") as file:
        assert [(r["user"], r["assistant"], r["label"]) for r in csv.DictReader(file)] == texts
    assert [(r[2], r[3], r[4]) for r in rows_of(path)] == texts


def test_half_a_character_survives_in_the_whole_line(tmp_path: Path) -> None:
    raw = json.dumps({"messages": [{"role": "user", "content": "\ud800"}]})
    export.to_csv([Line(1, raw)], tmp_path / "x.csv")
    assert rows_of(tmp_path / "x.csv")[0][-1] == raw


def test_what_no_sheet_can_hold_stands_in_the_whole_line(tmp_path: Path) -> None:
    export.to_xlsx([Line(1, chat("a\ufffe", "b"))], tmp_path / "x.xlsx")
    (row,) = rows_of(tmp_path / "x.xlsx")
    assert row[2] == "a\ufffd" and json.loads(row[-1])["messages"][0]["content"] == "a\ufffe"
