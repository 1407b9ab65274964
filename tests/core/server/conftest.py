"""A real local provider in a process of its own, and the unmodified openai client on it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx2
import openai
import pytest

from tests.waiting import wait_for

ROOT = Path(__file__).resolve().parent.parent.parent.parent
SECRET = "sk-not-for-the-training"
WORDS = {"fruit": "ripe apple", "vehicle": "fast car", "animal": "blue whale"}


@dataclass
class Provider:
    """One data folder with the server that works on it now."""

    data: Path
    base_url: str = ""
    key: str = ""
    process: subprocess.Popen[str] = field(init=False)

    def start(self, *arguments: str) -> Provider:
        """Starts a server and waits for the line that says it is ready."""
        command = [sys.executable, "-m", "core", "serve", "--port", "0", "--data", str(self.data), "--json"]
        environment = {**os.environ, "LUOPAN_HOME": str(self.data / "home"), "OPENAI_API_KEY": SECRET}
        self.process = subprocess.Popen(
            [*command, *arguments], cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True
        )
        assert self.process.stdout is not None
        said = json.loads(self.process.stdout.readline())
        self.base_url, self.key = said["base_url"], said["api_key"]
        return self

    def kill(self) -> None:
        """kill -9."""
        self.process.kill()
        self.process.wait()

    def stop(self) -> int:
        """Asks the server to stop; its exit status."""
        self.process.terminate()
        return self.process.wait(10)

    @property
    def client(self) -> openai.OpenAI:
        return openai.OpenAI(base_url=self.base_url, api_key=self.key, max_retries=0, timeout=30)

    def ask(self, method: str, path: str, **more: Any) -> httpx2.Response:
        """A plain HTTP request with the key."""
        headers = {"Authorization": f"Bearer {self.key}", **more.pop("headers", {})}
        return httpx2.request(method, self.base_url + path, headers=headers, timeout=30, trust_env=False, **more)

    def upload(self, content: bytes, name: str = "train.jsonl") -> str:
        return self.client.files.create(file=(name, content), purpose="fine-tune").id

    def finished(self, job_id: str, seconds: float = 40) -> Any:
        """The job once it has ended."""
        return wait_for(lambda: ended(self.client.fine_tuning.jobs.retrieve(job_id)), seconds)

    def messages(self, job_id: str) -> list[str]:
        """The messages of a job's events, oldest first, without the figures."""
        events = list(self.client.fine_tuning.jobs.list_events(job_id, limit=100))
        return [event.message for event in reversed(events) if event.type == "message"]

    def worker(self, job_id: str) -> int | None:
        """The process number of a job's training process, where one runs."""
        folder = str(self.data / "jobs" / job_id).encode()
        for entry in Path("/proc").iterdir():
            try:
                if entry.name.isdigit() and folder in (entry / "cmdline").read_bytes().split(b"\0"):
                    return int(entry.name)
            except OSError:
                continue
        return None


def ended(job: Any) -> Any:
    return job if job.status in ("succeeded", "failed", "cancelled") else None


def lines(count: int) -> bytes:
    """Training examples with three answers."""
    rows = []
    for number in range(count):
        label = list(WORDS)[number % len(WORDS)]
        question = {"role": "user", "content": f"What is the {WORDS[label]} of row {number}?"}
        rows.append(json.dumps({"messages": [question, {"role": "assistant", "content": label}]}))
    return "\n".join(rows).encode()


@pytest.fixture(scope="session")
def provider(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Provider]:
    """A server that many tests share."""
    shared = Provider(tmp_path_factory.mktemp("provider")).start()
    yield shared
    assert shared.stop() == 0


@pytest.fixture
def provider_in() -> Iterator[Callable[[Path], Provider]]:
    """Starts a server on a folder, which a test may kill; whatever it leaves behind is ended."""
    started = list[Provider]()

    def start(data: Path) -> Provider:
        started.append(Provider(data).start())
        return started[-1]

    yield start
    for own in started:
        own.process.kill()
        own.process.wait()
        for folder in (own.data / "jobs").iterdir():
            if pid := own.worker(folder.name):
                os.kill(pid, signal.SIGKILL)


@pytest.fixture
def own_provider(provider_in: Callable[[Path], Provider], tmp_path: Path) -> Provider:
    """A server that a test may kill."""
    return provider_in(tmp_path / "data")


@pytest.fixture(scope="session")
def trained(provider: Provider) -> Any:
    """A job that has succeeded, with a validation file."""
    training, validation = provider.upload(lines(60)), provider.upload(lines(12), "valid.jsonl")
    job = provider.client.fine_tuning.jobs.create(
        model="local-classic-1",
        training_file=training,
        validation_file=validation,
        suffix="demo",
        seed=7,
        metadata={"team": "north"},
        method={"type": "supervised", "supervised": {"hyperparameters": {"n_epochs": 20, "batch_size": 4}}},
    )
    done = provider.finished(job.id)
    assert done.status == "succeeded", done.error
    return done


@pytest.fixture
def many_lines() -> Callable[[int], bytes]:
    return lines


@pytest.fixture
def wait() -> Callable[..., Any]:
    return wait_for
