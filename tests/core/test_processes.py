"""The worker and the local provider beside the app: once a machine, watched, gone with it. Real processes."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from filelock import FileLock, Timeout

from core.processes import LONG_LOG, Companion, Companions
from core.settings import Settings
from tests.waiting import wait_for

ROOT = Path(__file__).resolve().parents[2]
APP = """
import time
from core.processes import Companions
from core.settings import Settings
Companions(Settings.from_env()).start()
time.sleep(60)
"""
DEAF = """
import signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
print("deaf", flush=True)
time.sleep(60)
"""


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """A home of its own, and any free port."""
    return Settings.from_env({**os.environ, "LUOPAN_HOME": str(tmp_path / "home"), "LUOPAN_PROVIDER_PORT": "0"})


@pytest.fixture
def companions(settings: Settings) -> Iterator[Callable[[], Companions]]:
    """Makes companions that are stopped at the end of the test."""
    made: list[Companions] = []

    def make() -> Companions:
        made.append(Companions(settings))
        made[-1].start()
        return made[-1]

    yield make
    for each in made:
        each.stop()


def running(settings: Settings) -> dict[str, list[int]]:
    """The process numbers of this home's provider and worker, by name."""
    home, found = f"LUOPAN_HOME={settings.home}".encode(), {"serve": [], "worker": []}  # type: ignore[var-annotated]
    for entry in Path("/proc").iterdir():
        try:
            words = (entry / "cmdline").read_bytes().split(b"\0")
            if words[1:3] == [b"-m", b"core"] and home in (entry / "environ").read_bytes().split(b"\0"):
                found[words[3].decode()].append(int(entry.name))
        except (OSError, IndexError, KeyError):
            continue
    return found


def answers(settings: Settings) -> bool:
    """Whether the local provider answers with its key."""
    try:
        where = json.loads((settings.provider_home / "endpoint.json").read_text())["base_url"]
        key = (settings.provider_home / "key").read_text().strip()
        request = urllib.request.Request(f"{where}/models", headers={"Authorization": f"Bearer {key}"})
        with urllib.request.urlopen(request, timeout=2) as reply:
            return bool(reply.status == 200)
    except (OSError, ValueError, KeyError):
        return False


def is_one_of_each(settings: Settings) -> bool:
    return [len(numbers) for numbers in running(settings).values()] == [1, 1]


needs_proc = pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="looks at processes through /proc")


@needs_proc
def test_both_are_started_once_answer_and_stop_with_the_app(
    settings: Settings, companions: Callable[[], Companions]
) -> None:
    first = companions()
    wait_for(lambda: answers(settings) and is_one_of_each(settings))
    second = companions()
    time.sleep(1)
    assert is_one_of_each(settings), "a second app on the same home starts nothing"

    worker = running(settings)["worker"][0]
    os.kill(worker, signal.SIGKILL)
    wait_for(lambda: running(settings)["worker"] not in ([], [worker]))
    assert is_one_of_each(settings), "a killed worker is started again"

    began = time.monotonic()
    first.stop()
    assert time.monotonic() - began < 5 and not is_one_of_each(settings)
    wait_for(lambda: is_one_of_each(settings) and answers(settings))
    assert time.monotonic() - began < 12, "the second app has taken over"

    second.stop()
    assert running(settings) == {"serve": [], "worker": []}


@needs_proc
def test_when_the_app_is_killed_both_end_and_the_next_app_takes_over(
    settings: Settings, companions: Callable[[], Companions]
) -> None:
    app = subprocess.Popen([sys.executable, "-c", APP], cwd=ROOT, env=dict(settings.environment))
    wait_for(lambda: answers(settings) and is_one_of_each(settings))
    before = running(settings)
    app.kill()
    app.wait()
    wait_for(lambda: running(settings) == {"serve": [], "worker": []}, 5)
    companions()
    wait_for(lambda: is_one_of_each(settings) and answers(settings))
    assert running(settings)["worker"] != before["worker"]


def test_stopping_what_never_ran_is_quick(settings: Settings) -> None:
    began = time.monotonic()
    Companions(settings).stop()
    assert time.monotonic() - began < 0.5


def test_while_another_app_holds_the_lock_nothing_is_started(
    settings: Settings, companions: Callable[[], Companions]
) -> None:
    with FileLock(settings.folder() / "app.lock"):
        waiting = companions()
        time.sleep(0.5)
        assert not list(settings.folder("logs").iterdir())
        waiting.stop()
    with (
        pytest.raises(Timeout),
        FileLock(settings.folder() / "app.lock"),
        FileLock(settings.folder() / "app.lock", timeout=0),
    ):
        pass


@pytest.mark.parametrize(("failures", "pause"), [(1, 1.0), (2, 2.0), (3, 4.0), (9, 30.0)])
def test_what_cannot_start_is_tried_again_with_growing_pauses(tmp_path: Path, failures: int, pause: float) -> None:
    broken = Companion("broken", [sys.executable, "-c", "raise SystemExit(3)"], failures=failures - 1)
    broken.tend(dict(os.environ), tmp_path)
    assert broken.process is not None
    broken.process.wait(10)
    broken.tend(dict(os.environ), tmp_path)
    assert broken.process is None and broken.start_after - time.monotonic() == pytest.approx(pause, abs=0.5)


def test_after_a_long_steady_run_a_crash_counts_as_the_first(tmp_path: Path) -> None:
    old = Companion("old", [sys.executable, "-c", ""], failures=8)
    old.tend(dict(os.environ), tmp_path)
    assert old.process is not None
    old.process.wait(10)
    old.started_at -= 3600
    old.tend(dict(os.environ), tmp_path)
    assert old.failures == 1


def test_a_log_that_has_grown_too_long_makes_place_for_a_fresh_one(tmp_path: Path) -> None:
    talker = Companion("talker", [sys.executable, "-c", "print('fresh')"])
    kept, old = tmp_path / "talker.log", tmp_path / "talker.old.log"
    kept.write_text("said before\n")
    for expected in ("said before\nfresh\n", "fresh\n"):
        talker.process, talker.start_after = None, 0.0
        talker.tend(dict(os.environ), tmp_path)
        assert talker.process is not None
        talker.process.wait(20)
        assert kept.read_text() == expected
        kept.open("a").truncate(LONG_LOG + 1)
    assert old.stat().st_size == LONG_LOG + 1 and old.read_text().startswith("said before")


def test_one_that_does_not_want_to_stop_is_made_to(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("core.processes.GRACE", 0.3)
    code = (
        "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('deaf', flush=True); time.sleep(60)"
    )
    deaf = Companion("deaf", [sys.executable, "-c", code])
    deaf.tend(dict(os.environ), tmp_path)
    wait_for(lambda: (tmp_path / "deaf.log").read_text())
    deaf.ask_to_stop()
    deaf.stop()
    assert deaf.process is not None and deaf.process.returncode == -signal.SIGKILL
