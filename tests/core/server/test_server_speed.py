"""What an answer and a large batch cost: CPU rather than clock, so that busy neighbours do not matter."""

from __future__ import annotations

import json
import statistics
import time
from pathlib import Path
from typing import Any

import httpx2
import pytest

QUESTION: Any = [{"role": "user", "content": "What is the ripe apple of row 3?"}]


def cpu(pid: int) -> float:
    """CPU seconds that a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / 100


def memory(pid: int) -> float:
    """MiB that a process has held at most."""
    fields = Path(f"/proc/{pid}/status").read_text().split()
    return int(fields[fields.index("VmHWM:") + 1]) / 1024


def test_an_answer_takes_less_than_three_milliseconds(provider: Any, trained: Any) -> None:
    body = {"model": trained.fine_tuned_model, "messages": QUESTION, "temperature": 0}
    took = []
    with httpx2.Client(headers={"Authorization": f"Bearer {provider.key}"}, trust_env=False) as client:
        for _warm in range(20):
            client.post(f"{provider.base_url}/chat/completions", json=body)
        used = cpu(provider.process.pid)
        for _question in range(300):
            began = time.perf_counter()
            assert client.post(f"{provider.base_url}/chat/completions", json=body).status_code == 200
            took.append(time.perf_counter() - began)
        used = cpu(provider.process.pid) - used
    assert used / 300 < 0.003, f"{used / 300 * 1000:.2f} ms CPU of the server"
    assert min(statistics.quantiles(took, n=10)) < 0.003, f"{statistics.median(took) * 1000:.2f} ms"


@pytest.mark.slow
@pytest.mark.timeout(400)
def test_fifty_thousand_requests_take_little_memory(own_provider: Any) -> None:
    body = {"model": "local-classic-1", "messages": QUESTION}
    head = {"method": "POST", "url": "/v1/chat/completions", "body": body}

    def batch(count: int) -> Any:
        content = "\n".join(json.dumps({"custom_id": f"row-{n}", **head}) for n in range(count)).encode()
        client = own_provider.client
        file = client.files.create(file=("batch.jsonl", content), purpose="batch")
        made = client.batches.create(input_file_id=file.id, endpoint="/v1/chat/completions", completion_window="24h")
        while made.status not in ("completed", "failed"):
            time.sleep(0.2)
            made = client.batches.retrieve(made.id)
        return made

    batch(1_000)
    before, used = memory(own_provider.process.pid), cpu(own_provider.process.pid)
    done = batch(50_000)
    assert (done.request_counts.completed, done.request_counts.failed) == (50_000, 0)
    assert cpu(own_provider.process.pid) - used < 75, "1.5 ms a request"
    assert memory(own_provider.process.pid) - before < 32
    with own_provider.client.files.with_streaming_response.content(done.output_file_id) as content:
        assert sum(1 for _line in content.iter_lines()) == 50_000
