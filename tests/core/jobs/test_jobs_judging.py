"""What a model can be judged by is said before the launch, and is what the engine says after it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from core.jobs.judging import refusal
from core.server.engines.base import JobSpec, SpecError
from core.server.engines.classic.engine import ClassicEngine

LISTED = [
    {"id": "local-classic-1", "engine": "classic"},
    {"id": "open", "engine": "lora"},
    {"id": "ft:local-classic-1:local:x:1", "parent": "local-classic-1"},
]
ROWS = [
    {
        "messages": [{"role": "user", "content": f"q {i}"}],
        "topic": ("billing", "shipping")[i % 2],
        "number": i % 3,
        "one": "same",
        "free": f"words of their own {i}",
        "long": ("x" * 80, "y" * 80)[i % 2],
        "deep": {"topic": ("a", "b")[i % 2]},
    }
    for i in range(30)
]
PYTHON = {"type": "python", "name": "p", "source": "def grade(sample, item):\n    return 1.0"}


def compared(field: str, **more: Any) -> dict[str, Any]:
    both = {"name": "g", "input": "{{sample.output_text}}", "reference": f"{{{{item.{field}}}}}"}
    return {"type": "string_check", "operation": "eq", **both, **more}


@pytest.mark.parametrize(
    ("grader", "word"),
    [
        (compared("topic"), ""),
        (compared("number"), ""),
        (compared("deep.topic"), ""),
        (compared("topic", operation="ilike"), ""),
        ({**compared("topic"), "type": "text_similarity", "evaluation_metric": "fuzzy_match"}, ""),
        (compared("topic", input="{{sample.output_json.label}}"), ""),
        ({"type": "multi", "graders": {"a": compared("topic"), "b": PYTHON}, "calculate_output": "a + b"}, ""),
        (PYTHON, "this grader names none"),
        (compared("topic", operation="ne"), "this grader names none"),
        (compared("topic", reference="billing"), "this grader names none"),
        (compared("free"), "free text"),
        (compared("long"), "free text"),
        (compared("one"), "free text"),
    ],
)
def test_what_the_classic_model_can_be_judged_by(tmp_path: Path, grader: dict[str, Any], word: str) -> None:
    found = refusal("local-classic-1", LISTED, grader, ROWS)
    assert (word in str(found.message) and str(found.hint)) if found else not word
    path = tmp_path / "rows.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in ROWS))
    spec = JobSpec("j", "local-classic-1", path, method="reinforcement", grader=grader)
    try:
        ClassicEngine().check(spec)
        assert found is None, "the engine takes it"
    except SpecError as error:
        assert found is not None, error


@pytest.mark.parametrize("model", ["open", "ft:local-classic-1:local:x:1", "unknown"])
def test_a_model_that_knows_or_writes_its_answers_takes_a_grader_of_ones_own(model: str) -> None:
    assert refusal(model, LISTED, PYTHON, ROWS) is None


@pytest.mark.parametrize("model", ["open", "local-classic-1"])
def test_no_model_of_this_computer_asks_another_one(model: str) -> None:
    judge = {"type": "score_model", "name": "j", "model": "m", "input": [{"role": "user", "content": "?"}]}
    several = {"type": "multi", "graders": {"a": compared("topic"), "b": judge}, "calculate_output": "a + b"}
    for grader in (judge, several):
        found = refusal(model, LISTED, grader, ROWS)
        assert found is not None and "cannot ask a model" in str(found.message)
