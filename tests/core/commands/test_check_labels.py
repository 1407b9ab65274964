"""`check --labels` names labels that are probably wrong, by their lines."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest

from core.__main__ import main

WORDS = {"tea": "kettle leaf mug brew steam", "sea": "wave sail tide salt gull"}


def file(folder: Path, classes: bool = True) -> Path:
    chance, lines = random.Random(0), []
    for n in range(60):
        label = ("tea", "sea")[n % 2]
        asked = f"{' '.join(chance.sample(WORDS[label].split(), 3))} {n}"
        answer = ("sea" if n == 10 else label) if classes else f"A long answer of its own, number {n}"
        lines.append({"messages": [{"role": "user", "content": asked}, {"role": "assistant", "content": answer}]})
    path = folder / "words.jsonl"
    path.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    return path


def test_the_worst_label_is_named_first_with_its_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", str(file(tmp_path)), "--labels"]) == 0
    said = capsys.readouterr().out
    assert "Likely wrong labels" in said and "words.jsonl:11: “sea” (" in said and "rather “tea”" in said


def test_scripts_get_the_doubts_as_json(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["check", str(file(tmp_path)), "--labels", "--json"])
    found = json.loads(capsys.readouterr().out)["labels"]
    worst = found["doubts"][0]
    assert (found["rows"], found["classes"]) == (60, 2) and found["found"] == len(found["doubts"])
    assert (worst["line"], worst["label"], worst["suggested"]) == (11, "sea", "tea") and worst["alike"]


def test_answers_that_are_no_classes_are_said_to_be_none(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["check", str(file(tmp_path, classes=False)), "--labels"])
    assert "the answers are no classes" in capsys.readouterr().out
