"""`python -m core evaluate` against a provider over HTTP, as a person types it."""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from core.dataset.examples import dump

ROOT = Path(__file__).resolve().parents[3]


def evaluate(home: Path, *arguments: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "core", "evaluate", *map(str, arguments)],
        cwd=ROOT,
        env={**os.environ, "LUOPAN_HOME": str(home), "TOY_KEY": "sk-toy", "PYTHONIOENCODING": "utf-8"},
        capture_output=True,
        text=True,
        timeout=60,
    )


@pytest.fixture
def rows(tmp_path: Path) -> Path:
    path = tmp_path / "rows.jsonl"
    bodies = [
        {"messages": [{"role": "user", "content": f"q{i}"}, {"role": "assistant", "content": "奇" if i % 2 else "偶"}]}
        for i in range(20)
    ]
    path.write_text("\n".join(map(dump, bodies)) + "\n", encoding="utf-8")
    return path


@pytest.fixture
def honest(oracle: Any) -> Any:
    """The oracle, whose model "tuned" is right on all but q3 and whose model "base" says "=1+1"."""

    def answer(model: str, question: str) -> str:
        number = int(question[1:])
        return "=1+1" if model == "base" else "奇" if number % 2 and number != 3 else "偶"

    oracle.answer = answer
    return oracle


def test_two_models_are_scored_and_compared(tmp_path: Path, rows: Path, honest: Any) -> None:
    out = tmp_path / "answers.csv"
    done = evaluate(
        tmp_path, rows, "--model", "base", "--model", "tuned", "--base-url", honest.base_url,
        "--api-key-env", "TOY_KEY", "--out", out,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "19 right: 95.0%" in done.stdout and "0 right: 0.0%" in done.stdout
    assert "tuned is right on 19 of 20 rows; base on 0." in done.stdout
    assert "40 of 40 answers" in done.stderr
    with out.open(encoding="utf-8-sig", newline="") as file:
        table = list(csv.reader(file))
    assert table[0] == ["question", "expected", "base", "base right", "tuned", "tuned right"]
    assert table[4] == ["q3", "奇", "'=1+1", "no", "偶", "no"]  # no formula comes alive


def test_json_is_one_object_with_the_figures(tmp_path: Path, rows: Path, honest: Any) -> None:
    done = evaluate(tmp_path, rows, "--model", "tuned", "--base-url", honest.base_url, "--limit", 8, "--json")
    found = json.loads(done.stdout)
    assert found["rows"] == 8 and found["models"][0]["model"] == "tuned"
    assert found["models"][0]["answered"] == 8 == len(honest.bodies)
    assert set(found["models"][0]["labels"]) == {"奇", "偶"}
    assert not (tmp_path / "luopan.db").exists()


def test_answers_that_failed_make_the_exit_code_one(tmp_path: Path, rows: Path, oracle: Any) -> None:
    oracle.answer = lambda _model, question: 400 if question == "q5" else "奇"
    done = evaluate(tmp_path, rows, "--model", "m", "--base-url", oracle.base_url, "--json")
    assert done.returncode == 1 and json.loads(done.stdout)["models"][0]["errors"] == 1


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "holds no rows"),
        (b'{"messages": []}\n[1]\n', "line 2: this is no JSON object"),
        (b"\xff\xfe\x00", "is not UTF-8 text"),
    ],
)
def test_a_file_that_cannot_be_used_is_told_in_a_sentence(tmp_path: Path, content: bytes, words: str) -> None:
    path = tmp_path / "bad.jsonl"
    path.write_bytes(content)
    done = evaluate(tmp_path, path, "--model", "m")
    assert done.returncode == 2 and words in done.stderr and "Traceback" not in done.stderr


def test_a_provider_that_is_not_there_is_told_in_a_sentence(tmp_path: Path, rows: Path) -> None:
    done = evaluate(tmp_path, rows, "--model", "local-classic-1", "--limit", 1, "--json")
    figures = json.loads(done.stdout)["models"][0]
    assert done.returncode == 1 and figures["accuracy"] is None
    assert figures["first_error"].startswith("The local provider is not running.")
    done = evaluate(tmp_path, tmp_path / "none.jsonl", "--model", "m")
    assert done.returncode == 2 and "none.jsonl cannot be read" in done.stderr


def write(path: Path, bodies: list[dict[str, Any]]) -> Path:
    path.write_text("\n".join(map(dump, bodies)) + "\n", encoding="utf-8")
    return path


def asked(number: int) -> list[dict[str, str]]:
    return [{"role": "user", "content": f"q{number}"}]


def test_preferences_are_compared_with_the_better_answer(tmp_path: Path, honest: Any) -> None:
    def said(text: str) -> list[dict[str, str]]:
        return [{"role": "assistant", "content": text}]

    rows = write(
        tmp_path / "pairs.jsonl",
        [
            {
                "input": {"messages": asked(n)},
                "preferred_output": said("奇" if n % 2 else "偶"),
                "non_preferred_output": said("?"),
            }
            for n in range(10)
        ],
    )
    done = evaluate(
        tmp_path, rows, "--model", "tuned", "--base-url", honest.base_url, "--api-key-env", "TOY_KEY", "--json"
    )
    assert done.returncode == 0, done.stderr
    (score,) = json.loads(done.stdout)["models"]
    assert (score["answered"], score["right"]) == (10, 9)


@pytest.mark.parametrize(
    ("more", "options", "right", "word"),
    [
        ({}, [], 9, ""),
        ({"note": "n"}, ["--expected", "parity"], 9, ""),
        ({"note": "n"}, [], None, "--expected FIELD. These are there: parity, note"),
        ({}, ["--expected", "nothing"], None, "no row that ends with its question has a field"),
    ],
)
def test_reinforcement_rows_are_compared_with_a_field(
    tmp_path: Path, honest: Any, more: dict[str, str], options: list[str], right: int | None, word: str
) -> None:
    rows = write(
        tmp_path / "tasks.jsonl",
        [{"messages": asked(n), "parity": "奇" if n % 2 else "偶", **more} for n in range(10)],
    )
    place = ("--base-url", honest.base_url, "--api-key-env", "TOY_KEY")
    done = evaluate(tmp_path, rows, "--model", "tuned", *place, *options, "--json")
    if right is None:
        assert done.returncode == 2 and word in done.stderr, done.stderr
    else:
        (score,) = json.loads(done.stdout)["models"]
        assert (done.returncode, score["right"]) == (0, right), done.stderr
