"""Workers that are killed at any moment while they carry a task."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from core.settings import Settings
from core.store import Store

ROOT = Path(__file__).resolve().parents[2]
KILLS, PATIENCE = 3, 120  # times, and seconds that the last worker has


@contextmanager
def worker_group(settings: Settings) -> Iterator[subprocess.Popen[bytes]]:
    """A worker that leads a process group of its own: its children are killed with it."""
    process = subprocess.Popen(
        [sys.executable, "-m", "core", "worker"],
        cwd=ROOT,
        env={**os.environ, "LUOPAN_HOME": str(settings.home)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        yield process
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def killed_at_random(
    settings: Settings, store: Store, task_id: int, over: Callable[[], bool], pause: Callable[[], float]
) -> int:
    """Starts workers and kills each so many seconds after it has taken the task up, until it is over; the last one may
    end it. How many there were."""
    kills = 0
    while not over():
        with worker_group(settings):
            begun, taken = time.monotonic(), store.tasks.get(task_id).heartbeat
            while store.tasks.get(task_id).heartbeat == taken and time.monotonic() - begun < 30:
                time.sleep(0.01)
            until = time.monotonic() + (pause() if kills < KILLS else PATIENCE)
            while time.monotonic() < until and not over():
                time.sleep(0.02)
        kills += 1
    assert store.tasks.get(task_id).state == "succeeded" and kills > 1
    return kills
