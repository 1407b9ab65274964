"""Preferences, graders and JSON answers over HTTP, with the unmodified client, on the classic engine."""

from __future__ import annotations

import json
from typing import Any

import openai
import pytest

WORDS = {"fruit": "ripe apple", "vehicle": "fast car", "animal": "blue whale"}
GRADER = {
    "type": "string_check",
    "name": "same",
    "operation": "eq",
    "input": "{{sample.output_text}}",
    "reference": "{{item.kind}}",
}


def asked(number: int) -> tuple[str, str]:
    label = list(WORDS)[number % 3]
    return f"What is the {WORDS[label]} of row {number}?", label


def jsonl(rows: list[dict[str, Any]]) -> bytes:
    return "\n".join(map(json.dumps, rows)).encode()


def user(text: str) -> list[Any]:
    return [{"role": "user", "content": text}]


def said(text: str) -> list[Any]:
    return [{"role": "assistant", "content": text}]


def preferences() -> bytes:
    labels = list(WORDS)
    rows = []
    for number in range(60):
        question, label = asked(number)
        other = labels[(labels.index(label) + 1 + number % 2) % 3]
        pair = {"preferred_output": said(label), "non_preferred_output": said(other)}
        rows.append({"input": {"messages": user(question)}, **pair})
    return jsonl(rows)


def items(count: int) -> bytes:
    return jsonl([{"messages": user(asked(n)[0]), "kind": asked(n)[1]} for n in range(count)])


def answer(provider: Any, model: str, text: str, **more: Any) -> Any:
    return provider.client.chat.completions.create(model=model, messages=user(text), temperature=0, **more).choices[0]


def trained(provider: Any, model: str, file: bytes, **more: Any) -> Any:
    create = provider.client.fine_tuning.jobs.create
    job = provider.finished(create(model=model, training_file=provider.upload(file), seed=1, **more).id)
    assert job.status == "succeeded", job.error
    return job


def metrics(provider: Any, job: Any) -> list[Any]:
    events = provider.client.fine_tuning.jobs.list_events(job.id, limit=100)
    return [event.data for event in reversed(list(events)) if event.type == "metrics"]


def test_preferences_are_learnt_from_the_base_and_from_a_fine_tuned_model(provider: Any, trained_model: str) -> None:
    for model in ("local-classic-1", trained_model):
        job = trained(provider, model, preferences(), method={"type": "dpo", "dpo": {"hyperparameters": {"beta": 0.5}}})
        assert job.method.dpo.hyperparameters.beta == 0.5
        assert metrics(provider, job)[0]["train_loss"] == pytest.approx(0.6931, abs=1e-3)
        assert answer(provider, job.fine_tuned_model, "row 71: ripe apple").message.content == "fruit"
        assert len(list(provider.client.fine_tuning.jobs.checkpoints.list(job.id))) == 3


def test_a_grader_teaches_the_base_and_its_rewards_are_told(provider: Any) -> None:
    method: Any = {"type": "reinforcement", "reinforcement": {"grader": GRADER}}
    job = trained(provider, "local-classic-1", items(60), validation_file=provider.upload(items(12)), method=method)
    told = metrics(provider, job)
    assert told[-1]["train_reward_mean"] > 0.8 and told[-1]["full_valid_reward_mean"] > 0.8
    assert answer(provider, job.fine_tuned_model, "row 71: fast car").message.content == "vehicle"
    (result,) = job.result_files
    table = provider.client.files.content(result).read().decode().splitlines()
    assert {"train_reward_mean", "valid_reward_mean"} <= set(table[0].split(","))
    assert any("training reward=" in event.message for event in provider.client.fine_tuning.jobs.list_events(job.id))


def test_a_job_that_cannot_be_graded_fails_with_what_to_do(provider: Any) -> None:
    grader = {"type": "python", "name": "one", "source": "def grade(sample, item):\n    return 1.0"}
    method: Any = {"type": "reinforcement", "reinforcement": {"grader": grader}}
    files = {"training_file": provider.upload(items(60)), "validation_file": provider.upload(items(12))}
    job = provider.client.fine_tuning.jobs.create(model="local-classic-1", method=method, **files)
    job = provider.finished(job.id)
    assert job.status == "failed"
    assert "enum in response_format" in job.error.message


@pytest.fixture(scope="module")
def trained_model(provider: Any) -> str:
    rows = [{"messages": user(asked(n)[0]) + said(asked(n)[1])} for n in range(60)]
    return str(trained(provider, "local-classic-1", jsonl(rows)).fine_tuned_model)


def test_fields_are_answered_within_a_schema(provider: Any) -> None:
    rows = []
    for number in range(90):
        question, label = asked(number)
        tone = number // 3 % 2
        body = json.dumps({"kind": label, "loud": bool(tone)})
        rows.append({"messages": user(question + ("!!! now" if tone else " please")) + said(body)})
    model = trained(provider, "local-classic-1", jsonl(rows)).fine_tuned_model
    free = answer(provider, model, "What is the fast car of row 7?!!! now", logprobs=True, top_logprobs=3)
    assert json.loads(free.message.content) == {"kind": "vehicle", "loud": True}
    assert len(free.logprobs.content) == 1
    schema = {"type": "object", "properties": {"kind": {"enum": ["fruit", "animal"]}}, "required": ["kind"]}
    form: Any = {"type": "json_schema", "json_schema": {"name": "kind", "schema": schema}}
    held = answer(provider, model, "What is the fast car of row 7?!!! now", response_format=form)
    assert json.loads(held.message.content)["kind"] in ("fruit", "animal")
    form["json_schema"]["schema"] = {"type": "object", "required": ["age"]}
    with pytest.raises(openai.BadRequestError, match="none of the answers"):
        answer(provider, model, "What is it?", response_format=form)
