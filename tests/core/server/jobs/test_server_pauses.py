"""Pausing and resuming over HTTP: a paused job has no process, and goes on where it stopped."""

from __future__ import annotations

from typing import Any

import openai
import pytest

MODEL = "local-classic-1"
LONG = {"n_epochs": 50, "batch_size": 4}


def create(provider: Any, content: bytes, **more: Any) -> Any:
    more = {"hyperparameters": LONG, **more}
    return provider.client.fine_tuning.jobs.create(model=MODEL, training_file=provider.upload(content), **more)


def jobs(provider: Any) -> Any:
    return provider.client.fine_tuning.jobs


def last_step(provider: Any, job_id: str) -> int:
    newest = jobs(provider).list_events(job_id, limit=20).data
    return next((event.data["step"] for event in newest if event.type == "metrics"), 0)


def steps(provider: Any, job_id: str) -> list[int]:
    return [e.data["step"] for e in jobs(provider).list_events(job_id, limit=100) if e.type == "metrics"][::-1]


def weights(provider: Any, job_id: str) -> dict[str, bytes]:
    folder = provider.data / "jobs" / job_id / "final"
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_a_paused_job_stops_and_goes_on_where_it_was(provider: Any, many_lines: Any, wait: Any) -> None:
    job = create(provider, many_lines(900), seed=3)
    wait(lambda: last_step(provider, job.id) > 5)
    paused = jobs(provider).pause(job.id)
    assert (paused.status, paused.estimated_finish, paused.finished_at) == ("paused", None, None)
    assert jobs(provider).pause(job.id).status == "paused"
    wait(lambda: provider.worker(job.id) is None)
    stood = wait(lambda: last_step(provider, job.id))
    assert jobs(provider).retrieve(job.id).status == "paused"
    resumed = jobs(provider).resume(job.id)
    assert resumed.status in ("queued", "running")
    assert jobs(provider).resume(job.id).status in ("queued", "running")
    done = provider.finished(job.id)
    assert done.status == "succeeded" and done.trained_tokens
    seen = steps(provider, job.id)
    assert seen == sorted(set(seen)) and seen[-1] > stood
    told = provider.messages(job.id)
    assert [text for text in told if text.startswith("Fine-tuning job ")] == [
        "Fine-tuning job started",
        "Fine-tuning job paused",
        "Fine-tuning job resumed",
    ]
    assert not [text for text in told if "broke off" in text]


def test_a_pause_changes_nothing_of_what_is_learnt(provider: Any, many_lines: Any, wait: Any) -> None:
    plain = create(provider, many_lines(500), seed=5)
    interrupted = create(provider, many_lines(500), seed=5)
    wait(lambda: last_step(provider, interrupted.id) > 5)
    jobs(provider).pause(interrupted.id)
    wait(lambda: provider.worker(interrupted.id) is None)
    jobs(provider).resume(interrupted.id)
    assert provider.finished(interrupted.id).status == provider.finished(plain.id).status == "succeeded"
    assert weights(provider, interrupted.id) == weights(provider, plain.id)


def test_a_paused_job_is_cancelled(provider: Any, many_lines: Any, wait: Any) -> None:
    job = create(provider, many_lines(900))
    wait(lambda: jobs(provider).retrieve(job.id).status == "running")
    jobs(provider).pause(job.id)
    assert jobs(provider).cancel(job.id).status == "cancelled"
    wait(lambda: provider.worker(job.id) is None)
    with pytest.raises(openai.BadRequestError, match="already ended"):
        jobs(provider).resume(job.id)
    with pytest.raises(openai.BadRequestError, match="already ended"):
        jobs(provider).pause(job.id)
    assert jobs(provider).retrieve(job.id).status == "cancelled"


def test_a_job_may_be_paused_before_it_has_begun(provider: Any, many_lines: Any) -> None:
    job = create(provider, many_lines(60), hyperparameters={"n_epochs": 3})
    assert jobs(provider).pause(job.id).status == "paused"
    jobs(provider).resume(job.id)
    assert provider.finished(job.id).status == "succeeded"


def test_pausing_and_resuming_at_once_again_and_again_loses_nothing(provider: Any, many_lines: Any) -> None:
    job = create(provider, many_lines(700))
    for _ in range(6):
        if jobs(provider).retrieve(job.id).status == "succeeded":
            break
        jobs(provider).pause(job.id)
        jobs(provider).resume(job.id)
    assert provider.finished(job.id).status == "succeeded"
    seen = steps(provider, job.id)
    assert seen == sorted(set(seen))


def test_a_paused_job_outlives_its_server(own_provider: Any, many_lines: Any, wait: Any) -> None:
    job = create(own_provider, many_lines(900))
    wait(lambda: last_step(own_provider, job.id) > 0)
    jobs(own_provider).pause(job.id)
    own_provider.kill()
    own_provider.start()
    assert jobs(own_provider).retrieve(job.id).status == "paused"
    wait(lambda: own_provider.worker(job.id) is None)
    assert jobs(own_provider).retrieve(job.id).status == "paused"
    jobs(own_provider).resume(job.id)
    assert own_provider.finished(job.id).status == "succeeded"
    assert not [text for text in own_provider.messages(job.id) if "broke off" in text]


def test_a_checkpoint_of_a_paused_job_is_kept_and_answers(provider: Any, many_lines: Any, wait: Any) -> None:
    job = create(provider, many_lines(900))
    wait(lambda: jobs(provider).checkpoints.list(job.id).data)
    jobs(provider).pause(job.id)
    wait(lambda: provider.worker(job.id) is None)
    model = jobs(provider).checkpoints.list(job.id).data[0].fine_tuned_model_checkpoint
    with pytest.raises(openai.ConflictError):
        provider.client.models.delete(model)
    asked = [{"role": "user", "content": "What is the blue whale of row 5?"}]
    answer = provider.client.chat.completions.create(model=model, messages=asked, temperature=0)
    assert answer.choices[0].message.content == "animal"
    jobs(provider).cancel(job.id)


@pytest.mark.parametrize("word", ["pause", "resume"])
def test_only_jobs_that_exist_move(provider: Any, word: str) -> None:
    reply = provider.ask("POST", f"/fine_tuning/jobs/ftjob-gone/{word}")
    assert (reply.status_code, reply.json()["error"]["code"]) == (404, "fine_tune_not_found")
