"""`core prepare` as the old preparer was: the same questions, the same fixes, the same files; asked at a terminal."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from preparercases import CASES, RECORD, outcome
from test_prepare import ROOT, run

from core.errors import BadInput

OLD: dict[str, Any] = json.loads(RECORD.read_text(encoding="utf-8"))


def made(name: str, folder: Path) -> Path:
    file, write, rows = CASES[name]
    write(folder / file, rows)
    return folder / file


@pytest.mark.parametrize("name", CASES)
def test_it_asks_and_writes_what_the_old_preparer_did(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = made(name, tmp_path)
    if OLD[name]["stops"]:
        with pytest.raises(BadInput, match="identical"):
            run(path, "-q")
        return
    assert run(path, "-q") == 0
    asked = [question.replace(" 1 long examples", " 1 long example") for question in OLD[name]["asked"]]
    assert {"stops": False, **outcome(tmp_path, capsys.readouterr().out)} == {**OLD[name], "asked": asked}


@pytest.mark.parametrize("name", ["free answers", "classes as csv"])
def test_a_second_run_leaves_the_files_of_the_first(name: str, tmp_path: Path) -> None:
    path = made(name, tmp_path)
    before = path.read_bytes()
    run(path, "-q")
    first = {p.name: p.read_bytes() for p in tmp_path.glob("x_prepared*")}
    run(path, "-q")
    after = {p.name: p.read_bytes() for p in tmp_path.glob("x_prepared*")}
    assert sorted(after) == OLD[f"{name} twice"]["files"]
    assert first.items() <= after.items() and path.read_bytes() == before


def at_terminal(path: Path, answers: str, *more: str) -> tuple[int, str]:
    """A run by somebody who types these answers."""
    pty = pytest.importorskip("pty")
    ours, theirs = pty.openpty()
    try:
        os.write(ours, answers.encode())
        command = [sys.executable, "-m", "core", "prepare", str(path), *more]
        done = subprocess.run(command, cwd=ROOT, stdin=theirs, capture_output=True, text=True, timeout=60, check=False)
    finally:
        os.close(ours)
        os.close(theirs)
    return done.returncode, done.stdout


def test_at_a_terminal_every_fix_is_a_question_with_a_preview(tmp_path: Path) -> None:
    code, said = at_terminal(made("classes as csv", tmp_path), "n\n\nN\n\n")
    assert code == 0 and said.count("[Y/n]: ") == 4
    assert "'alpha' → 'good'\n  → 'alpha ->' → 'good'" in said
    lines = (tmp_path / "x_prepared.jsonl").read_text().splitlines()
    assert lines[0] == '{"prompt":"alpha","completion":" good"}' and len(lines) == 12
    assert f'jobs create "{tmp_path / "x_prepared.jsonl"}" --model' in said


def test_whoever_does_not_proceed_gets_no_file(tmp_path: Path) -> None:
    code, said = at_terminal(made("free answers", tmp_path), "\n\n\nn\n")
    assert code == 1 and "Nothing was written" in said
    assert [p.name for p in tmp_path.iterdir()] == ["x.csv"]


def test_the_next_command_names_both_files_and_the_words_to_remember(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run(made("classes as csv", tmp_path), "-q")
    said = capsys.readouterr().out
    train, valid = (tmp_path / f"x_prepared_{part}.jsonl" for part in ("train", "valid"))
    assert f'jobs create "{train}" --validation "{valid}" --model local-classic-1' in said
    assert "end the prompt with ` ->`" in said and "stop=" not in said
    run(made("free answers", tmp_path), "-q", "--out", tmp_path / "free")
    assert 'stop=["\\n"]' in capsys.readouterr().out


def test_a_script_is_told_and_nothing_is_changed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = made("duplicates", tmp_path)
    run(path, "--json")
    said = json.loads(capsys.readouterr().out)
    assert said["examples"] == 15 and said["output"] == str(tmp_path / "x_prepared.jsonl")
    (duplicates,) = [finding for finding in said["advice"] if finding["code"] == "duplicates"]
    assert (duplicates["severity"], duplicates["count"], duplicates["applied"]) == ("optional", 3, False)
    assert duplicates["preview"][0]["after"] == []
    run(path, "--json", "-q")
    said = json.loads(capsys.readouterr().out)
    assert said["examples"] == 12 and any(finding["applied"] for finding in said["advice"])
    assert said["outputs"] == [str(tmp_path / "x_prepared (1).jsonl")]


def test_prompt_and_completion_can_become_a_chat(tmp_path: Path) -> None:
    run(made("free answers", tmp_path), "-q", "--format", "chat")
    first = json.loads((tmp_path / "x_prepared.jsonl").read_text().splitlines()[0])
    assert [m["content"] for m in first["messages"]] == ["tell of alpha", "alpha is good and alpha"]


def test_a_chat_gets_no_separators_but_is_mended(tmp_path: Path) -> None:
    path = tmp_path / "x.jsonl"
    turns = [("one", " 1"), ("two", "2 "), ("two", "2 "), ("three", ""), ("four", "fo\u4f60r")]
    path.write_text(
        "".join(
            json.dumps({"messages": [{"role": "user", "content": q}, {"role": "assistant", "content": a}], "z": 1.0})
            + "\n"
            for q, a in turns
        )
    )
    run(path, "-q")
    lines = (tmp_path / "x_prepared.jsonl").read_text(encoding="utf-8").splitlines()
    assert [json.loads(line)["messages"][-1]["content"] for line in lines] == ["1", "2", "fo你r"]
    assert lines[2] == path.read_text().splitlines()[4], "what was not mended stays byte for byte"
    assert all('"z":1.0' in line.replace(" ", "") for line in lines)


@pytest.mark.parametrize(("way", "rows"), [("remove", 12), ("trim", 13), ("split", 15)])
def test_long_rows_are_removed_trimmed_or_split(way: str, rows: int, tmp_path: Path) -> None:
    path = tmp_path / "x.jsonl"
    long = {"prompt": "word " * 5_000, "completion": "short"}
    body = [{"prompt": p, "completion": c} for p, c in CASES["free answers"][2]]
    path.write_text("".join(json.dumps(o) + "\n" for o in [*body, long]))
    run(path, "-q", "--long", way)
    lines = [json.loads(line) for line in (tmp_path / "x_prepared.jsonl").read_text().splitlines()]
    assert len(lines) == rows
    assert all(len(line["prompt"]) + len(line["completion"]) < 10_050 for line in lines)


def test_several_and_packed_files_are_prepared_under_the_name_that_was_given(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    import gzip

    rows = "".join(f"What is {n} and one?,It is {n + 1}.\n" for n in range(12))
    (tmp_path / "a.csv").write_text(f"question,answer\n{rows}=1+1,\n", encoding="utf-8")
    (tmp_path / "b.csv.gz").write_bytes(gzip.compress(b"question,answer\nWhy?,Because.\n"))
    assert run(tmp_path / "a.csv", tmp_path / "b.csv.gz", "-q") == 0
    assert "2 files" in capsys.readouterr().out
    assert len((tmp_path / "a_prepared.jsonl").read_text(encoding="utf-8").splitlines()) == 13
    rejected = (tmp_path / "a_rejected.csv").read_text(encoding="utf-8-sig").splitlines()
    assert rejected[0].startswith("file,") and rejected[1].startswith("a.csv,14,") and "'=1+1" in rejected[1]
    packed = tmp_path / "c.jsonl.gz"
    packed.write_bytes(gzip.compress((tmp_path / "a_prepared.jsonl").read_bytes()))
    assert run(packed, "-q") == 0
    assert (tmp_path / "c.jsonl_prepared.jsonl").is_file()


def training_lines(rows: int, role: str = "assistant") -> str:
    said = (
        ({"role": "user", "content": f"第 {n} 号窗口几点开门？"}, {"role": role, "content": f"{n} 点。"})
        for n in range(rows)
    )
    return "\n".join(json.dumps({"messages": messages}, ensure_ascii=False) for messages in said)


@pytest.mark.parametrize(
    ("change", "encoding", "said"),
    [
        (lambda text: text, "utf-16", "Write the file in UTF-8"),
        (lambda text: text, "utf-8-sig", "Leave the byte-order mark out"),
        (lambda text: text.replace("\n", "\n\n"), "utf-8", "Remove 119 blank lines"),
    ],
)
def test_training_lines_that_a_provider_would_not_read_are_written_anew(
    change: Callable[[str], str], encoding: str, said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "x.jsonl"
    path.write_bytes(change(training_lines(120)).encode(encoding))
    assert run(path, "-q") == 0
    out = capsys.readouterr().out
    assert f"[Necessary] {said}" in out and "as it is" not in out
    assert (tmp_path / "x_prepared.jsonl").read_text(encoding="utf-8") == training_lines(120) + "\n"


def test_a_file_with_errors_is_not_called_good(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "x.jsonl"
    path.write_text(training_lines(120, role="narrator"), encoding="utf-8")
    assert run(path, "-q") == 0
    out = capsys.readouterr().out
    assert "240 errors stand in the way of a training" in out and "as it is" not in out
    assert "core check" in out and "jobs create" not in out
    path.write_text(training_lines(120), encoding="utf-8")
    assert run(path, "-q") == 0
    assert "You can use your file for training as it is." in capsys.readouterr().out


def test_rows_for_a_grader_are_split_and_pairs_are_not_called_writing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = [[{"role": "user", "content": f"{n} + 2?"}] for n in range(60)]
    path = tmp_path / "sums.jsonl"
    path.write_text("\n".join(json.dumps({"messages": said, "answer": f"{n + 2}"}) for n, said in enumerate(asked)))
    assert run(path, "-q") == 0
    out = capsys.readouterr().out
    train, valid = tmp_path / "sums_prepared_train.jsonl", tmp_path / "sums_prepared_valid.jsonl"
    assert len(train.read_text().splitlines()) + len(valid.read_text().splitlines()) == 60 and valid.read_text()
    assert f'--validation "{valid}" --grader GRADER.json --model' in out and "no row asks anything" not in out
    good, bad = ([{"role": "assistant", "content": text}] for text in ("Yes.", "No."))
    pair = {"preferred_output": good, "non_preferred_output": bad}
    path.write_text("\n".join(json.dumps({"input": {"messages": said}, **pair}) for said in asked))
    assert run(path, "-q") == 0
    assert "no row asks anything" not in capsys.readouterr().out


def test_one_answer_for_all_is_no_class(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "x.csv"
    path.write_text("question,answer\n" + "".join(f"Is parcel {n} late?,Yes.\n" for n in range(60)))
    assert run(path, "-q") == 0
    out = capsys.readouterr().out
    assert "All answers are the same" in out and "different answers" not in out
