"""What preferences and rewards add to a fine-tuned classifier; `python -m benchmarks.engines` runs it.

Of TNEWS 1,000 rows are learnt as usual. 8,000 further rows then come as preferences (the true class to the wrong one
that the model finds likeliest), as questions with a grader (the true class has reward 1), or as usual.
"""

from __future__ import annotations

import json
import os
import random
import subprocess
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from benchmarks.engines import ROOT, Pairs, calibration_error, tnews, write_chat
from core.server.engines.base import JobDir, JobSpec, Predictor, SampleParams
from core.server.engines.classic import BASE
from core.server.engines.classic.engine import ClassicEngine

FIRST, FURTHER = 1_000, 8_000
GRADER = {
    "type": "string_check",
    "name": "exact",
    "operation": "eq",
    "input": "{{sample.output_text}}",
    "reference": "{{item.label}}",
}


def show(data: Path) -> None:
    """Trains in each way and prints a line each."""
    train, test = tnews(data)
    random.Random(0).shuffle(train)
    first, further = train[:FIRST], train[FIRST : FIRST + FURTHER]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        begun = _train(folder / "first", JobSpec("j", BASE, write_chat(folder / "first.jsonl", first)))
        _tell("1,000 rows", begun, test)
        preferred = _write(folder / "pairs.jsonl", _pairs(ClassicEngine().open(begun.final_path, BASE), further))
        graded = _write(folder / "graded.jsonl", _graded(further))
        more = {"training_path": write_chat(folder / "more.jsonl", further)}
        ways: dict[str, dict[str, Any]] = {
            "supervised": more,
            "dpo": {"training_path": preferred, "method": "dpo"},
            "reinforcement": {"training_path": graded, "method": "reinforcement", "grader": GRADER},
        }
        for way, how in ways.items():
            for start, parent in (("", begun.final_path), (", from base", None)):
                spec = JobSpec("j", BASE, parent=parent, **how)
                _tell(way + start, _train(folder / (way + start), spec), test)


def _write(path: Path, rows: Iterable[dict[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), "utf-8")
    return path


def _asked(question: str) -> list[dict[str, Any]]:
    return [{"role": "user", "content": question}]


def _pairs(model: Predictor, rows: Pairs) -> Iterable[dict[str, Any]]:
    for question, label in rows:
        piece = next(iter(model.generate(_asked(question), SampleParams(temperature=0, top_logprobs=2))))
        wrong = next(text for text, _log in piece.top if text != label)
        said = [[{"role": "assistant", "content": text}] for text in (label, wrong)]
        yield {"input": {"messages": _asked(question)}, "preferred_output": said[0], "non_preferred_output": said[1]}


def _graded(rows: Pairs) -> Iterable[dict[str, Any]]:
    return ({"messages": _asked(question), "label": label} for question, label in rows)


def _train(folder: Path, spec: JobSpec) -> JobDir:
    job = JobDir.create(folder, spec)
    launch = ClassicEngine().command(spec, job.path)
    subprocess.run(launch.argv, env={**os.environ, **launch.env}, cwd=ROOT, check=True)
    return job


def _tell(what: str, job: JobDir, test: Pairs) -> None:
    model = ClassicEngine().open(job.final_path, BASE)
    asked = [next(iter(model.generate(_asked(ask), SampleParams(temperature=0)))) for ask, _answer in test]
    right = [piece.text == answer for piece, (_ask, answer) in zip(asked, test, strict=True)]
    points = [event for event in job.read_events()[0] if event["type"] == "metrics"]
    name = "train_reward_mean" if "train_reward_mean" in points[0] else "train_loss"
    curve = f"{name} {points[0][name]:.3f} → {sum(p[name] for p in points[-10:]) / 10:.3f}"
    missed = calibration_error([piece.logprob for piece in asked], right)
    print(f"{what:28} {len(test):13} {sum(right) / len(right):7.2%} {missed:6.3f}   {curve}", flush=True)
