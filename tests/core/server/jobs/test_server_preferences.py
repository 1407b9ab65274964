"""Jobs with preferences and graders over HTTP, through the unmodified client, on the built-in classifier."""

from __future__ import annotations

import json
from typing import Any

import openai
import pytest

MODEL = "local-classic-1"
WORDS = {"fruit": "ripe apple", "vehicle": "fast car", "animal": "blue whale"}
GRADER: dict[str, Any] = {
    "type": "string_check",
    "name": "same",
    "input": "{{sample.output_text}}",
    "reference": "{{item.answer}}",
    "operation": "eq",
}


def rows(count: int, make: Any) -> bytes:
    labels = [list(WORDS)[number % 3] for number in range(count)]
    return "\n".join(json.dumps(make(number, label)) for number, label in enumerate(labels)).encode()


def question(number: int, label: str) -> dict[str, Any]:
    return {"role": "user", "content": f"What is the {WORDS[label]} of row {number}?"}


def pair(number: int, label: str) -> dict[str, Any]:
    other = list(WORDS)[(number + 1) % 3]
    return {
        "input": {"messages": [question(number, label)]},
        "preferred_output": [{"role": "assistant", "content": label}],
        "non_preferred_output": [{"role": "assistant", "content": other}],
    }


def task(number: int, label: str) -> dict[str, Any]:
    return {"messages": [question(number, label)], "answer": label}


def answer(provider: Any, model: str, label: str) -> str:
    reply = provider.client.chat.completions.create(model=model, messages=[question(7, label)], temperature=0)
    return str(reply.choices[0].message.content)


def create(provider: Any, content: bytes, method: Any, **more: Any) -> Any:
    file_id = provider.upload(content)
    return provider.client.fine_tuning.jobs.create(model=MODEL, training_file=file_id, method=method, **more)


def test_preferences_are_learnt(provider: Any) -> None:
    method = {"type": "dpo", "dpo": {"hyperparameters": {"beta": 0.3, "n_epochs": 10}}}
    job = create(provider, rows(60, pair), method)
    assert job.method.dpo.hyperparameters.beta == 0.3 and job.hyperparameters is None
    done = provider.finished(job.id)
    assert done.status == "succeeded", done.error
    assert isinstance(done.method.dpo.hyperparameters.batch_size, int)
    assert [answer(provider, done.fine_tuned_model, label) for label in WORDS] == list(WORDS)


def reinforced(grader: Any, **hyperparameters: Any) -> Any:
    return {"type": "reinforcement", "reinforcement": {"grader": grader, "hyperparameters": hyperparameters}}


def taught(provider: Any, many_lines: Any) -> Any:
    """A model that knows the answers there are."""
    job = provider.client.fine_tuning.jobs.create(model=MODEL, training_file=provider.upload(many_lines(30)))
    return provider.finished(job.id).fine_tuned_model


def test_a_grader_teaches_and_a_missing_validation_file_is_warned_of(provider: Any, many_lines: Any) -> None:
    model = taught(provider, many_lines)
    training = provider.upload(rows(60, task))
    job = provider.client.fine_tuning.jobs.create(
        model=model, training_file=training, method=reinforced(GRADER, eval_interval=5, reasoning_effort="low")
    )
    detail = job.method.reinforcement
    assert detail.grader.to_dict() == GRADER
    assert (detail.hyperparameters.eval_interval, detail.hyperparameters.reasoning_effort) == (5, "low")
    done = provider.finished(job.id)
    assert done.status == "succeeded", done.error
    events = list(provider.client.fine_tuning.jobs.list_events(job.id, limit=100))
    assert [event for event in events if event.level == "warn" and "validation file" in event.message]
    assert any("train_reward_mean" in (event.data or {}) for event in events if event.type == "metrics")


def test_a_line_without_a_field_of_the_grader_fails_the_job(provider: Any) -> None:
    content = rows(12, task) + b"\n" + json.dumps({"messages": [question(1, "fruit")], "note": 1}).encode()
    done = provider.finished(create(provider, content, reinforced(GRADER)).id)
    assert (done.status, done.error.code) == ("failed", "invalid_training_file")
    assert "line 13, answer" in done.error.message


@pytest.mark.parametrize(
    ("grader", "param"),
    [
        ({**GRADER, "operation": "is"}, "method.reinforcement.grader.operation"),
        ({"type": "python", "source": "def mark(): pass"}, "method.reinforcement.grader.source"),
        ({}, "method.reinforcement.grader.type"),
    ],
)
def test_a_grader_that_cannot_work_is_refused_before_the_job(provider: Any, grader: Any, param: str) -> None:
    with pytest.raises(openai.BadRequestError) as caught:
        create(provider, rows(12, task), reinforced(grader))
    assert (caught.value.param, caught.value.code) == (param, "invalid_grader")


def test_a_file_of_another_format_is_refused(provider: Any, many_lines: Any) -> None:
    done = provider.finished(create(provider, many_lines(12), reinforced(GRADER)).id)
    assert (done.status, done.error.code) == ("failed", "invalid_training_file")
    done = provider.finished(create(provider, many_lines(12), {"type": "dpo"}).id)
    assert (done.status, done.error.code) == ("failed", "invalid_training_file")
