"""`python -m core prepare`: a newcomer's table becomes a training file; whatever is wrong gets a sentence."""

from __future__ import annotations

import argparse
import csv
import json
import subprocess
import sys
from pathlib import Path

import openpyxl
import pytest

from core.commands import prepare
from core.dataset.recipes import Recipe
from core.errors import BadInput, NotFound

ROOT = Path(__file__).resolve().parents[3]


def run(*arguments: str | Path) -> int:
    parser = argparse.ArgumentParser()
    prepare.add_parser(parser.add_subparsers())
    options = parser.parse_args(["prepare", *map(str, arguments)])
    return int(options.run(options))


@pytest.fixture
def table(tmp_path: Path) -> Path:
    path = tmp_path / "mine.csv"
    path.write_text("text,label\nhello there,greet\nonly one cell\nbye now,part\n,part\n", encoding="utf-8")
    return path


def test_a_table_becomes_a_training_file_beside_it(table: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(table) == 0
    lines = (table.parent / "mine_prepared.jsonl").read_text(encoding="utf-8").splitlines()
    assert [json.loads(line)["messages"][1]["content"] for line in lines] == ["greet", "part"]
    said = capsys.readouterr().out
    assert "2 examples written" in said
    assert "text → user, label → label" in said
    assert "row 3, label: The header has 2 cells, this row 1" in said
    assert "row 5, text: The user's message is empty" in said
    assert "python -m core check" in said


def test_every_rejected_row_is_in_a_file(table: Path) -> None:
    run(table)
    with (table.parent / "mine_rejected.csv").open(encoding="utf-8-sig", newline="") as file:
        assert [(r["row"], r["column"], r["seen"]) for r in csv.DictReader(file)] == [
            ("3", "label", "only one cell"),
            ("5", "text", " | part"),
        ]
    table.write_text("text,label\nhello,greet\n")
    run(table)
    assert not (table.parent / "mine_rejected.csv").exists()


def test_the_recipe_it_used_can_be_changed_and_applied_again(table: Path, tmp_path: Path) -> None:
    run(table)
    recipe_file = table.parent / "mine_recipe.json"
    content = json.loads(recipe_file.read_text(encoding="utf-8"))
    content |= {"label_names": {"greet": "问候"}, "dropped": ["part"], "templates": {"user": "Sort: {text}"}}
    recipe_file.write_text(json.dumps(content), encoding="utf-8")
    assert run(table, "--recipe", recipe_file, "--out", tmp_path / "new" / "folder") == 0
    (line,) = (tmp_path / "new" / "folder" / "mine_prepared.jsonl").read_text(encoding="utf-8").splitlines()
    assert [m["content"] for m in json.loads(line)["messages"]] == ["Sort: hello there", "问候"]


def test_one_json_object_is_printed_for_scripts(table: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run(table, "--json")
    said = json.loads(capsys.readouterr().out)
    assert (said["examples"], said["rejected"], said["labels"]) == (2, 2, {"greet": 1, "part": 1})
    assert (said["format"], said["columns"]) == ("csv", ["text", "label"])
    assert [r["row"] for r in said["rejects"]] == [3, 5]
    assert Recipe.from_dict(said["recipe"]) == Recipe.from_json(Path(said["recipe_file"]).read_bytes())


def test_a_sheet_is_chosen_by_its_name(tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    sheet = book.create_sheet("2026")
    for cells in (["questions", "answers"], ["q", "a"]):
        sheet.append(cells)
    book.save(tmp_path / "b.xlsx")
    assert run(tmp_path / "b.xlsx", "--sheet", "2026") == 0
    assert json.loads((tmp_path / "b_prepared.jsonl").read_text())["messages"][0]["content"] == "q"


def test_training_lines_come_out_as_they_went_in(tmp_path: Path) -> None:
    path = tmp_path / "x.jsonl"
    path.write_bytes(b'{"messages": [], "z":1.0}\n\n{"messages": []}')
    run(path)
    assert (tmp_path / "x_prepared.jsonl").read_bytes() == b'{"messages": [], "z":1.0}\n{"messages": []}\n'


def test_when_nothing_is_usable_no_file_is_written(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    path.write_text("text,label\n,a\n,b\n")
    with pytest.raises(BadInput, match="Row 2: The user's message is empty"):
        run(path)
    assert [p.name for p in tmp_path.iterdir()] == ["x.csv"]


def test_columns_that_tell_too_little_leave_a_recipe_to_fill_in(tmp_path: Path) -> None:
    path = tmp_path / "odd.csv"
    path.write_text("alpha\nfirst text\nsecond text\n")
    with pytest.raises(BadInput, match=r"The columns are: alpha\.") as raised:
        run(path)
    recipe = tmp_path / "odd_recipe.json"
    assert f"prepare {path} --recipe {recipe}" in str(raised.value.hint)
    content = json.loads(recipe.read_text())
    recipe.write_text(json.dumps(content | {"roles": {"alpha": "user"}, "constants": {"assistant": "ok"}}))
    assert run(path, "--recipe", recipe) == 0


def test_a_recipe_that_was_changed_by_hand_is_not_overwritten(table: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run(table)
    recipe = table.parent / "mine_recipe.json"
    changed = recipe.read_text(encoding="utf-8").replace('"label_names": {}', '"label_names": {"greet": "问候"}')
    recipe.write_text(changed, encoding="utf-8")
    capsys.readouterr()
    run(table)
    assert recipe.read_text(encoding="utf-8") == changed
    assert "was left as it is" in capsys.readouterr().out
    run(table, "--json")
    assert json.loads(capsys.readouterr().out)["recipe_file"] is None


def test_no_rejected_cell_becomes_a_formula(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    path.write_text("text,label\nhello,a\n=1+1\n")
    run(path)
    with (tmp_path / "x_rejected.csv").open(encoding="utf-8-sig", newline="") as file:
        assert [row["seen"] for row in csv.DictReader(file)] == ["'=1+1"]


def test_files_that_are_not_there_are_named(table: Path) -> None:
    with pytest.raises(NotFound, match=r"nowhere\.csv"):
        run("nowhere.csv")
    with pytest.raises(NotFound, match=r"nowhere\.json"):
        run(table, "--recipe", "nowhere.json")


def test_a_process_ends_with_two_and_a_sentence(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    path.write_bytes(b"%PDF-1.7 ...")
    command = [sys.executable, "-m", "core", "prepare", str(path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == (
        "x.csv is a PDF file.\nLuopan reads CSV, TSV, XLSX, XLS, ODS, JSON, JSON Lines and Parquet, packed ones too.\n"
    )


def test_several_files_packed_or_not_become_one_training_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    import gzip

    (tmp_path / "a.csv").write_text("question,answer\nHow?,So\n,nobody asked\n", encoding="utf-8")
    (tmp_path / "b.tsv.gz").write_bytes(gzip.compress(b"question\tanswer\nWhy?\tBecause\n"))
    assert run(tmp_path / "a.csv", tmp_path / "b.tsv.gz") == 0
    assert "2 examples" in capsys.readouterr().out
    lines = (tmp_path / "a_prepared.jsonl").read_text(encoding="utf-8").splitlines()
    assert [json.loads(line)["messages"][0]["content"] for line in lines] == ["How?", "Why?"]
    rejected = (tmp_path / "a_rejected.csv").read_text(encoding="utf-8-sig").splitlines()
    assert rejected[0] == "file,row,column,reason,seen" and rejected[1].startswith("a.csv,3,question,")


def test_a_script_learns_which_file_and_member_a_rejected_row_stands_in(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    import gzip
    import zipfile

    table = "question,answer\nHow?,So\n,nobody asked\n"
    plain, packed, archive = tmp_path / "a.csv", tmp_path / "b.csv.gz", tmp_path / "c.zip"
    plain.write_text(table, encoding="utf-8")
    packed.write_bytes(gzip.compress(table.encode()))
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("one.csv", table)
        file.writestr("in/two.csv", table)
    for how in ((), ("-q",)):
        for given, members in ((plain, [""]), (packed, ["b.csv"]), (archive, ["one.csv", "in/two.csv"])):
            assert run(given, "--json", *how, "--out", tmp_path / "out") == 0
            said = json.loads(capsys.readouterr().out)
            assert said["file"] == str(given)
            places = [(r["file"], r["member"], r["row"], r["column"], r["seen"]) for r in said["rejects"]]
            assert places == [(str(given), member, 3, "question", " | nobody asked") for member in members]
        assert run(plain, packed, archive, "--json", *how, "--out", tmp_path / "out") == 0
        said = json.loads(capsys.readouterr().out)
        assert said["files"] == [str(plain), str(packed), str(archive)]
        assert [(r["file"], r["member"]) for r in said["rejects"]] == [
            (str(plain), ""), (str(packed), "b.csv"), (str(archive), "one.csv"), (str(archive), "in/two.csv")
        ]  # fmt: skip


def test_files_of_the_same_name_are_told_apart(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    paths = [tmp_path / folder / "x.csv" for folder in ("a", "b")]
    for path in paths:
        path.parent.mkdir()
        path.write_text("question,answer\nHow?,So\n,nobody asked\n", encoding="utf-8")
    assert run(*paths, "--json", "--out", tmp_path / "out") == 0
    said = json.loads(capsys.readouterr().out)
    assert [reject["file"] for reject in said["rejects"]] == [str(path) for path in paths]
