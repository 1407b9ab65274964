"""Workers as processes: ended in the middle."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from pathlib import Path

import pytest
from lora_bench import FAST, LoraBench, chats, curve, events, texts

from core.server.engines.base import JobDir

# The processes load torch, which takes its time.
pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]
ROOT = Path(__file__).resolve().parents[5]


def weights(folder: Path) -> bytes:
    return (folder / "adapter_model.safetensors").read_bytes()


def spawn(lora: LoraBench, job: JobDir) -> subprocess.Popen[bytes]:
    launch = lora.engine.command(job.read_spec(), job.path)
    env = {**os.environ, **launch.env, "OMP_NUM_THREADS": "1"}
    return subprocess.Popen(launch.argv, env=env, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM], ids=["killed", "asked to leave"])
def test_a_worker_that_was_ended_goes_on_from_its_last_checkpoint(lora: LoraBench, number: int) -> None:
    numbers = {**FAST, "n_epochs": 12}
    whole = lora.train(chats(48), name="whole", hyperparameters=numbers)
    job = lora.job(lora.spec(chats(48), hyperparameters=numbers))
    process = spawn(lora, job)
    deadline = time.monotonic() + 90
    while not events(job, "checkpoint") and time.monotonic() < deadline:
        time.sleep(0.01)
    process.send_signal(number)
    process.wait(30)
    if number == signal.SIGTERM:
        assert job.read_events()[0][-1]["status"] == "paused"
    assert lora.work(job) == 0
    assert "Going on from step" in texts(job)
    steps = [event["step"] for event in events(job, "metrics")]
    assert steps == sorted(set(steps)) == list(range(1, 73)), "no step is told twice, and none is missing"
    assert curve(job) == pytest.approx(curve(whole), abs=1e-5)
    assert weights(job.final_path) == weights(whole.final_path)
