"""How fast the local provider answers over HTTP, and how fast it carries a batch on:

    python -m benchmarks.answers --train banking77_train.csv --ask banking77_test.csv [--batch 50000]

Both files hold text and label (CSV with a header, or TSV). A server is started, a classic model trained on the first
file, and the questions of the second are asked one at a time: with a plain keep-alive client, and with the openai
client. Milliseconds are medians and 99 of 100; the model's own share is measured in this process with the same model
and the same questions, so what is left is the server, the wire and the client. Then a batch of as many requests: lines
per second, and the server's largest resident memory before and after.

Banking77 on two cores with busy neighbours: the model alone 0.24 ms; over HTTP 1.55 to 1.90 ms, 1.3 ms CPU of the
server; with the openai client 2.5 ms. 50,000 requests took 31.8 s CPU (5,000 in quieter minutes: 2.1 s CPU, 1,126 a
second), and 157 MiB after 153 MiB before.
"""

from __future__ import annotations

import argparse
import csv
import itertools
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx2
import openai

from core.server.engines.base import SampleParams
from core.server.engines.classic.engine import ClassicEngine

ROOT = Path(__file__).parent.parent


def pairs(path: Path) -> list[tuple[str, str]]:
    """The texts and labels of a file."""
    with path.open(encoding="utf-8", newline="") as file:
        rows = csv.reader(file, delimiter="\t" if path.suffix == ".tsv" else ",")
        found = [(row[0], row[1]) for row in rows if len(row) > 1]
    return found if path.suffix == ".tsv" else found[1:]


def chat(text: str) -> dict[str, Any]:
    """A question as it is sent."""
    return {"messages": [{"role": "user", "content": text}], "temperature": 0}


def timed(ask: Callable[[str], object], texts: list[str]) -> list[float]:
    """Milliseconds of each question, in order of size."""
    took = []
    for text in texts:
        began = time.perf_counter()
        ask(text)
        took.append((time.perf_counter() - began) * 1000)
    return sorted(took)


def said(name: str, took: list[float], cpu: float) -> None:
    """Prints the median, 99 of 100, and the server's CPU for one."""
    middle, high = took[len(took) // 2], took[len(took) * 99 // 100]
    print(f"{name:<24}{middle:7.2f} ms, 99 of 100 within {high:6.2f} ms, {cpu:5.2f} ms CPU of the server")


def train(client: openai.OpenAI, rows: list[tuple[str, str]]) -> str:
    """The model of these rows."""
    lines = [json.dumps({"messages": [*chat(q)["messages"], {"role": "assistant", "content": a}]}) for q, a in rows]
    file = client.files.create(file=("train.jsonl", "\n".join(lines).encode()), purpose="fine-tune")
    job = client.fine_tuning.jobs.create(model="local-classic-1", training_file=file.id)
    while job.status not in ("succeeded", "failed", "cancelled"):
        time.sleep(0.2)
        job = client.fine_tuning.jobs.retrieve(job.id)
    assert job.fine_tuned_model, job.error
    return job.fine_tuned_model


def batch(client: openai.OpenAI, model: str, texts: Iterator[str], count: int) -> tuple[float, int]:
    """Seconds from create to completed, and how many were answered."""
    lines = (
        {"custom_id": str(n), "method": "POST", "url": "/v1/chat/completions", "body": {"model": model, **chat(text)}}
        for n, text in zip(range(count), texts, strict=False)
    )
    file = client.files.create(file=("batch.jsonl", "\n".join(map(json.dumps, lines)).encode()), purpose="batch")
    began = time.perf_counter()
    made = client.batches.create(input_file_id=file.id, endpoint="/v1/chat/completions", completion_window="24h")
    while made.status not in ("completed", "failed"):
        time.sleep(0.1)
        made = client.batches.retrieve(made.id)
    assert made.request_counts is not None, made.errors
    return time.perf_counter() - began, made.request_counts.completed


def memory(pid: int) -> int:
    """The largest resident memory of a process so far, in MiB."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(next(line for line in status.splitlines() if line.startswith("VmHWM")).split()[1]) >> 10


def main() -> None:
    """Starts a server in a folder of its own and measures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--train", type=Path, required=True)
    parser.add_argument("--ask", type=Path, required=True)
    parser.add_argument("--questions", type=int, default=500)
    parser.add_argument("--batch", type=int, default=50_000)
    wanted = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "core", "serve", "--port", "0", "--data", folder, "--json"]
        environment = {**os.environ, "LUOPAN_HOME": folder}
        server = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True)
        try:
            assert server.stdout is not None
            measure(json.loads(server.stdout.readline()), server.pid, Path(folder), wanted)
        finally:
            server.terminate()
            server.wait()


def measure(said_by_server: dict[str, str], pid: int, folder: Path, wanted: argparse.Namespace) -> None:
    """All the figures."""
    base_url, key = said_by_server["base_url"], said_by_server["api_key"]
    client = openai.OpenAI(base_url=base_url, api_key=key, max_retries=0, timeout=60)
    model = train(client, pairs(wanted.train))
    texts = [text for text, _label in pairs(wanted.ask)]
    some = texts[: wanted.questions]
    plain = httpx2.Client(headers={"Authorization": f"Bearer {key}"}, trust_env=False)
    job = client.models.retrieve(model).to_dict()["fine_tuning_job_id"]
    predictor = ClassicEngine().open(folder / "jobs" / str(job) / "final", "local-classic-1")

    def alone(text: str) -> object:
        return list(predictor.generate(chat(text)["messages"], SampleParams(temperature=0)))

    def over_http(text: str) -> object:
        return plain.post(f"{base_url}/chat/completions", json={"model": model, **chat(text)}).raise_for_status()

    def with_sdk(text: str) -> object:
        messages: Any = chat(text)["messages"]
        return client.chat.completions.create(model=model, messages=messages, temperature=0)

    for name, ask in (("the model alone", alone), ("over HTTP", over_http), ("with the openai client", with_sdk)):
        timed(ask, some[:20])
        used = cpu_of(pid)
        took = timed(ask, some)
        said(name, took, (cpu_of(pid) - used) * 1000 / len(some))
    before, cpu = memory(pid), cpu_of(pid)
    seconds, answered = batch(client, model, itertools.cycle(texts), wanted.batch)
    print(f"a batch of {answered}: {seconds:.1f} s, {answered / seconds:.0f} a second, {cpu_of(pid) - cpu:.1f} s CPU")
    print(f"memory of the server: {before} MiB before, {memory(pid)} MiB after the batch")


def cpu_of(pid: int) -> float:
    """Seconds of CPU that a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


if __name__ == "__main__":
    main()
