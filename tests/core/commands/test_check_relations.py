"""`python -m core check --relations`: what is printed, and what a script gets."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import pytest

from core.commands import check
from core.errors import BadInput

ASKED = "How do I reset the password of my account?"


def call(*arguments: str | Path) -> int:
    parser = argparse.ArgumentParser()
    check.add_parser(parser.add_subparsers())
    options = parser.parse_args(["check", *map(str, arguments)])
    return int(options.run(options))


def line(question: str, answer: str) -> str:
    said = [{"role": "user", "content": question}, {"role": "assistant", "content": answer}]
    return json.dumps({"messages": said}, ensure_ascii=False)


@pytest.fixture
def train(tmp_path: Path) -> Path:
    path = tmp_path / "train.jsonl"
    others = [line(f"{word} {n}", "billing") for n, word in enumerate("天地玄黄宇宙洪荒日月盈昃")]
    lines = [line(ASKED, "account"), "{broken", line(ASKED, "account"), line(ASKED.upper(), "billing"), *others,
             line("Somebody else asks this", "biling")]  # fmt: skip
    path.write_text("\n".join(lines), encoding="utf-8-sig")
    return path


@pytest.fixture
def held_out(tmp_path: Path) -> Path:
    path = tmp_path / "test.jsonl"
    path.write_text(line("How do I reset the password of this account?", "account"), encoding="utf-8")
    return path


def test_a_script_gets_counts_and_places(train: Path, held_out: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert call(train, "--json", "--relations", "--against", held_out) == 1
    found = json.loads(capsys.readouterr().out)["relations"]
    assert " ".join(found) == (
        "repeat_groups repeats near_pairs contradictions contradicting_rows leaks label_slips "
        "exact near contradicting leaking labels"
    )
    assert found["exact"] == [["train.jsonl:1", "train.jsonl:3"]]
    assert found["contradicting"] == [["train.jsonl:1", "train.jsonl:3", "train.jsonl:4"]]
    [[held, trained, score]] = found["leaking"]
    assert (held, trained) == ("test.jsonl:1", "train.jsonl:1") and 0.85 < score < 1
    assert (found["repeats"], found["leaks"], found["label_slips"]) == (1, 1, 1)
    assert found["labels"] == [{"label": "biling", "rows": 1, "meant": "billing", "meant_rows": 13, "why": "letters"}]


def test_a_person_reads_it_in_words(train: Path, held_out: Path, capsys: pytest.CaptureFixture[str]) -> None:
    call(train, "--relations", "--against", held_out)
    out = capsys.readouterr().out
    assert "exact repeats: 1 row in 1 group\n    train.jsonl:1, train.jsonl:3\n" in out
    assert "the same question with another answer: 1\n" in out
    assert "held-out questions that are also trained on: 1\n    test.jsonl:1, train.jsonl:1 (9" in out
    assert "answer “biling” (1) is probably meant to be “billing” (13)" in out


def test_without_the_option_nothing_is_added(train: Path, capsys: pytest.CaptureFixture[str]) -> None:
    call(train, "--json")
    assert "relations" not in json.loads(capsys.readouterr().out)
    call(train)
    assert "compared" not in capsys.readouterr().out


def test_free_answers_are_no_labels(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "free.jsonl"
    path.write_text("\n".join(line(f"{n}", f"answer {'abcdefghijkl'[n]}") for n in range(12)))
    call(path, "--json", "--relations")
    assert json.loads(capsys.readouterr().out)["relations"]["labels"] == []


def test_a_held_out_file_that_is_not_there_is_an_error_of_the_app(train: Path, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="cannot be read"):
        call(train, "--against", tmp_path / "none.jsonl")


def test_a_tidy_copy_has_no_repeats_and_what_most_rows_answer(
    train: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    train.write_bytes(train.read_bytes() + f"\n{line('Somebody else asks this!', 'biling')}\n".encode())
    out, old = tmp_path / "tidy.jsonl", train.read_bytes().splitlines()
    assert call(train, "--tidy", out) == 1
    assert out.read_bytes().splitlines() == [*old[:2], *old[4:-1]]  # 3 repeats, 4 contradicts, the last is nearly 15
    assert "tidy.jsonl: 1 repeat, 1 near one, 1 row that contradicts and 0 that are" in capsys.readouterr().err


def test_a_tidy_copy_holds_nothing_that_is_held_out(
    train: Path, held_out: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out, old = tmp_path / "tidy.jsonl", train.read_bytes().splitlines()
    assert call(train, "--tidy", out, "--against", held_out) == 1
    assert out.read_bytes().splitlines() == [old[1], *old[4:]]
    assert "and 3 that are held out as well" in capsys.readouterr().err
    with pytest.raises(BadInput, match="another one"):
        call(train, "--tidy", train)
