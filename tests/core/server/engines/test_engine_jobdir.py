from __future__ import annotations

import time
from pathlib import Path

import pytest

from core.server.engines.base import JobDir, JobSpec

SPEC = JobSpec("job-1", "local-classic-1", Path("train.jsonl"), None, hyperparameters={"n_epochs": 3}, seed=7)


@pytest.fixture
def job(tmp_path: Path) -> JobDir:
    return JobDir.create(tmp_path / "job", SPEC)


@pytest.mark.parametrize("valid", [None, Path("valid.jsonl")])
def test_a_spec_is_read_as_it_was_written(tmp_path: Path, valid: Path | None) -> None:
    spec = JobSpec("job-2", "base", Path("a b.jsonl"), valid, metadata={"engine_mode": "open"}, parent=Path("up"))
    assert JobDir.create(tmp_path / "deep" / "job", spec).read_spec() == spec


def test_the_server_asks_and_takes_back(job: JobDir) -> None:
    assert job.wanted() is None
    job.ask("pause")
    assert job.wanted() == "pause"
    job.ask("cancel")
    assert job.wanted() == "cancel"
    job.ask(None)
    job.ask(None)
    assert job.wanted() is None


def test_events_are_read_from_where_one_stopped(job: JobDir) -> None:
    assert job.read_events() == ([], 0)
    job.message("one")
    first, offset = job.read_events()
    job.message("二")
    second, _ = job.read_events(offset)
    assert [event["text"] for event in first + second] == ["one", "二"]


def test_a_line_that_is_not_finished_is_not_read_yet(job: JobDir) -> None:
    job.message("whole")
    with job.events_path.open("ab") as file:
        file.write(b'{"type":"mess')
    events, offset = job.read_events()
    assert len(events) == 1
    assert job.read_events(offset) == ([], offset)


def test_a_worker_that_starts_again_cuts_the_torn_line_and_repeats_nothing(job: JobDir) -> None:
    job.emit("metrics", step=1, train_loss=0.5)
    job.message("mode", key="mode")
    with job.events_path.open("ab") as file:
        file.write(b'{"type":"mess')
    again = JobDir(job.path)
    again.emit("metrics", step=1, train_loss=0.5)
    again.message("mode", key="mode")
    again.emit("metrics", step=2, train_loss=0.4)
    assert [event.get("step") for event in job.read_events()[0]] == [1, None, 2]


def test_messages_without_a_key_may_repeat(job: JobDir) -> None:
    job.message("going on")
    job.message("going on")
    assert len(job.read_events()[0]) == 2


def test_checkpoints_stay_until_they_are_dropped(job: JobDir) -> None:
    for step in (5, 10, 15, 20):
        job.checkpoint(step, lambda folder: (folder / "w").write_text("x") and None, {"train_loss": 0.1})
    assert [step for step, _ in job.checkpoints()] == [5, 10, 15, 20]
    job.drop_checkpoints([5, 10, 25])
    assert [step for step, _ in job.checkpoints()] == [15, 20]
    assert [event["path"] for event in job.read_events()[0]] == [f"checkpoints/step-{n}" for n in (5, 10, 15, 20)]


def test_a_folder_is_whole_or_not_there(job: JobDir) -> None:
    def fails(folder: Path) -> None:
        (folder / "half").write_text("x")
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        job.write_folder(job.final_path, fails)
    assert not job.final_path.exists()
    job.write_folder(job.final_path, lambda folder: (folder / "w").write_text("x") and None)
    assert [path.name for path in job.final_path.iterdir()] == ["w"]


def test_a_worker_is_seen_to_live_while_it_works(job: JobDir) -> None:
    assert job.read_state() is None
    with job.alive(every=0.02):
        job.progress(3, 9)
        began = time.time()
        time.sleep(0.1)
        state = job.read_state()
        assert state is not None
        assert (state["step"], state["total_steps"]) == (3, 9)
        assert state["heartbeat"] > began
