"""kill -9 of the server and of its training processes: nothing that was acknowledged is lost, nothing is done twice."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.slow

MODEL = "local-classic-1"
SOME_SECONDS = {"n_epochs": 12, "batch_size": 1}
LONG = {"n_epochs": 50, "batch_size": 1}


def launch(provider: Any, content: bytes, hyperparameters: dict[str, int], **more: Any) -> str:
    file_id = provider.upload(content)
    job = provider.client.fine_tuning.jobs.create(
        model=MODEL, training_file=file_id, hyperparameters=hyperparameters, **more
    )
    return str(job.id)


def steps(provider: Any, job_id: str) -> list[int]:
    events = provider.client.fine_tuning.jobs.list_events(job_id, limit=100)
    return [event.data["step"] for event in events if event.type == "metrics"]


def once(values: list[Any]) -> bool:
    return len(values) == len(set(values))


def test_a_killed_server_takes_its_running_job_up_again(own_provider: Any, many_lines: Any, wait: Any) -> None:
    job_id = launch(own_provider, many_lines(400), SOME_SECONDS, seed=1)
    wait(lambda: steps(own_provider, job_id))
    worker = own_provider.worker(job_id)
    own_provider.kill()
    assert own_provider.worker(job_id) == worker, "the training goes on without its server"
    own_provider.start()
    done = own_provider.finished(job_id)
    said = own_provider.messages(job_id)
    assert done.status == "succeeded"
    assert once(steps(own_provider, job_id)) and max(steps(own_provider, job_id)) == 4_800
    assert said.count("Fine-tuning job started") == 1 and not [m for m in said if "broke off" in m]


def test_a_server_killed_over_and_over_loses_nothing(own_provider: Any, many_lines: Any) -> None:
    chance = random.Random(3)
    files, jobs = dict[str, bytes](), list[str]()
    events = dict[str, set[str]]()
    for round in range(4):
        content = many_lines(40 + round)
        jobs.append(launch(own_provider, content, {"n_epochs": 30, "batch_size": 1}, suffix=f"round{round}"))
        file_id = own_provider.upload(content)
        files[file_id] = content
        time.sleep(chance.random() * 0.8)
        for job_id in jobs:
            found = own_provider.client.fine_tuning.jobs.list_events(job_id, limit=100)
            events.setdefault(job_id, set()).update(event.id for event in found)
        own_provider.kill()
        own_provider.start()
    for file_id, content in files.items():
        assert own_provider.client.files.content(file_id).read() == content
    assert [job.id for job in own_provider.client.fine_tuning.jobs.list()] == jobs[::-1]
    for job_id in jobs:
        assert own_provider.finished(job_id).status == "succeeded"
        now = [event.id for event in own_provider.client.fine_tuning.jobs.list_events(job_id, limit=100)]
        assert events[job_id] <= set(now) and once(now) and once(steps(own_provider, job_id))
        assert own_provider.messages(job_id).count("The job has successfully completed") == 1


def test_a_killed_training_goes_on_from_its_checkpoint_and_succeeds(
    own_provider: Any, many_lines: Any, wait: Any
) -> None:
    job_id = launch(own_provider, many_lines(400), SOME_SECONDS, seed=1)
    wait(lambda: own_provider.client.fine_tuning.jobs.checkpoints.list(job_id).data)
    first = own_provider.worker(job_id)
    os.kill(first, signal.SIGKILL)
    wait(lambda: own_provider.worker(job_id) not in (None, first))
    done = own_provider.finished(job_id)
    said = own_provider.messages(job_id)
    assert done.status == "succeeded", done.error
    assert once(steps(own_provider, job_id))
    assert len([m for m in said if "goes on from its last checkpoint" in m]) == 1
    assert [m for m in said if m.startswith("Going on from step ")]


def test_server_and_training_killed_together_go_on(own_provider: Any, many_lines: Any, wait: Any) -> None:
    job_id = launch(own_provider, many_lines(400), SOME_SECONDS)
    wait(lambda: steps(own_provider, job_id))
    worker = own_provider.worker(job_id)
    own_provider.kill()
    os.kill(worker, signal.SIGKILL)
    own_provider.start()
    assert own_provider.finished(job_id).status == "succeeded"
    assert once(steps(own_provider, job_id))


def test_a_training_that_is_killed_each_time_fails_with_a_sentence(
    own_provider: Any, many_lines: Any, wait: Any
) -> None:
    job_id = launch(own_provider, many_lines(3000), LONG)
    killed = set[int]()
    while own_provider.client.fine_tuning.jobs.retrieve(job_id).status in ("validating_files", "queued", "running"):
        pid = own_provider.worker(job_id)
        if pid and pid not in killed:
            killed.add(pid)
            os.kill(pid, signal.SIGKILL)
        time.sleep(0.05)
    job = own_provider.client.fine_tuning.jobs.retrieve(job_id)
    assert (job.status, job.error.code) == ("failed", "training_process_died")
    assert "broke off 4 times" in job.error.message and len(killed) == 4


def test_a_job_cancelled_while_the_server_was_dying_does_not_train_on(
    own_provider: Any, many_lines: Any, wait: Any
) -> None:
    job_id = launch(own_provider, many_lines(3000), LONG)
    wait(lambda: own_provider.worker(job_id))
    own_provider.client.fine_tuning.jobs.cancel(job_id)
    own_provider.kill()
    own_provider.start()
    wait(lambda: own_provider.worker(job_id) is None, 5)
    assert own_provider.client.fine_tuning.jobs.retrieve(job_id).status == "cancelled"


def test_a_stopped_server_leaves_the_training_alone(own_provider: Any, many_lines: Any, wait: Any) -> None:
    job_id = launch(own_provider, many_lines(400), SOME_SECONDS)
    worker = wait(lambda: own_provider.worker(job_id))
    assert own_provider.stop() == 0
    assert not (own_provider.data / "endpoint.json").exists()
    assert own_provider.worker(job_id) == worker
    own_provider.start()
    assert own_provider.finished(job_id).status == "succeeded"


def test_an_idempotency_key_outlives_the_server(own_provider: Any, many_lines: Any) -> None:
    file_id = own_provider.upload(many_lines(12))
    body = {"model": MODEL, "training_file": file_id}
    first = own_provider.ask("POST", "/fine_tuning/jobs", json=body, headers={"Idempotency-Key": "k"})
    own_provider.kill()
    own_provider.start()
    again = own_provider.ask("POST", "/fine_tuning/jobs", json=body, headers={"Idempotency-Key": "k"})
    assert again.json() == first.json()
    assert len(own_provider.client.fine_tuning.jobs.list().data) == 1


def test_no_more_jobs_train_at_once_than_there_are_cores(own_provider: Any, many_lines: Any, wait: Any) -> None:
    cores = os.cpu_count() or 1
    jobs = [launch(own_provider, many_lines(600), LONG) for _ in range(cores + 2)]
    states = lambda: [own_provider.client.fine_tuning.jobs.retrieve(j).status for j in jobs]  # noqa: E731
    wait(lambda: states().count("running") == cores and states().count("queued") == 2)
    own_provider.client.fine_tuning.jobs.cancel(jobs[0])
    wait(lambda: states().count("running") == cores and states().count("queued") == 1)
    for job_id in jobs[1:]:
        own_provider.client.fine_tuning.jobs.cancel(job_id)
    wait(lambda: not any(own_provider.worker(job_id) for job_id in jobs))


def test_one_folder_has_one_server(own_provider: Any) -> None:
    command = own_provider.process.args
    second = subprocess.run(command, cwd=Path(__file__).parents[3], capture_output=True, text=True, timeout=20)
    assert second.returncode == 3 and second.stdout == ""
    assert "Another local provider already works on" in second.stderr


def test_the_server_ends_with_its_parent(own_provider: Any, wait: Any) -> None:
    own_provider.stop()
    parent = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    own_provider.start("--parent", str(parent.pid))
    assert json.loads((own_provider.data / "endpoint.json").read_text())["pid"] == own_provider.process.pid
    parent.kill()
    began = time.monotonic()
    assert own_provider.process.wait(5) == 0 and time.monotonic() - began < 2
    assert not (own_provider.data / "endpoint.json").exists()
    parent.wait()


def test_the_key_stays_the_same(own_provider: Any) -> None:
    key = own_provider.key
    own_provider.kill()
    assert own_provider.start().key == key
