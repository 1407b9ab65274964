"""Many at once, much at once: nobody gets an error, nobody waits for long, and the memory stays small."""

from __future__ import annotations

import filecmp
import http.client
import json
import random
import subprocess
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from benchmarks.kills import run as violence
from benchmarks.load import load
from core.server.database import Database
from core.server.jobs.store import add_event

MODEL = "local-classic-1"
JOBS = "/fine_tuning/jobs"
LONG: Any = {"n_epochs": 50, "batch_size": 1}
SHORT: Any = {"n_epochs": 10, "batch_size": 1}


def port_of(provider: Any) -> int:
    return int(provider.base_url.split(":")[2].split("/")[0])


def memory(pid: int, what: str = "VmRSS:") -> float:
    """MiB that a process holds now (VmHWM: has held at most)."""
    fields = Path(f"/proc/{pid}/status").read_text().split()
    return int(fields[fields.index(what) + 1]) / 1024


def cpu(pid: int) -> float:
    """CPU seconds that a process has used, without those that it began."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / 100


@pytest.mark.slow
def test_sixty_four_clients_train_and_ask_at_once(own_provider: Any, many_lines: Any) -> None:
    first = own_provider.client.fine_tuning.jobs.create(
        model=MODEL, training_file=own_provider.upload(many_lines(60)), seed=1
    )
    model = own_provider.finished(first.id).fine_tuned_model
    begin = threading.Barrier(64)

    def one(number: int) -> str:
        client = own_provider.client.with_options(timeout=60)
        begin.wait()
        uploaded = client.files.create(file=("t.jsonl", many_lines(12 + number)), purpose="fine-tune")
        job = client.fine_tuning.jobs.create(model=MODEL, training_file=uploaded.id, suffix=f"c{number}")
        for round in range(4):
            asked: Any = [{"role": "user", "content": f"What is the fast car of row {round}?"}]
            reply = client.chat.completions.create(model=model, messages=asked, temperature=0)
            assert reply.choices[0].message.content == "vehicle"
            assert client.fine_tuning.jobs.retrieve(job.id).id == job.id
            assert len(client.fine_tuning.jobs.list_events(job.id).data) >= 2
        if number % 16:
            with_all = client.fine_tuning.jobs.retrieve(job.id)
            if with_all.status not in ("succeeded", "failed"):
                try:
                    client.fine_tuning.jobs.cancel(job.id)
                except Exception as error:
                    assert "already ended" in str(error)
        return str(own_provider.finished(job.id, 90).status)

    with ThreadPoolExecutor(64) as pool:
        ends = list(pool.map(one, range(64)))
    assert set(ends) <= {"succeeded", "cancelled"} and all(end == "succeeded" for end in ends[::16])
    assert not list((own_provider.data / "incoming").iterdir())


@pytest.mark.parametrize(
    "path", ["/health", "/v1/models", f"/v1{JOBS}", f"/v1{JOBS}/{{id}}", f"/v1{JOBS}/{{id}}/events"]
)
def test_cheap_questions_take_the_server_less_than_a_millisecond(provider: Any, trained: Any, path: str) -> None:
    before = cpu(provider.process.pid)
    said = load(port_of(provider), path.format(id=trained.id), provider.key, connections=8, seconds=1.0)
    assert not said["not_2xx"] and (cpu(provider.process.pid) - before) / said["answers"] < 0.001


def test_ten_thousand_events_come_in_order_while_more_are_written(own_provider: Any, many_lines: Any) -> None:
    job = own_provider.client.fine_tuning.jobs.create(model=MODEL, training_file=own_provider.upload(many_lines(12)))
    own_provider.finished(job.id)
    database = Database(own_provider.data / "provider.db")

    def write(numbers: range) -> None:
        with database.write() as connection:
            for number in numbers:
                add_event(connection, job.id, f"event {number}", key=f"test:{number}")

    def read(limit: int) -> list[int]:
        events = own_provider.client.fine_tuning.jobs.list_events(job.id, limit=limit)
        return [int(event.message[6:]) for event in events if event.message.startswith("event ")]

    write(range(10_000))
    assert read(100) == list(range(9_999, -1, -1))
    done = threading.Event()

    def go_on() -> None:
        for number in range(10_000, 11_000, 20):
            write(range(number, number + 20))
            if done.is_set():
                break

    writer = threading.Thread(target=go_on)
    writer.start()
    try:
        for limit in (100, 1_000):
            found = read(limit)
            assert found == list(range(found[0], -1, -1)) and found[0] >= 9_999
    finally:
        done.set()
        writer.join()
        database.close()


def large_form(size: int) -> Iterator[bytes]:
    """A form with a file of so many bytes, in pieces."""
    head = '--b\r\nContent-Disposition: form-data; name="purpose"\r\n\r\nfine-tune\r\n--b\r\n'
    yield (head + 'Content-Disposition: form-data; name="file"; filename="big.jsonl"\r\n\r\n').encode()
    block = random.Random(0).randbytes(1 << 20)
    for _ in range(size >> 20):
        yield block
    yield b"\r\n--b--\r\n"


def test_a_large_file_passes_through_little_memory(own_provider: Any) -> None:
    pid = own_provider.process.pid
    before = memory(pid)
    connection = http.client.HTTPConnection("127.0.0.1", port_of(own_provider), timeout=60)
    headers = {"Authorization": f"Bearer {own_provider.key}", "Content-Type": "multipart/form-data; boundary=b"}
    connection.request("POST", "/v1/files", large_form(300 << 20), headers, encode_chunked=True)
    reply = json.loads(connection.getresponse().read())
    assert reply["bytes"] == 300 << 20 and memory(pid, "VmHWM:") - before < 40
    connection.request("GET", f"/v1/files/{reply['id']}/content", headers=headers)
    answer, length = connection.getresponse(), 0
    while block := answer.read(1 << 20):
        length += len(block)
    assert length == 300 << 20 and memory(pid, "VmHWM:") - before < 40
    own_provider.client.files.delete(reply["id"])


def test_a_large_upload_in_parts_passes_through_little_memory(own_provider: Any, tmp_path: Path) -> None:
    path, size, part = tmp_path / "big.jsonl", 160 << 20, 16 << 20
    with path.open("wb") as out:
        for number in range(size // part):
            out.write(random.Random(number).randbytes(part))
    pid = own_provider.process.pid
    before = memory(pid)
    uploads = own_provider.client.with_options(timeout=120).uploads
    done = uploads.upload_file_chunked(file=path, mime_type="text/jsonl", purpose="fine-tune", part_size=part)
    kept = own_provider.data / "files" / done.file.id
    assert filecmp.cmp(path, kept, shallow=False) and memory(pid, "VmHWM:") - before < 40
    kept.unlink()


def test_a_running_job_ends_within_a_second_of_its_cancel(own_provider: Any, many_lines: Any, wait: Any) -> None:
    file_id = own_provider.upload(many_lines(3_000))
    client = own_provider.client.fine_tuning.jobs
    job = client.create(model=MODEL, training_file=file_id, hyperparameters=LONG)
    wait(lambda: own_provider.worker(job.id))
    began = time.monotonic()
    assert client.cancel(job.id).status == "cancelled"
    wait(lambda: own_provider.worker(job.id) is None)
    assert time.monotonic() - began < 1


def test_a_queued_job_is_cancelled_at_once(own_provider: Any, many_lines: Any, wait: Any) -> None:
    file_id = own_provider.upload(many_lines(3_000))
    client = own_provider.client.fine_tuning.jobs
    jobs = [client.create(model=MODEL, training_file=file_id, hyperparameters=LONG).id for _ in range(8)]
    wait(lambda: [client.retrieve(job).status for job in jobs].count("queued") > 2)
    for job in reversed(jobs):
        began = time.monotonic()
        assert client.cancel(job).status == "cancelled"
        assert time.monotonic() - began < 1
    wait(lambda: not any(own_provider.worker(job) for job in jobs))
    assert {client.retrieve(job).status for job in jobs} == {"cancelled"}


def examinations(provider: Any) -> list[int]:
    """The processes that check files for this server."""
    found = []
    for entry in Path("/proc").iterdir():
        try:
            said = (entry / "cmdline").read_bytes() if entry.name.isdigit() else b""
        except OSError:
            continue
        if b"core.server.examination" in said and str(provider.data).encode() in said:
            found.append(int(entry.name))
    return found


@pytest.mark.parametrize("how", ["cancel", "kill"])
def test_a_file_nobody_waits_for_is_checked_no_further(own_provider: Any, many_lines: Any, wait: Any, how: str) -> None:
    large = own_provider.upload(b"\n".join([many_lines(50_000)] * 4))
    client = own_provider.client.fine_tuning.jobs
    job = client.create(model=MODEL, training_file=large)
    wait(lambda: examinations(own_provider))
    began = time.monotonic()
    if how == "cancel":
        client.cancel(job.id)
    else:
        own_provider.kill()
    wait(lambda: not examinations(own_provider))
    assert time.monotonic() - began < (1 if how == "cancel" else 5)
    if how == "cancel":
        small = client.create(model=MODEL, training_file=own_provider.upload(many_lines(12)))
        assert own_provider.finished(small.id).status == "succeeded"


def test_a_small_job_does_not_wait_for_a_large_file_to_be_checked(
    own_provider: Any, many_lines: Any, wait: Any
) -> None:
    large = own_provider.upload(b"\n".join([many_lines(50_000)] * 16))
    small = own_provider.upload(many_lines(12))
    client = own_provider.client.fine_tuning.jobs
    first = client.create(model=MODEL, training_file=large)
    wait(lambda: examinations(own_provider))
    second = client.create(model=MODEL, training_file=small)
    assert own_provider.finished(second.id).status == "succeeded"
    assert client.retrieve(first.id).status == "validating_files"
    client.cancel(first.id)


def test_of_many_servers_on_one_folder_one_works(own_provider: Any, many_lines: Any) -> None:
    jobs = own_provider.client.fine_tuning.jobs
    job = jobs.create(model=MODEL, training_file=own_provider.upload(many_lines(200)), hyperparameters=SHORT)
    own_provider.kill()
    pipes: Any = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    servers = [subprocess.Popen(own_provider.process.args, cwd=Path(__file__).parents[3], **pipes) for _ in range(4)]
    said = [server.stdout.readline() for server in servers if server.stdout]
    [winner] = [number for number, line in enumerate(said) if line]
    for number, server in enumerate(servers):
        if number != winner:
            assert "Another local provider already works on" in server.communicate(timeout=20)[1]
            assert server.returncode == 3
    ready = json.loads(said[winner])
    own_provider.process, own_provider.base_url = servers[winner], ready["base_url"]
    assert own_provider.finished(job.id, 100).status == "succeeded"
    assert own_provider.messages(job.id).count("Fine-tuning job started") == 1


def test_the_server_is_up_within_a_second(tmp_path: Path, provider_in: Any) -> None:
    took = []
    for number in range(3):
        own = provider_in(tmp_path / str(number))
        assert own.ask("GET", "/models").status_code == 200
        took.append(cpu(own.process.pid))
    assert min(took) < 0.6, took  # of its own time: what else this machine does is not the server's doing


@pytest.mark.slow
def test_killed_at_random_every_job_ends_as_if_undisturbed(tmp_path: Path) -> None:
    figures, wrong = violence(16, seed=random.randrange(10**6), folder=tmp_path)
    assert not wrong, (figures, wrong)
