"""A disk without room: nothing half is kept, what was acknowledged stays, and everything goes on when there is room."""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import openai
import pytest

from core.server.engines.base import JobDir

MODEL = "local-classic-1"
MIB = 1 << 20


class Disk:
    """A small file system of its own, which can be filled."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._ballast = path / "ballast"

    def fill(self, leave: int = 0) -> None:
        """Takes all room but so many bytes."""
        with self._ballast.open("ab", buffering=0) as out:
            while (room := self.free() - leave) > 0:
                try:
                    if out.write(b"\0" * min(room, MIB)) == 0:
                        break
                except OSError:
                    break

    def clear(self) -> None:
        self._ballast.unlink(missing_ok=True)

    def free(self) -> int:
        found = os.statvfs(self.path)
        return found.f_bavail * found.f_frsize


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Disk]:
    path = tmp_path / "disk"
    path.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=48m", "none", path], capture_output=True, check=False)
    if mounted.returncode:
        pytest.skip("a small file system of its own can be made by root only")
    yield Disk(path)
    subprocess.run(["umount", "-l", path], check=True)


@pytest.fixture
def cramped(disk: Disk, provider_in: Any) -> Any:
    """A server whose data are on that disk."""
    return provider_in(disk.path / "data")


def files_of(provider: Any) -> set[str]:
    return {path.name for folder in ("files", "incoming") for path in (provider.data / folder).iterdir()}


def test_an_upload_without_room_is_refused_and_leaves_nothing(cramped: Any, disk: Disk, many_lines: Any) -> None:
    kept = cramped.upload(many_lines(12))
    disk.fill(leave=2 * MIB)
    for size in (3 * MIB, 40 * MIB):
        form = {"purpose": "fine-tune"}
        reply = cramped.ask("POST", "/files", data=form, files={"file": ("a.jsonl", b"x" * size)})
        error = reply.json()["error"]
        assert (reply.status_code, error["code"], error["type"]) == (507, "storage_failed", "server_error")
        assert "No space left on device" in error["message"]
        assert files_of(cramped) == {kept}
    disk.clear()
    assert {kept, cramped.upload(b"x" * MIB)} == files_of(cramped)


def test_parts_that_cannot_be_joined_for_want_of_room_wait_for_it(cramped: Any, disk: Disk) -> None:
    uploads, block = cramped.client.uploads, b"x" * (4 * MIB)
    announced = uploads.create(bytes=12 * MIB, filename="a.jsonl", mime_type="text/jsonl", purpose="fine-tune")
    parts = [uploads.parts.create(announced.id, data=block).id for _ in range(3)]
    disk.fill(leave=3 * MIB)
    for attempt in (
        lambda: uploads.parts.create(announced.id, data=block),
        lambda: uploads.complete(announced.id, part_ids=parts),
    ):
        with pytest.raises(openai.APIStatusError) as caught:
            attempt()
        assert (caught.value.status_code, caught.value.code) == (507, "storage_failed")
        assert not files_of(cramped) and len(list((cramped.data / "parts").iterdir())) == 3
    disk.clear()
    file = uploads.complete(announced.id, part_ids=parts).file
    assert file and cramped.client.files.content(file.id).read() == block * 3
    assert files_of(cramped) == {file.id} and not list((cramped.data / "parts").iterdir())


def test_what_only_reads_goes_on_without_room(cramped: Any, disk: Disk, many_lines: Any) -> None:
    file_id = cramped.upload(many_lines(12))
    job = cramped.client.fine_tuning.jobs.create(model=MODEL, training_file=file_id)
    done = cramped.finished(job.id)
    disk.fill()
    assert [file.id for file in cramped.client.files.list()][-1] == file_id
    assert cramped.client.files.content(file_id).read() == many_lines(12)
    assert cramped.client.fine_tuning.jobs.retrieve(job.id) == done
    asked: Any = [{"role": "user", "content": "ripe apple?"}]
    assert cramped.client.chat.completions.create(model=done.fine_tuned_model, messages=asked).choices
    with cramped.client.chat.completions.create(model=done.fine_tuned_model, messages=asked, stream=True) as chunks:
        assert list(chunks)


def test_a_job_without_room_is_not_promised(cramped: Any, disk: Disk, many_lines: Any) -> None:
    file_id = cramped.upload(many_lines(12))
    disk.fill()
    statuses = set()
    for _ in range(40):  # what SQLite has set aside may hold the first ones
        reply = cramped.ask("POST", "/fine_tuning/jobs", json={"model": MODEL, "training_file": file_id})
        statuses.add(reply.status_code)
    assert statuses <= {200, 507}
    disk.clear()
    jobs = cramped.client.fine_tuning.jobs.list(limit=100).data
    assert all(cramped.finished(job.id, 100).status == "succeeded" for job in jobs)
    assert cramped.client.fine_tuning.jobs.create(model=MODEL, training_file=file_id).id


@pytest.mark.parametrize("leave", [0, 200_000])
def test_a_training_that_meets_a_full_disk_waits_or_says_so(
    cramped: Any, disk: Disk, many_lines: Any, wait: Any, leave: int
) -> None:
    file_id = cramped.upload(many_lines(1_500))
    settings: Any = {"n_epochs": 8, "batch_size": 1}
    job = cramped.client.fine_tuning.jobs.create(model=MODEL, training_file=file_id, hyperparameters=settings)
    wait(lambda: cramped.client.fine_tuning.jobs.checkpoints.list(job.id).data)
    disk.fill(leave)
    wait(lambda: cramped.worker(job.id) is None, 40)
    assert cramped.ask("GET", "/models").status_code == 200
    disk.clear()
    done = cramped.finished(job.id, 60)
    if done.status == "failed":
        assert "Is the disk full?" in done.error.message
    else:
        assert done.status == "succeeded"
    other = cramped.client.fine_tuning.jobs.create(model=MODEL, training_file=cramped.upload(many_lines(30)))
    assert cramped.finished(other.id).status == "succeeded"
    assert not list((cramped.data / "jobs").glob("*/*.tmp"))


def test_a_running_job_is_cancelled_without_room(cramped: Any, disk: Disk, many_lines: Any, wait: Any) -> None:
    settings: Any = {"n_epochs": 50, "batch_size": 1}
    file_id = cramped.upload(many_lines(3_000))
    job = cramped.client.fine_tuning.jobs.create(model=MODEL, training_file=file_id, hyperparameters=settings)
    wait(lambda: cramped.worker(job.id))
    disk.fill(leave=100_000)
    cramped.client.fine_tuning.jobs.cancel(job.id)
    wait(lambda: cramped.worker(job.id) is None, 5)


def test_an_event_is_written_whole_or_not_at_all(disk: Disk) -> None:
    folder = JobDir(disk.path / "job")
    folder.path.mkdir()
    folder.message("before")
    disk.fill()
    with pytest.raises(OSError, match="No space left"):
        for number in range(200):
            folder.message(f"{number} {'x' * 1000}", key=str(number))
    whole = len(folder.read_events()[0])
    disk.clear()
    folder.message("after", key=str(whole - 1))
    assert [event["text"][:6] for event in folder.read_events()[0]][-1] == "after"


def test_a_batch_waits_for_room_and_goes_on(cramped: Any, disk: Disk, wait: Any) -> None:
    body = {"model": MODEL, "messages": [{"role": "user", "content": "hello"}]}
    line = {"method": "POST", "url": "/v1/chat/completions", "body": body}
    content = "\n".join(json.dumps({"custom_id": str(number), **line}) for number in range(6_000)).encode()
    file_id = cramped.client.files.create(file=("batch.jsonl", content), purpose="batch").id
    disk.fill(leave=MIB)
    batch = cramped.client.batches.create(
        input_file_id=file_id, endpoint="/v1/chat/completions", completion_window="24h"
    )
    wait(lambda: disk.free() < 64 << 10)
    time.sleep(2)
    assert cramped.client.batches.retrieve(batch.id).status in ("validating", "in_progress", "finalizing")
    disk.clear()
    done = wait(lambda: (b := cramped.client.batches.retrieve(batch.id)).completed_at and b, 60)
    found = cramped.client.files.content(done.output_file_id).read().splitlines()
    assert [json.loads(one)["custom_id"] for one in found] == [str(number) for number in range(6_000)]
