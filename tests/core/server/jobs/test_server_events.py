"""What a worker wrote, as events of a job: exactly once, in pages of any size, whatever was torn or written twice."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from core.server.database import Database, Row
from core.server.engines.base import JobDir
from core.server.files import Files
from core.server.home import Home
from core.server.idempotency import Claim
from core.server.jobs import Jobs
from core.server.jobs.ingest import Ingest
from core.server.jobs.requests import CreateJob
from core.server.jobs.store import job_row
from core.server.models import Base
from core.server.paging import Paging


class Bench:
    """A running job in a real database, with its folder."""

    def __init__(self, path: Path) -> None:
        home = Home(path)
        self.database = Database(home.database)
        self.jobs = Jobs(self.database)
        self.files = Files(home, self.database)
        self.ingest = Ingest(self.database, self.files)
        request = CreateJob(model="local-classic-1", training_file="file-1", suffix="s")
        self.id = self.jobs.create(request, Base("local-classic-1", "classic", None), Claim(None, ""))["id"]
        self.folder = JobDir(home.job(self.id))
        self.folder.path.mkdir(parents=True)
        with self.database.write() as connection:
            connection.execute("UPDATE jobs SET status = 'running', started_at = 1 WHERE id = ?", (self.id,))

    @property
    def row(self) -> Row:
        with self.database.read() as connection:
            return job_row(connection, self.id)

    def read(self) -> bool:
        return self.ingest.read(self.row, self.folder)

    def write(self, *events: dict[str, Any]) -> None:
        with self.folder.events_path.open("a") as out:
            out.writelines(json.dumps(event) + "\n" for event in events)

    def steps(self, limit: int = 100) -> list[int]:
        found, after = list[int](), None
        while True:
            page = self.jobs.events(self.id, Paging(limit, after))
            found += [event["data"]["step"] for event in page["data"] if event["type"] == "metrics"]
            if not page["has_more"]:
                return found
            after = page["data"][-1]["id"]


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


def metrics(step: int, total: int = 10_000, **more: float) -> dict[str, Any]:
    return {"type": "metrics", "at": 100.0 + step, "step": step, "total_steps": total, "train_loss": 0.5, **more}


@pytest.mark.parametrize(("count", "limit"), [(300, 1), (300, 7), (300, 100), (10_000, 97), (10_000, 10_000)])
def test_events_page_right(bench: Bench, count: int, limit: int) -> None:
    bench.write(*(metrics(step) for step in range(1, count + 1)))
    bench.read()
    assert bench.steps(limit) == list(range(count, 0, -1))


def test_what_is_added_while_somebody_pages_shifts_nothing(bench: Bench) -> None:
    bench.write(*(metrics(step) for step in range(1, 11)))
    bench.read()
    first = bench.jobs.events(bench.id, Paging(5))
    bench.write(*(metrics(step) for step in range(11, 21)))
    bench.read()
    second = bench.jobs.events(bench.id, Paging(5, first["data"][-1]["id"]))
    assert [e["data"].get("step") for e in first["data"] + second["data"]] == list(range(10, 0, -1))


def test_a_line_that_is_not_whole_yet_waits(bench: Bench) -> None:
    whole = json.dumps(metrics(1)) + "\n" + json.dumps(metrics(2)) + "\n"
    for length in range(0, len(whole), 17):
        bench.folder.events_path.write_text(whole[:length])
        bench.read()
    bench.folder.events_path.write_text(whole)
    bench.read()
    assert bench.steps() == [2, 1]


def test_lines_read_again_after_a_power_cut_count_once(bench: Bench) -> None:
    note = {"type": "message", "at": 5.0, "level": "warn", "text": "Something to know"}
    bench.write(note, *(metrics(step) for step in range(1, 6)))
    bench.read()
    before = [event["id"] for event in bench.jobs.events(bench.id, Paging(100))["data"]]
    bench.folder.events_path.write_text("")
    bench.write(note, metrics(1), metrics(2))
    bench.read()
    bench.write(*(metrics(step) for step in range(3, 7)))
    bench.read()
    after = [event["id"] for event in bench.jobs.events(bench.id, Paging(100))["data"]]
    assert after[1:] == before and bench.steps() == [6, 5, 4, 3, 2, 1]


def test_only_the_last_three_checkpoints_are_offered_and_kept(bench: Bench) -> None:
    for step in (10, 20, 30, 40):
        bench.folder.write_folder(bench.folder.checkpoints_path / f"step-{step}", lambda folder: None)
        values = {"train_loss": 1 / step}
        bench.write(
            {"type": "checkpoint", "at": 1.0, "step": step, "path": f"checkpoints/step-{step}", "metrics": values}
        )
        bench.read()
    page = bench.jobs.checkpoints(bench.id, Paging(10))
    assert [c["step_number"] for c in page["data"]] == [40, 30, 20]
    with bench.database.read() as connection:
        models = [row["id"] for row in connection.execute("SELECT id FROM models ORDER BY seq")]
    assert models == [c["fine_tuned_model_checkpoint"] for c in reversed(page["data"])]
    assert [step for step, _ in bench.folder.checkpoints()] == [20, 30, 40]


def test_no_checkpoint_goes_before_a_newer_one_is_offered(bench: Bench) -> None:
    for step in (10, 20, 30, 40):
        bench.folder.checkpoint(step, lambda folder: None, {})
    assert [step for step, _ in bench.folder.checkpoints()] == [10, 20, 30, 40]
    bench.read()
    assert [step for step, _ in bench.folder.checkpoints()] == [20, 30, 40]


@pytest.mark.parametrize(
    ("event", "message"),
    [
        (metrics(10, 120), "Step 10/120: training loss=0.50"),
        (metrics(10, 120, valid_loss=0.75), "Step 10/120: training loss=0.50, validation loss=0.75"),
        (
            metrics(120, 120, valid_loss=0.75, full_valid_loss=1),
            "Step 120/120: training loss=0.50, validation loss=0.75, full validation loss=1.00",
        ),
    ],
)
def test_metrics_are_said_in_openais_words(bench: Bench, event: dict[str, Any], message: str) -> None:
    bench.write(event)
    bench.read()
    assert bench.jobs.events(bench.id, Paging(1))["data"][0]["message"] == message


@pytest.mark.parametrize(
    ("end", "check"),
    [
        (
            {"status": "succeeded", "trained_tokens": 9},
            lambda job: (
                (job["status"], job["trained_tokens"], len(json.loads(job["result_files"]))) == ("succeeded", 9, 1)
            ),
        ),
        (
            {"status": "failed", "error": {"code": "c", "message": "m", "param": None}},
            lambda job: (job["status"], json.loads(job["error"])["code"]) == ("failed", "c"),
        ),
        ({"status": "paused"}, lambda job: job["status"] == "running"),
    ],
)
def test_the_last_word_of_a_worker_ends_the_job(
    bench: Bench, end: dict[str, Any], check: Callable[[Row], bool]
) -> None:
    bench.write(metrics(1), {"type": "end", "at": 2.0, "error": None, **end})
    assert bench.read() is (end["status"] != "paused")
    assert check(bench.row)


def test_nothing_is_read_for_a_job_that_was_cancelled(bench: Bench) -> None:
    bench.jobs.cancel(bench.id)
    bench.write(metrics(1), {"type": "end", "at": 2.0, "status": "succeeded", "error": None, "trained_tokens": 1})
    assert bench.read() is False
    assert bench.row["status"] == "cancelled" and bench.steps() == []


def test_a_step_without_validation_leaves_its_cells_empty(bench: Bench) -> None:
    bench.write(
        metrics(1, 2, train_mean_token_accuracy=0.25),
        metrics(2, 2, full_valid_loss=0.4, full_valid_mean_token_accuracy=1.0),
        {"type": "end", "at": 2.0, "status": "succeeded", "error": None, "trained_tokens": 1},
    )
    bench.read()
    [file_id] = json.loads(bench.row["result_files"])
    assert bench.files.path(file_id).read_text() == (
        "step,train_loss,train_accuracy,valid_loss,valid_mean_token_accuracy\n1,0.5,0.25,,\n2,0.5,,0.4,1.0\n"
    )
