"""Workers of two machines on one PostgreSQL: when one is gone for good, the other takes its work over."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from core import tasks
from core.settings import Settings
from core.store import Store

ROOT = Path(__file__).resolve().parents[3]
# The worker as it is, only less patient: another machine is given up after 3 s instead of 2 min.
WORKER = """
from core.settings import Settings
from core.tasks import worker
worker.STALE, worker.CHECK, worker.BEAT = 3.0, 0.5, 0.5
worker.run_worker(Settings.from_env())
"""


def start(url: str, home: Path) -> subprocess.Popen[bytes]:
    environment = {**os.environ, "LUOPAN_HOME": str(home), "LUOPAN_DATABASE_URL": url}
    return subprocess.Popen([sys.executable, "-c", WORKER], cwd=ROOT, env=environment)


@pytest.mark.slow
def test_the_work_of_a_machine_that_is_gone_is_taken_over(postgresql: Callable[[], str], tmp_path: Path) -> None:
    url, rows = postgresql(), tmp_path / "rows.jsonl"
    line = '{"messages":[{"role":"user","content":"q%d"},{"role":"assistant","content":"yes"}]}\n'
    rows.write_text("".join(line % i for i in range(30_000)))
    settings = Settings.from_env({"LUOPAN_HOME": str(tmp_path / "app"), "LUOPAN_DATABASE_URL": url})
    store = Store.open(settings)
    task = tasks.enqueue(store, settings, "import", "rows.jsonl", {"path": str(rows)})
    until = time.monotonic() + 60
    first = start(url, tmp_path / "one")
    try:
        while not store.tasks.get(task.id).done:
            assert time.monotonic() < until
            time.sleep(0.05)
    finally:
        first.kill()
        first.wait()
    second = start(url, tmp_path / "two")
    try:
        while store.tasks.get(task.id).is_active:
            assert time.monotonic() < until
            time.sleep(0.1)
    finally:
        second.terminate()
        assert second.wait(5) == 0
    assert store.tasks.get(task.id).state == "succeeded"
    assert [(d.rows, d.state) for d in store.datasets(importing=True)] == [(30_000, "ready")]
    store.close()
