"""`prepare` with --test, --validation and --group writes the parts, and keeps rows where an earlier run put them."""

from __future__ import annotations

import csv
import json
from collections import defaultdict
from pathlib import Path

import pytest

from core.__main__ import main

PARTS = ("train", "valid", "test")


def table(folder: Path, rows: int, name: str = "t.csv", header: tuple[str, ...] = ("text", "label", "author")) -> Path:
    path = folder / name
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(header)
        writer.writerows(
            (f"Message {n} is about {n * 7919}", ("red", "blue")[n % 2], f"a{n // 4}") for n in range(rows)
        )
    return path


def run(*words: object) -> int:
    return main(["prepare", *map(str, words)])


def parts(folder: Path, again: str = "", stem: str = "t") -> dict[str, list[str]]:
    found = {}
    for part in PARTS:
        path = folder / f"{stem}_prepared_{part}{again}.jsonl"
        if path.exists():
            found[part] = path.read_text(encoding="utf-8").splitlines()
    return found


def author(line: str) -> int:
    return int(json.loads(line)["messages"][0]["content"].split()[1]) // 4


@pytest.mark.parametrize("quiet", [(), ("-q",)])
def test_the_parts_keep_each_class_and_each_group(
    tmp_path: Path, quiet: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(table(tmp_path, 100), "--validation", "20%", "--test", "8", "--group", "author", *quiet) == 0
    made = parts(tmp_path)
    assert [len(made[part]) for part in PARTS] == [72, 20, 8]
    sides: dict[int, set[str]] = defaultdict(set)
    for part, lines in made.items():
        for line in lines:
            sides[author(line)].add(part)
        answers = [json.loads(line)["messages"][-1]["content"].strip() for line in lines]
        assert answers.count("red") == answers.count("blue")
    assert len(sides) == 25 and all(len(side) == 1 for side in sides.values())
    whole = (tmp_path / "t_prepared.jsonl").read_text(encoding="utf-8").splitlines()
    assert sorted(whole) == sorted(line for lines in made.values() for line in lines)
    assert "8 examples written to" in capsys.readouterr().out


def test_rows_that_are_added_move_none(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run(table(tmp_path, 60), "--test", "0.2", "--seed", "4")
    first = parts(tmp_path)
    run(table(tmp_path, 90), "--test", "0.2", "--json")
    told = json.loads(capsys.readouterr().out.splitlines()[-1])
    second = parts(tmp_path, " (1)")
    assert all(set(first[part]) < set(second[part]) for part in PARTS)
    assert [told["parts"][name]["examples"] for name in ("train", "validation", "test")] == [63, 9, 18]
    run(tmp_path / "t.csv", "--test", "0.2", "--seed", "5", "--again")
    assert not set(first["test"]) <= set(parts(tmp_path, " (2)")["test"])


def test_a_test_part_of_an_earlier_run_is_not_trained_on(tmp_path: Path) -> None:
    run(table(tmp_path, 60), "--test", "0.2")
    first = parts(tmp_path)
    run(table(tmp_path, 80), "--validation", "0.1")
    second = parts(tmp_path, " (1)")
    assert second["test"] == first["test"] and not set(second["train"]) & set(first["test"])
    run(table(tmp_path, 80), "--validation", "0.1", "--again")
    assert "test" not in parts(tmp_path, " (2)")


def test_the_same_question_is_never_in_two_parts(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    rows = [f"Question {n // 2}{'!' * (n % 2)},a" for n in range(60)]
    path.write_text("\n".join(["text,label", *rows]) + "\n", encoding="utf-8")
    run(path, "--validation", "10", "--test", "10")
    asked = {part: {json.loads(line)["messages"][0]["content"].rstrip("!") for line in lines}
             for part, lines in parts(tmp_path).items()}  # fmt: skip
    assert [len(asked[part]) for part in PARTS] == [20, 5, 5] and len(set().union(*asked.values())) == 30


def test_lines_that_are_examples_already_may_name_their_group(tmp_path: Path) -> None:
    path = tmp_path / "t.jsonl"
    lines = [{"messages": [{"role": "user", "content": f"q{n}"}, {"role": "assistant", "content": "a"}],
              "metadata": {"author": f"a{n // 5}"}} for n in range(50)]  # fmt: skip
    path.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    run(path, "--test", "10", "--group", "author")
    made = parts(tmp_path)
    authors = {part: {json.loads(line)["metadata"]["author"] for line in lines} for part, lines in made.items()}
    assert [len(authors[part]) for part in PARTS] == [7, 1, 2]


def test_a_column_that_is_not_there_and_an_amount_that_is_none_are_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(table(tmp_path, 10), "--group", "customer") == 2
    told = capsys.readouterr().err
    assert "no column “customer”" in told and "text, label, author" in told
    with pytest.raises(SystemExit):
        run(table(tmp_path, 10), "--test", "lots")
    assert "lots" in capsys.readouterr().err
    assert run(table(tmp_path, 10), "--test", "0.9", "--validation", "0.9") == 2
    assert "rows at most" in capsys.readouterr().err


def test_a_class_that_nothing_measures_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = table(tmp_path, 60)
    path.write_text(path.read_text(encoding="utf-8") + "Once,green,b\nTwice,green,c\n", encoding="utf-8")
    run(path, "--validation", "0.1")
    assert "no row of them is held out: “green”" in capsys.readouterr().out
    assert parts(tmp_path).keys() == {"train", "valid"}
