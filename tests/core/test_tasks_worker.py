"""The worker as it runs: its own process, real SQLite, killed with -9 and started again."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from core import evaluation, tasks
from core.dataset.examples import Draft, Kind, Split, dump
from core.evaluation import EvaluationDraft, ModelRef
from core.provider import Connection
from core.settings import Settings
from core.store import Store
from core.store.tasks import Task
from tests.waiting import wait_for

ROOT = Path(__file__).resolve().parents[2]


@contextmanager
def worker(settings: Settings, *options: str) -> Iterator[subprocess.Popen[str]]:
    """A worker process on these settings; stopped at the end if it still runs."""
    process = subprocess.Popen(
        [sys.executable, "-m", "core", "worker", *options],
        cwd=ROOT,
        env={**os.environ, "LUOPAN_HOME": str(settings.home)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def ended(store: Store, task: Task) -> Task:
    """The task once it is over."""
    wait_for(lambda: not store.tasks.get(task.id).is_active)
    return store.tasks.get(task.id)


@pytest.fixture
def asked() -> Iterator[tuple[str, Counter[str]]]:
    """A provider that says "yes" after 20 ms, and how often it was asked what."""
    counts: Counter[str] = Counter()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_args: object) -> None:
            pass

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["content-length"])))
            counts[body["messages"][-1]["content"]] += 1
            time.sleep(0.02)
            choice = {"index": 0, "message": {"role": "assistant", "content": "yes"}, "finish_reason": "stop"}
            content = json.dumps({"id": "c", "object": "chat.completion", "choices": [choice]}).encode()
            self.send_response(200)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}/v1", counts
    server.shutdown()
    server.server_close()


def lines(n: int) -> str:
    bodies = (
        {"messages": [{"role": "user", "content": f"q{i}"}, {"role": "assistant", "content": "yes"}]} for i in range(n)
    )
    return "".join(f"{dump(body)}\n" for body in bodies)


def begin_evaluation(store: Store, settings: Settings, base_url: str, rows: int) -> tuple[int, Task]:
    dataset = store.create_dataset("rows", Kind.CHAT)
    store.add_drafts(dataset.id, [Draft(line, Kind.CHAT, split=Split.VALIDATION) for line in lines(rows).splitlines()])
    store.finish_import(dataset.id)
    store.jobs.save_connection(Connection("toy", "Toy", base_url))
    version = store.freeze(dataset.id)
    draft = EvaluationDraft("e", version.id, (ModelRef("toy", "m"),), parallel=2)
    begun = evaluation.start(store, settings, draft, "me")
    return begun.id, tasks.enqueue(store, settings, "evaluate", begun.id)


def test_a_killed_evaluation_goes_on_and_asks_nothing_twice_that_it_had_kept(
    store: Store, settings: Settings, asked: tuple[str, Counter[str]]
) -> None:
    base_url, counts = asked
    number, task = begin_evaluation(store, settings, base_url, 150)
    with worker(settings) as first:
        wait_for(lambda: len(store.evaluations.answered(number)) >= 40)
        os.kill(first.pid, signal.SIGKILL)
        first.wait()
    kept = store.evaluations.answered(number)
    assert store.tasks.get(task.id).state == "running"
    with worker(settings):
        done = ended(store, task)
    assert (done.state, done.done, done.total) == ("succeeded", 150, 150)
    assert len(store.evaluations.answered(number)) == 150
    assert all(counts[f"q{row}"] == 1 for row, _model in kept)
    assert sum(counts.values()) <= 150 + 60  # what was under way at the kill
    assert evaluation.scores(store, number)[0].accuracy == 1.0


def test_a_file_is_imported_and_work_that_waited_without_a_worker_is_done(
    store: Store, settings: Settings, tmp_path: Path
) -> None:
    path = tmp_path / "upload-1.part"
    path.write_text(lines(50))
    task = tasks.enqueue(store, settings, "import", "rows.jsonl", {"path": str(path), "name": "Rows"})
    lost = tasks.enqueue(store, settings, "import", "gone.csv", {"path": str(tmp_path / "gone")})
    with worker(settings):
        done, failed = ended(store, task), ended(store, lost)
        started = time.monotonic()
        again = tasks.enqueue(store, settings, "import", "rows.jsonl", {"path": str(path), "name": "More"})
        wait_for(lambda: store.tasks.get(again.id).state != "queued")
        assert time.monotonic() - started < 1.5
        ended(store, again)
    assert done.state == "succeeded" and done.result == {"dataset_id": store.dataset(done.result["dataset_id"]).id}
    assert (store.dataset(done.result["dataset_id"]).name, store.dataset(done.result["dataset_id"]).rows) == (
        "Rows",
        50,
    )
    assert failed.state == "failed" and str(failed.error.message) == "gone.csv is no longer there."


def test_an_import_that_was_killed_leaves_no_half_dataset(store: Store, settings: Settings, tmp_path: Path) -> None:
    path = tmp_path / "big.jsonl"
    path.write_text(lines(30_000))
    task = tasks.enqueue(store, settings, "import", "big.jsonl", {"path": str(path), "name": "Big"})
    with worker(settings) as first:
        wait_for(lambda: [d for d in store.datasets(importing=True) if d.state == "importing"])
        wait_for(lambda: store.tasks.get(task.id).done > 0)
        os.kill(first.pid, signal.SIGKILL)
        first.wait()
    with worker(settings):
        done = ended(store, task)
    assert done.state == "succeeded"
    assert [(d.id, d.rows, d.state) for d in store.datasets(importing=True)] == [
        (done.result["dataset_id"], 30_000, "ready")
    ]


def test_running_work_can_be_cancelled(store: Store, settings: Settings, asked: tuple[str, Counter[str]]) -> None:
    number, task = begin_evaluation(store, settings, asked[0], 1000)
    with worker(settings):
        wait_for(lambda: store.tasks.get(task.id).done)
        started = time.monotonic()
        tasks.cancel(store, settings, task.id)
        assert ended(store, task).state == "cancelled"
        assert time.monotonic() - started < 2
    assert 0 < len(store.evaluations.answered(number)) < 1000


@pytest.mark.parametrize("busy", [False, True])
def test_it_leaves_within_two_seconds_when_asked(
    store: Store, settings: Settings, asked: tuple[str, Counter[str]], busy: bool
) -> None:
    task = begin_evaluation(store, settings, asked[0], 1000)[1] if busy else None
    with worker(settings) as process:
        wait_for((settings.home / "tasks.db").exists)
        if task:
            wait_for(lambda: store.tasks.get(task.id).done)
        time.sleep(0.5)
        started = time.monotonic()
        process.terminate()
        assert process.wait(5) == 0
        assert time.monotonic() - started < 2
    if task:
        assert store.tasks.get(task.id).state == "running"  # to be taken up by the next worker


def test_it_ends_with_its_parent(settings: Settings) -> None:
    code = (
        "import os, subprocess, sys, time\n"
        "child = subprocess.Popen([sys.executable, '-m', 'core', 'worker', '--parent', str(os.getpid())])\n"
        "print(child.pid, flush=True)\n"
        "time.sleep(60)\n"
    )
    parent = subprocess.Popen(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env={**os.environ, "LUOPAN_HOME": str(settings.home)},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    pid = int(parent.stdout.readline())
    wait_for((settings.home / "tasks.db").exists)
    parent.kill()
    parent.wait()
    wait_for(lambda: not is_alive(pid), 4)


def is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().split(") ")[1][0] != "Z"
    except FileNotFoundError:
        return False


def test_a_second_worker_waits_for_the_first(store: Store, settings: Settings, tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text(lines(20))
    with worker(settings) as first, worker(settings) as second:
        wait_for((settings.home / "tasks.db").exists)
        ended(store, tasks.enqueue(store, settings, "import", "a.jsonl", {"path": str(path)}))
        first.terminate()
        first.wait(5)
        assert second.poll() is None
        assert (
            ended(store, tasks.enqueue(store, settings, "import", "a.jsonl", {"path": str(path)})).state == "succeeded"
        )
