"""Jobs over HTTP: made once, listed and filtered, refused with the line at fault, cancelled at once."""

from __future__ import annotations

import json
import threading
import time
from pathlib import Path
from typing import Any

import openai
import pytest

from core.server.examination import examining as examination

MODEL = "local-classic-1"
LONG = {"n_epochs": 50, "batch_size": 1}


def create(provider: Any, file_id: str, key: str | None = None, **more: Any) -> Any:
    headers = {"Idempotency-Key": key} if key else None
    return provider.client.fine_tuning.jobs.create(model=MODEL, training_file=file_id, extra_headers=headers, **more)


def job_ids(provider: Any, **filters: Any) -> list[str]:
    return [job.id for job in provider.client.fine_tuning.jobs.list(limit=100, **filters)]


def test_a_job_echoes_what_was_asked(provider: Any, many_lines: Any) -> None:
    file_id = provider.upload(many_lines(12))
    job = create(provider, file_id, suffix="näme-1", seed=5, metadata={"client_token": "t"})
    assert (job.object, job.status, job.model, job.training_file) == (
        "fine_tuning.job",
        "validating_files",
        MODEL,
        file_id,
    )
    assert job.hyperparameters.n_epochs == "auto" and job.seed == 5 and job.metadata == {"client_token": "t"}
    assert job.result_files == [] and job.fine_tuned_model is None and job.trained_tokens is None
    assert provider.finished(job.id).fine_tuned_model.startswith(f"ft:{MODEL}:local:näme-1:")


def test_null_is_the_same_as_nothing_said(provider: Any, many_lines: Any) -> None:
    names = ("validation_file", "suffix", "seed", "metadata", "integrations", "method", "hyperparameters")
    body = {"model": MODEL, "training_file": provider.upload(many_lines(12)), **dict.fromkeys(names)}
    reply = provider.ask("POST", "/fine_tuning/jobs", json=body)
    assert reply.status_code == 200 and reply.json()["seed"] >= 0


def test_hyperparameters_may_stand_at_the_top_as_before(provider: Any, many_lines: Any) -> None:
    job = create(provider, provider.upload(many_lines(30)), hyperparameters={"n_epochs": 4, "batch_size": "auto"})
    done = provider.finished(job.id)
    assert done.hyperparameters.n_epochs == 4 and isinstance(done.hyperparameters.batch_size, int)


def test_the_same_key_and_body_make_one_job(provider: Any, many_lines: Any) -> None:
    file_id = provider.upload(many_lines(12))
    first = create(provider, file_id, "key-1", suffix="once")
    provider.finished(first.id)
    again = create(provider, file_id, "key-1", suffix="once")
    assert again == first
    assert create(provider, file_id, "key-2", suffix="once").id != first.id
    assert create(provider, file_id, suffix="once").id != first.id


def test_the_same_key_with_another_body_is_refused(provider: Any, many_lines: Any) -> None:
    file_id = provider.upload(many_lines(12))
    create(provider, file_id, "key-3")
    before = len(job_ids(provider))
    with pytest.raises(openai.UnprocessableEntityError, match="used before with another body"):
        create(provider, file_id, "key-3", seed=1)
    assert len(job_ids(provider)) == before


def test_a_refused_body_does_not_use_its_key_up(provider: Any, many_lines: Any) -> None:
    with pytest.raises(openai.BadRequestError):
        create(provider, "file-gone", "key-4")
    assert create(provider, provider.upload(many_lines(12)), "key-4").id


def test_many_at_once_with_one_key_make_one_job(provider: Any, many_lines: Any) -> None:
    file_id, made, busy = provider.upload(many_lines(12)), set[str](), 0
    lock = threading.Lock()

    def launch() -> None:
        nonlocal busy
        try:
            job_id = create(provider, file_id, "key-5").id
            with lock:
                made.add(job_id)
        except openai.ConflictError:
            with lock:
                busy += 1

    threads = [threading.Thread(target=launch) for _ in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(made) == 1
    assert len(job_ids(provider, metadata={})) == len(set(job_ids(provider)))


def test_jobs_are_listed_newest_first_and_by_metadata(provider: Any, many_lines: Any) -> None:
    file_id = provider.upload(many_lines(12))
    north = create(provider, file_id, metadata={"list": "a", "side": "n"}).id
    south = create(provider, file_id, metadata={"list": "a", "side": "s'\""}).id
    bare = create(provider, file_id).id
    assert job_ids(provider, metadata={"list": "a"}) == [south, north]
    assert job_ids(provider, metadata={"list": "a", "side": "s'\""}) == [south]
    assert job_ids(provider, metadata={"list": "b"}) == []
    assert bare in job_ids(provider, extra_query={"metadata": "null"})
    assert north not in job_ids(provider, extra_query={"metadata": "null"})
    page = provider.client.fine_tuning.jobs.list(limit=2)
    assert page.has_more and [job.id for job in page.data] == [bare, south]
    assert provider.client.fine_tuning.jobs.list(limit=1, after=south).data[0].id == north


def failed(provider: Any, content: bytes, **more: Any) -> Any:
    done = provider.finished(create(provider, provider.upload(content), **more).id)
    assert done.status == "failed" and done.fine_tuned_model is None and done.finished_at
    last = next(iter(provider.client.fine_tuning.jobs.list_events(done.id, limit=1)))
    assert (last.level, last.message) == ("error", done.error.message)
    return done.error


def test_an_invalid_file_fails_with_the_line_named(provider: Any, many_lines: Any) -> None:
    rows = many_lines(20).split(b"\n")
    rows[6] = b'{"messages": [{"role": "wizard", "content": "x"}, {"role": "assistant", "content": "y"}]}'
    rows[11] = b'{"messages": '
    error = failed(provider, b"\n".join(rows))
    assert (error.code, error.param) == ("invalid_training_file", "training_file")
    assert "line 7, messages[0].role" in error.message and "line 12" in error.message and "wizard" in error.message


def test_a_large_file_is_checked_in_a_process_of_its_own(provider: Any, many_lines: Any) -> None:
    rows = many_lines(36_000).split(b"\n")
    rows[35_000] = b'{"messages": []}'
    content = b"\n".join(rows)
    assert len(content) > examination.SMALL
    error = failed(provider, content)
    assert error.code == "invalid_training_file" and "line 35001, messages" in error.message


def test_too_few_examples_fail_as_at_openai(provider: Any, many_lines: Any) -> None:
    error = failed(provider, many_lines(9))
    assert error.code == "invalid_n_examples"
    assert error.message == "Training file has 9 example(s), but must have at least 10 examples"


def test_an_invalid_validation_file_is_named(provider: Any, many_lines: Any) -> None:
    error = failed(provider, many_lines(12), validation_file=provider.upload(b"not json\n", "valid.jsonl"))
    assert (error.code, error.param) == ("invalid_validation_file", "validation_file")
    assert "line 1" in error.message


def test_examples_of_another_method_are_refused(provider: Any) -> None:
    pair = {
        "input": {"messages": [{"role": "user", "content": "Thank them"}]},
        "preferred_output": [{"role": "assistant", "content": "Thank you"}],
        "non_preferred_output": [{"role": "assistant", "content": "Thx"}],
    }
    rows = [json.dumps({**pair, "input": {"messages": [{"role": "user", "content": str(n)}]}}) for n in range(12)]
    error = failed(provider, "\n".join(rows).encode())
    assert error.code == "invalid_training_file" and "preference" in error.message


def test_a_file_deleted_after_the_launch_does_not_stop_the_job(provider: Any, many_lines: Any) -> None:
    file_id = provider.upload(many_lines(60))
    job = create(provider, file_id)
    provider.client.files.delete(file_id)
    done = provider.finished(job.id)
    assert done.status == "succeeded" or "deleted before" in done.error.message


def running(provider: Any, job_id: str) -> Any:
    job = provider.client.fine_tuning.jobs.retrieve(job_id)
    return job if job.status == "running" and provider.worker(job_id) else None


def test_a_running_job_shows_its_progress_and_is_cancelled_at_once(provider: Any, many_lines: Any, wait: Any) -> None:
    job = create(provider, provider.upload(many_lines(3000)), hyperparameters=LONG)
    seen = wait(lambda: running(provider, job.id))
    assert seen.hyperparameters.n_epochs == 50 and seen.trained_tokens is None and seen.finished_at is None
    wait(lambda: provider.client.fine_tuning.jobs.retrieve(job.id).estimated_finish)
    given = Path(f"/proc/{provider.worker(job.id)}/environ").read_bytes()
    assert b"PATH=" in given and b"sk-not-for-the-training" not in given
    began = time.monotonic()
    cancelled = provider.client.fine_tuning.jobs.cancel(job.id)
    assert cancelled.status == "cancelled" and cancelled.finished_at
    wait(lambda: provider.worker(job.id) is None)
    assert time.monotonic() - began < 1.0
    assert provider.client.fine_tuning.jobs.cancel(job.id).status == "cancelled"
    assert provider.messages(job.id)[-1] == "Fine-tuning job cancelled"
    wait(lambda: not (provider.data / "jobs" / job.id / "training.jsonl").exists())
    assert provider.client.fine_tuning.jobs.retrieve(job.id).status == "cancelled"


def test_a_job_that_has_ended_is_not_cancelled(provider: Any, trained: Any) -> None:
    with pytest.raises(openai.BadRequestError, match="already ended"):
        provider.client.fine_tuning.jobs.cancel(trained.id)


def test_a_model_that_a_running_job_needs_is_not_deleted(provider: Any, many_lines: Any, wait: Any) -> None:
    job = create(provider, provider.upload(many_lines(600)), hyperparameters=LONG, suffix="busy")

    def is_refused() -> bool:
        for kept in provider.client.fine_tuning.jobs.checkpoints.list(job.id).data[:1]:
            try:
                reply = provider.client.models.delete(kept.fine_tuned_model_checkpoint)
            except openai.NotFoundError:  # it gave way to a newer one just now
                continue
            except openai.ConflictError as error:
                return "running job needs" in str(error)
            raise AssertionError(f"it was deleted: {reply}")
        return False

    assert wait(is_refused)
    provider.client.fine_tuning.jobs.cancel(job.id)
    wait(lambda: provider.client.fine_tuning.jobs.retrieve(job.id).status == "cancelled")

    kept = provider.client.fine_tuning.jobs.checkpoints.list(job.id).data
    asked = [{"role": "user", "content": "blue whale"}]
    for checkpoint in kept:  # all that are offered answer, however the job ended
        model = checkpoint.fine_tuned_model_checkpoint
        reply = provider.client.chat.completions.create(model=model, messages=asked, temperature=0)
        assert reply.choices[0].message.content == "animal"
