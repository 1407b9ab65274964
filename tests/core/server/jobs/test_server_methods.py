"""The methods of a job: what each may say, what is kept of it and echoed, and that graders fit their files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from core.server import wire
from core.server.database import Database
from core.server.engines.base import JobSpec
from core.server.errors import ApiError
from core.server.examination import Unfit
from core.server.examination.validation import check_inputs
from core.server.idempotency import Claim
from core.server.jobs import Jobs
from core.server.jobs.requests import CreateJob
from core.server.models import Base
from core.server.reading import parse

GRADER = {
    "type": "string_check",
    "name": "same",
    "input": "{{sample.output_text}}",
    "reference": "{{item.answer}}",
    "operation": "eq",
}
AUTO = {"n_epochs": "auto", "batch_size": "auto", "learning_rate_multiplier": "auto"}


def asked(method: Any = None, **more: Any) -> CreateJob:
    return parse(CreateJob, {"model": "m", "training_file": "file-1", "method": method, **more})


def dpo(**values: Any) -> dict[str, Any]:
    return {"type": "dpo", "dpo": {"hyperparameters": values}}


def reinforcement(**values: Any) -> dict[str, Any]:
    return {"type": "reinforcement", "reinforcement": {"grader": GRADER, "hyperparameters": values}}


@pytest.mark.parametrize(
    ("method", "chosen"),
    [
        (None, AUTO),
        ({"type": "supervised"}, AUTO),
        ({"type": "dpo"}, {**AUTO, "beta": "auto"}),
        (dpo(beta=0.5, n_epochs=2), {**AUTO, "beta": 0.5, "n_epochs": 2}),
        (
            reinforcement(eval_interval=5, reasoning_effort="low"),
            {
                **AUTO,
                "compute_multiplier": "auto",
                "eval_interval": 5,
                "eval_samples": "auto",
                "reasoning_effort": "low",
            },
        ),
    ],
)
def test_each_method_has_its_hyperparameters(method: Any, chosen: dict[str, Any]) -> None:
    assert asked(method).chosen() == chosen


def test_the_older_hyperparameters_serve_every_method_that_says_none() -> None:
    older = {"n_epochs": 7}
    assert asked(None, hyperparameters=older).chosen()["n_epochs"] == 7
    assert asked({"type": "dpo"}, hyperparameters=older).chosen() == {**AUTO, "n_epochs": 7, "beta": "auto"}
    assert asked(dpo(beta=1), hyperparameters=older).chosen() == {**AUTO, "beta": 1.0}


@pytest.mark.parametrize(
    ("method", "param"),
    [
        (dpo(beta=0), "method.dpo.hyperparameters.beta"),
        (dpo(beta=2.1), "method.dpo.hyperparameters.beta"),
        (dpo(beta="strong"), "method.dpo.hyperparameters.beta"),
        (dpo(n_epochs=51), "method.dpo.hyperparameters.n_epochs"),
        (dpo(batch_size=float("nan")), "method.dpo.hyperparameters.batch_size"),
        (dpo(batch_size=1e308), "method.dpo.hyperparameters.batch_size"),
        ({"type": "reinforcement"}, "method"),
        ({"type": "reinforcement", "reinforcement": {}}, "method.reinforcement.grader"),
        ({"type": "reinforcement", "reinforcement": {"grader": "same"}}, "method.reinforcement.grader"),
        (reinforcement(compute_multiplier=0.00001), "method.reinforcement.hyperparameters.compute_multiplier"),
        (reinforcement(compute_multiplier=10.1), "method.reinforcement.hyperparameters.compute_multiplier"),
        (reinforcement(eval_interval=0), "method.reinforcement.hyperparameters.eval_interval"),
        (reinforcement(eval_samples=1.5), "method.reinforcement.hyperparameters.eval_samples"),
        (reinforcement(reasoning_effort="extreme"), "method.reinforcement.hyperparameters.reasoning_effort"),
    ],
)
def test_a_value_out_of_its_range_is_refused(method: Any, param: str) -> None:
    with pytest.raises(ApiError) as caught:
        asked(method)
    assert (caught.value.status, caught.value.param) == (400, param)


def test_the_grader_and_the_format_are_kept_and_echoed(tmp_path: Path) -> None:
    method = reinforcement(n_epochs=2)
    method["reinforcement"]["response_format"] = {"type": "json_object"}
    jobs = Jobs(Database(tmp_path / "provider.db"))
    made = jobs.create(asked(method), Base("m", "engine", None), Claim(None, ""))
    assert made["method"]["type"] == "reinforcement" and made["hyperparameters"] is None
    detail = made["method"]["reinforcement"]
    assert (detail["grader"], detail["response_format"]) == (GRADER, {"type": "json_object"})
    assert detail["hyperparameters"]["n_epochs"] == 2
    assert wire.job(jobs.get(made["id"])) == made


def spec(folder: Path, rows: list[dict[str, Any]], checks: list[dict[str, Any]] | None = None) -> JobSpec:
    paths = folder / "training.jsonl", folder / "validation.jsonl"
    paths[0].write_text("\n".join(map(json.dumps, rows)))
    paths[1].write_text("\n".join(map(json.dumps, checks or rows)))
    return JobSpec("ftjob-1", "m", paths[0], paths[1], "reinforcement", grader=GRADER)


def row(number: int, **more: Any) -> dict[str, Any]:
    return {"messages": [{"role": "user", "content": f"What is {number} + 1?"}], **more}


def test_every_line_has_what_the_grader_reads(tmp_path: Path) -> None:
    rows = [row(n, answer=str(n + 1)) for n in range(12)]
    check_inputs(spec(tmp_path, rows), ("file-1", "file-2"))
    with pytest.raises(Unfit) as caught:
        check_inputs(spec(tmp_path, [*rows, row(13), *(row(n) for n in range(20, 27))]), ("file-1", "file-2"))
    error = caught.value
    assert (error.code, error.param) == ("invalid_training_file", "training_file")
    assert "file-1 has 8 error(s)" in error.message and "line 13, answer" in error.message
    assert error.message.endswith("3 more.")


def test_the_validation_file_is_held_to_the_grader_too(tmp_path: Path) -> None:
    rows = [row(n, answer=str(n + 1)) for n in range(12)]
    with pytest.raises(Unfit) as caught:
        check_inputs(spec(tmp_path, rows, [row(1)]), ("file-1", "file-2"))
    assert caught.value.param == "validation_file" and "line 1, answer" in caught.value.message
