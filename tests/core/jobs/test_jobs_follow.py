"""Following a job: tolerant, repeatable, and never back from its end."""

from __future__ import annotations

import hashlib
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from faultyprovider import FaultyProvider

from core.errors import AppError
from core.jobs import JobDraft, cancel, launch_file, next_poll_delay, pause, poll, resume, run_launch
from core.jobs.files import write_whole
from core.jobs.values import Job, LaunchState
from core.provider import Connection, ProviderKind
from core.provider.status import Status
from core.settings import Settings
from core.store import Store

CSV = b"step,train_loss,valid_loss\n1,2.5,\n2,1.5,1.25\n"


@pytest.fixture
def job(store: Store, keyed: Settings, draft: JobDraft, train: Path) -> Job:
    """A job that was launched."""
    written = launch_file(store, keyed, draft, train)
    return run_launch(store, keyed, written.id, sleep=lambda _seconds: None)


def step(number: int, at: int, **data: Any) -> dict[str, Any]:
    data = {"step": number, "total_steps": 10, **data}
    return {"id": f"e{number}", "created_at": at, "level": "info", "type": "metrics", "message": "", "data": data}


def finish(provider: FaultyProvider, **values: Any) -> None:
    provider.contents["file-r"] = CSV
    done = {"status": "succeeded", "fine_tuned_model": "ft:base-1:x", "trained_tokens": 99, "result_files": ["file-r"]}
    provider.jobs["ftjob-1"].update({**done, **values})


def test_events_come_once_and_in_order(store: Store, keyed: Settings, job: Job, provider: FaultyProvider) -> None:
    provider.jobs["ftjob-1"]["status"] = "running"
    provider.events[:] = [step(i, 1795000000 + i, train_loss=1 / i) for i in range(250, 0, -1)]
    poll(store, keyed, job.id)
    provider.events[:0] = [step(i, 1795000000 + i, train_loss=1 / i) for i in (252, 251)]
    found = poll(store, keyed, job.id)
    assert [event.id for event in store.jobs.events(job.id)] == [f"e{i}" for i in range(1, 253)]
    assert [event.id for event in store.jobs.events(job.id, limit=2)] == ["e251", "e252"]
    assert len(store.jobs.metrics(job.id)) == 252
    assert (found.status, found.step, found.total_steps) == (Status.RUNNING, 252, 10)


def test_progress_and_the_end_are_estimated_from_the_pace(
    store: Store, keyed: Settings, job: Job, provider: FaultyProvider
) -> None:
    provider.jobs["ftjob-1"]["status"] = "running"
    provider.events[:] = [step(5, 1795000040), step(1, 1795000000)]
    found = poll(store, keyed, job.id)
    assert found.progress == 0.5
    assert found.estimated_finish is not None and found.estimated_finish.timestamp() == 1795000090
    assert found.remaining(found.estimated_finish - timedelta(seconds=30)) == timedelta(seconds=30)
    assert found.remaining(found.estimated_finish + timedelta(seconds=1)) is None, "an estimate that proved wrong"
    provider.events[:0] = [step(6, 1795000140)]
    slower = poll(store, keyed, job.id)
    assert slower.estimated_finish is not None and slower.estimated_finish > found.estimated_finish
    provider.jobs["ftjob-1"]["status"] = "queued"
    assert poll(store, keyed, job.id).estimated_finish is None, "nobody knows when it goes on"


def test_a_job_that_succeeded_is_collected_whole(
    store: Store, keyed: Settings, job: Job, provider: FaultyProvider
) -> None:
    metrics = {"step": 2, "train_loss": 1.4, "valid_loss": 1.2}
    provider.checkpoints[:] = [
        {"id": "c1", "step_number": 2, "fine_tuned_model_checkpoint": "ft:c1", "metrics": metrics}
    ]
    finish(provider)
    found = poll(store, keyed, job.id)
    assert found.is_settled and found.is_usable and found.progress == 1.0 and found.trained_tokens == 99
    assert Path(found.result_file).read_bytes() == CSV
    assert found.result_sha256 == hashlib.sha256(CSV).hexdigest()
    assert {(m.step, m.name): m.value for m in store.jobs.metrics(job.id)} == {
        (1, "train_loss"): 2.5,
        (2, "train_loss"): 1.5,
        (2, "valid_loss"): 1.25,
    }
    assert [checkpoint.model for checkpoint in store.jobs.checkpoints(job.id)] == ["ft:c1"]
    before = len(provider.requests)
    assert poll(store, keyed, job.id) == found
    assert len(provider.requests) == before


@pytest.mark.parametrize("files", [None, [], ["file-gone"], "text", [None, 3], [{"id": "file-r"}]])
def test_no_result_file_is_no_error(
    store: Store, keyed: Settings, job: Job, provider: FaultyProvider, files: Any
) -> None:
    finish(provider, result_files=files)
    found = poll(store, keyed, job.id)
    assert found.is_settled and not str(found.error)


def test_a_result_file_that_cannot_be_fetched_is_tried_again_and_then_left(
    store: Store, keyed: Settings, job: Job, provider: FaultyProvider
) -> None:
    finish(provider)
    provider.fail("GET", "/files/file-r/content", "500", "reset")
    assert not poll(store, keyed, job.id).is_settled
    assert not poll(store, keyed, job.id).is_settled
    assert poll(store, keyed, job.id).result_file
    store.jobs.update(job.id, collected=False, failures=0)
    provider.fail("GET", "/files/file-r/content", *["500"] * 9)
    assert [poll(store, keyed, job.id).is_settled for _ in range(5)] == [False] * 4 + [True]


@pytest.mark.parametrize("fault", ["reset", "500", "429", "html", "null", "cut", "401", "moved", "deep"])
def test_a_poll_survives_every_fault_and_says_so(
    store: Store, keyed: Settings, job: Job, provider: FaultyProvider, fault: str
) -> None:
    provider.fail("GET", "/jobs/ftjob-1", fault)
    missed = poll(store, keyed, job.id)
    assert missed.failures == 1 and str(missed.error) and not missed.is_settled
    assert next_poll_delay(missed) > next_poll_delay(job)
    found = poll(store, keyed, job.id)
    assert (found.failures, str(found.error)) == (0, "")


@pytest.mark.parametrize("fault", ["404", "405", "500", "html"])
def test_a_provider_without_events_or_checkpoints_is_followed_all_the_same(
    store: Store, keyed: Settings, job: Job, provider: FaultyProvider, fault: str
) -> None:
    provider.fail("GET", "/jobs/ftjob-1/events", *[fault] * 6)
    provider.fail("GET", "/jobs/ftjob-1/checkpoints", *[fault] * 6)
    finish(provider)
    for _ in range(5):
        found = poll(store, keyed, job.id)
    assert found.is_settled and found.is_usable


def test_a_terminal_status_never_goes_back(store: Store, keyed: Settings, job: Job, provider: FaultyProvider) -> None:
    finish(provider, result_files=["file-r"])
    provider.fail("GET", "/files/file-r/content", "500")
    assert poll(store, keyed, job.id).status == Status.SUCCEEDED
    provider.jobs["ftjob-1"]["status"] = "running"
    assert poll(store, keyed, job.id).status == Status.SUCCEEDED


def test_an_unknown_status_is_shown_and_watched_on(
    store: Store, keyed: Settings, job: Job, provider: FaultyProvider
) -> None:
    provider.jobs["ftjob-1"]["status"] = "warming_up"
    found = poll(store, keyed, job.id)
    assert (found.status, found.shown) == (Status.UNKNOWN, "Unknown, still watching (warming_up)")
    assert found.is_running and not found.is_settled


@pytest.mark.parametrize(
    ("error", "shown"),
    [
        ({"code": "invalid_n_examples", "message": "Too few"}, "Too few"),
        ({"code": "exceeded_quota", "message": None}, "exceeded_quota"),
        ({"code": None, "message": None, "param": None}, ""),
        ({}, ""),
        (None, ""),
        ("plain", "plain"),
    ],
)
def test_an_error_is_told_only_where_there_is_one(
    store: Store, keyed: Settings, job: Job, provider: FaultyProvider, error: Any, shown: str
) -> None:
    provider.jobs["ftjob-1"].update(status="failed", error=error)
    found = poll(store, keyed, job.id)
    assert (found.status, str(found.error), found.is_settled) == (Status.FAILED, shown, True)


def test_a_job_that_is_denied_again_and_again_is_let_go(
    store: Store, keyed: Settings, job: Job, provider: FaultyProvider
) -> None:
    provider.jobs.clear()
    found = [poll(store, keyed, job.id) for _ in range(5)]
    assert [each.is_settled for each in found] == [False] * 4 + [True]
    assert "does not know this job" in str(found[-1].error)


@pytest.mark.parametrize(
    "odd",
    [
        {"created_at": "soon", "finished_at": 1e300, "estimated_finish": -5, "trained_tokens": 1e300},
        {"fine_tuned_model": 3, "method": "supervised", "hyperparameters": [1], "error": [1], "status": None},
        {"metadata": 3, "result_files": {"a": 1}, "hyperparameters": {"n_epochs": -1, "x": {}}},
    ],
)
def test_odd_fields_do_no_harm(
    store: Store, keyed: Settings, job: Job, provider: FaultyProvider, odd: dict[str, Any]
) -> None:
    provider.jobs["ftjob-1"].update(odd)
    provider.events[:] = [{"id": 7, "created_at": None, "data": []}, {"message": "no id"}, {"id": None, "level": 3}]
    for _ in range(2):
        assert poll(store, keyed, job.id).state == LaunchState.LAUNCHED
    assert len(store.jobs.events(job.id)) == 3


def test_azures_minus_one_is_shown_as_auto(store: Store, keyed: Settings, job: Job, provider: FaultyProvider) -> None:
    provider.jobs["ftjob-1"].update(hyperparameters={"n_epochs": 3, "batch_size": -1})
    assert poll(store, keyed, job.id).params["actual"] == {"n_epochs": 3, "batch_size": "auto"}


def test_cancelling_twice_is_harmless(store: Store, keyed: Settings, job: Job, provider: FaultyProvider) -> None:
    assert cancel(store, keyed, job.id).status == Status.CANCELLED
    assert cancel(store, keyed, job.id).status == Status.CANCELLED
    assert provider.count("POST", "/jobs/ftjob-1/cancel") == 1


def test_a_lost_answer_to_cancel_is_seen_by_looking_again(
    store: Store, keyed: Settings, job: Job, provider: FaultyProvider
) -> None:
    provider.fail("POST", "/jobs/ftjob-1/cancel", "reset", done=True)
    assert cancel(store, keyed, job.id).status == Status.CANCELLED
    assert provider.count("POST", "/jobs/ftjob-1/cancel") == 1


def test_a_cancel_that_failed_is_told(store: Store, keyed: Settings, job: Job, provider: FaultyProvider) -> None:
    provider.fail("POST", "/jobs/ftjob-1/cancel", "403")
    with pytest.raises(AppError):
        cancel(store, keyed, job.id)
    assert store.jobs.get(job.id).is_running


def test_a_job_rests_and_goes_on_and_nothing_is_asked_twice(
    store: Store, keyed: Settings, job: Job, provider: FaultyProvider
) -> None:
    for act, status, times in ((pause, Status.PAUSED, 1), (resume, Status.QUEUED, 1)):
        provider.fail("POST", f"/jobs/ftjob-1/{act.__name__}", "reset", done=True)
        assert act(store, keyed, job.id).status == status, "its answer was lost; looking again shows that it came"
        assert act(store, keyed, job.id).status == status
        assert provider.count("POST", f"/jobs/ftjob-1/{act.__name__}") == times
    assert store.jobs.get(job.id).is_running


def test_a_provider_that_knows_no_pause_is_told_of(
    store: Store, keyed: Settings, job: Job, provider: FaultyProvider
) -> None:
    provider.fail("POST", "/jobs/ftjob-1/pause", "404")
    with pytest.raises(AppError):
        pause(store, keyed, job.id)


def test_nebius_tells_its_curve_by_checkpoints(
    store: Store, keyed: Settings, job: Job, provider: FaultyProvider
) -> None:
    here = store.jobs.connection("there")
    store.jobs.save_connection(replace(here, kind=ProviderKind.NEBIUS))
    provider.jobs["ftjob-1"]["status"] = "running"
    provider.checkpoints[:] = [{"id": "c", "step_number": 4, "metrics": {"train_loss": 0.5}, "result_files": ["f"]}]
    poll(store, keyed, job.id)
    assert [(m.step, m.value, m.source) for m in store.jobs.metrics(job.id)] == [(4, 0.5, "checkpoint")]


def test_others_are_asked_at_most_once_in_ten_seconds(job: Job) -> None:
    assert next_poll_delay(job) >= 20  # a poll makes two requests
    assert next_poll_delay(replace(job, connection_id="local")) == 1
    assert next_poll_delay(replace(job, failures=50)) == 300


def test_a_connection_that_is_gone_is_a_sentence_not_a_crash(store: Store, keyed: Settings, job: Job) -> None:
    store.jobs.delete_connection("there")
    assert "no connection" in str(poll(store, keyed, job.id).error)


def test_the_local_connection_is_always_there_and_stays_as_it_is(store: Store) -> None:
    store.jobs.save_connection(Connection("local", "Mine", "http://elsewhere/v1"))
    store.jobs.delete_connection("local")
    first = store.jobs.connections()[0]
    assert (first.id, first.base_url) == ("local", "")


def test_the_worker_and_the_command_line_may_fetch_a_result_at_the_same_moment(tmp_path: Path) -> None:
    path = tmp_path / "result.csv"
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _n: write_whole(path, [b"step,loss\n"]), range(200)))
    assert path.read_bytes() == b"step,loss\n" and [p.name for p in tmp_path.iterdir()] == ["result.csv"]
