"""How long a training and an answer take over HTTP, with the openai client; `python -m benchmarks.engines` runs it."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from benchmarks.engines import ROOT, tnews, write_chat
from core.server.engines.classic import BASE

_ASKED = 300
_ENDED = ("succeeded", "failed", "cancelled")


def show(data: Path) -> None:
    """Trains on 1,000 and on all rows of TNEWS, asks the model, cancels another training, and prints a line each."""
    train, test = tnews(data)
    with tempfile.TemporaryDirectory() as name, _server(Path(name)) as client:
        model = ""
        for rows in (1_000, len(train)):
            job, took = _trained(client, write_chat(Path(name) / f"{rows}.jsonl", train[:rows]))
            assert job.status == "succeeded", job.error
            model = job.fine_tuned_model
            print(f"{rows:,} rows from create to succeeded: {took:.1f} s", flush=True)
        first, *times = [_answer(client, model, ask) for ask, _label in test[:_ASKED]]
        ninth = statistics.quantiles(times, n=10)[-1]
        print(
            f"an answer: median {statistics.median(times):.2f} ms, 90 % within {ninth:.2f} ms, the first {first:.0f} ms"
        )
        print(f"a cancel: {_cancelled(client, Path(name) / f'{len(train)}.jsonl'):.2f} s", flush=True)


@contextmanager
def _server(folder: Path) -> Iterator[Any]:
    import openai

    command = [sys.executable, "-m", "core", "serve", "--port", "0", "--data", str(folder / "provider"), "--json"]
    environment = {**os.environ, "LUOPAN_HOME": str(folder / "home")}
    process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        said = json.loads(process.stdout.readline())
        yield openai.OpenAI(base_url=said["base_url"], api_key=said["api_key"], max_retries=0)
    finally:
        process.terminate()
        process.wait(30)


def _trained(client: Any, path: Path) -> tuple[Any, float]:
    file = client.files.create(file=path.open("rb"), purpose="fine-tune")
    began = time.perf_counter()
    job = client.fine_tuning.jobs.create(model=BASE, training_file=file.id, seed=0)
    while job.status not in _ENDED:
        time.sleep(0.05)
        job = client.fine_tuning.jobs.retrieve(job.id)
    return job, time.perf_counter() - began


def _answer(client: Any, model: str, ask: str) -> float:
    """Milliseconds."""
    began = time.perf_counter()
    asked = [{"role": "user", "content": ask}]
    client.chat.completions.create(model=model, messages=asked, temperature=0, logprobs=True, top_logprobs=3)
    return 1_000 * (time.perf_counter() - began)


def _cancelled(client: Any, path: Path) -> float:
    """Seconds from asking a training in full swing to cancel until it says that it has ended."""
    file = client.files.create(file=path.open("rb"), purpose="fine-tune")
    job = client.fine_tuning.jobs.create(model=BASE, training_file=file.id)
    while not any(event.type == "metrics" for event in client.fine_tuning.jobs.list_events(job.id, limit=5)):
        time.sleep(0.05)
    began = time.perf_counter()
    client.fine_tuning.jobs.cancel(job.id)
    while client.fine_tuning.jobs.retrieve(job.id).status not in _ENDED:
        time.sleep(0.02)
    return time.perf_counter() - began
