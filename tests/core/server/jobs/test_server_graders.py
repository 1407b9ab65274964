"""Graders over HTTP, through the unmodified client: tried on one answer, checked, refused by their parameter."""

from __future__ import annotations

import threading
import time
from typing import Any

import openai
import pytest

CHECK: dict[str, Any] = {
    "type": "string_check",
    "name": "same",
    "input": "{{sample.output_text}}",
    "reference": "{{item.answer}}",
    "operation": "eq",
}


def graders(provider: Any) -> Any:
    return provider.client.fine_tuning.alpha.graders


def run(provider: Any, grader: Any, sample: str = "8", item: Any = None) -> Any:
    return graders(provider).run(grader=grader, model_sample=sample, item={"answer": "8"} if item is None else item)


def test_a_grader_is_tried_on_an_answer(provider: Any) -> None:
    found = run(provider, CHECK)
    assert (found.reward, found.sub_rewards, found.metadata.name) == (1.0, {}, "same")
    assert (found.metadata.type, found.metadata.scores, found.metadata.token_usage) == (
        "string_check",
        {"same": 1.0},
        0,
    )
    errors = found.metadata.errors.model_dump()
    assert not any(errors.values()) and errors["api_model_grader_parse_error"] is False
    assert found.metadata.execution_time >= 0 and found.api_model_grader_token_usage_per_model == {}
    assert run(provider, CHECK, "9").reward == 0.0


def test_several_graders_give_their_parts(provider: Any) -> None:
    like = {
        "type": "text_similarity",
        "input": "{{sample.output_text}}",
        "reference": "8",
        "evaluation_metric": "rouge_1",
    }
    grader = {"type": "multi", "name": "m", "graders": {"a": CHECK, "b": like}, "calculate_output": "(a + b) / 2"}
    found = run(provider, grader, "8 9")
    assert found.sub_rewards == pytest.approx({"a": 0.0, "b": 2 / 3}) and found.reward == pytest.approx(1 / 3)


def test_python_runs_and_says_what_went_wrong(provider: Any) -> None:
    grader = {
        "type": "python",
        "name": "p",
        "source": "def grade(sample, item):\n    return float(item[sample['output_text']])",
    }
    assert run(provider, grader, "answer").reward == 8.0
    found = run(provider, grader, "gone")
    assert found.reward == 0.0 and found.metadata.errors.python_grader_runtime_error
    assert found.metadata.errors.python_grader_runtime_error_details == "KeyError: 'gone' (line 2)"


def test_a_model_of_this_server_judges(provider: Any, many_lines: Any) -> None:
    rows = many_lines(30).replace(b'"fruit"', b'"1"').replace(b'"vehicle"', b'"0.25"').replace(b'"animal"', b'"7"')
    job = provider.client.fine_tuning.jobs.create(model="local-classic-1", training_file=provider.upload(rows))
    model = provider.finished(job.id).fine_tuned_model
    question = {"role": "user", "content": "What is the {{sample.output_text}} of row 3?"}
    grader = {"type": "score_model", "name": "j", "model": model, "input": [question]}
    found = run(provider, grader, "ripe apple")
    assert found.reward == 1.0, found
    assert found.metadata.token_usage == found.api_model_grader_token_usage_per_model[model] > 0
    assert run(provider, grader, "fast car").reward == 0.25
    assert run(provider, grader, "blue whale").metadata.errors.api_model_grader_parse_error  # 7 is out of range
    found = run(provider, {**grader, "model": "gpt-4o"}, "ripe apple")
    assert found.metadata.errors.api_model_grader_server_error and found.reward == 0
    assert "gpt-4o does not exist here" in found.metadata.errors.api_model_grader_server_error_details


def test_a_grader_is_checked_without_running_it(provider: Any) -> None:
    assert graders(provider).validate(grader=CHECK).grader.model_dump(exclude_none=True) == CHECK


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({}, "grader"),
        ({"grader": "same"}, "grader"),
        ({"grader": {}, "model_sample": ""}, "grader.type"),
        ({"grader": {**CHECK, "operation": "is"}, "model_sample": ""}, "grader.operation"),
        ({"grader": CHECK, "model_sample": 8}, "model_sample"),
        ({"grader": CHECK}, "model_sample"),
        ({"grader": CHECK, "model_sample": "8"}, "grader"),
        ({"grader": CHECK, "model_sample": "8", "item": []}, "item"),
        ({"grader": {"type": "python", "source": "x"}, "model_sample": ""}, "grader.source"),
    ],
)
def test_a_bad_try_names_its_parameter(provider: Any, body: dict[str, Any], param: str) -> None:
    reply = provider.ask("POST", "/fine_tuning/alpha/graders/run", json=body)
    assert (reply.status_code, reply.json()["error"]["param"]) == (400, param), reply.text


def test_the_client_reads_why_a_grader_is_refused(provider: Any) -> None:
    with pytest.raises(openai.BadRequestError, match=r"grader\.reference: .*valid string"):
        graders(provider).validate(grader={**CHECK, "reference": 8})


def test_slow_graders_hold_up_nobody_else(provider: Any) -> None:
    slow = {"type": "python", "source": "import time\ndef grade(sample, item):\n    time.sleep(1.5)\n    return 1"}
    threads = [threading.Thread(target=run, args=(provider, slow)) for _ in range(8)]
    for thread in threads:
        thread.start()
    time.sleep(0.3)
    began = time.monotonic()
    assert provider.ask("GET", "/files", params={"limit": 500}).status_code == 200
    assert time.monotonic() - began < 1.0
    for thread in threads:
        thread.join()
