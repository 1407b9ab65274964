"""The worker and the local provider beside the app: started once a machine, watched, stopped with it.

Whichever app holds the lock file runs them. When it goes, they go too (each watches its parent), and another app
on the same folder takes over. A training that is running goes on by itself and is picked up again.
"""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock, Timeout

from core.settings import Settings

log = logging.getLogger("luopan.processes")

ROOT = Path(__file__).resolve().parent.parent
WATCH_EVERY = 0.5  # seconds
GRACE = 5.0  # seconds between asking a process to stop and making it
LONG_LOG = 4 << 20  # bytes
STEADY = 60.0  # seconds after which a process that dies is no longer taken for one that cannot start


def _log_file(path: Path) -> Path:
    """The file to write on in; what has grown too long makes place, and only the one before is kept."""
    if path.exists() and path.stat().st_size > LONG_LOG:
        path.replace(path.with_suffix(".old.log"))
    return path


@dataclass
class Companion:
    """One process beside the app, restarted with growing pauses when it dies."""

    name: str
    command: list[str]
    process: subprocess.Popen[bytes] | None = None
    failures: int = 0
    started_at: float = 0.0
    start_after: float = 0.0

    def tend(self, environment: dict[str, str], logs: Path) -> None:
        """Start the process if it is not running and its pause is over."""
        if self.process is not None:
            code = self.process.poll()
            if code is None:
                return
            steady = time.monotonic() - self.started_at > STEADY
            self.failures = 1 if steady else self.failures + 1
            self.start_after = time.monotonic() + min(30.0, 0.5 * 2**self.failures)
            log.warning("the %s ended with code %s; it is started again", self.name, code)
            self.process = None
        if time.monotonic() >= self.start_after:
            self.started_at = time.monotonic()
            with _log_file(logs / f"{self.name}.log").open("ab") as out:
                self.process = subprocess.Popen(
                    self.command, cwd=ROOT, env=environment, stdin=subprocess.DEVNULL, stdout=out, stderr=out
                )

    def ask_to_stop(self) -> None:
        """Ask the process to stop, without waiting for it."""
        if self.process is not None and self.process.poll() is None:
            self.process.terminate()

    def stop(self) -> None:
        """Wait for the process to stop, and make it after a while."""
        if self.process is None:
            return
        try:
            self.process.wait(GRACE)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


class Companions:
    """The worker and the local provider of one machine, run by whoever holds the lock."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._lock = FileLock(settings.folder() / "app.lock")
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="companions", daemon=True)
        parent = ["--parent", str(os.getpid())]
        python = [sys.executable, "-m", "core"]
        self._companions = [
            Companion("provider", [*python, "serve", "--port", str(settings.provider_port), *parent]),
            Companion("worker", [*python, "worker", *parent]),
        ]

    def start(self) -> None:
        """Begin to run (or to wait for the chance to run) the processes."""
        self._thread.start()

    def stop(self) -> None:
        """Stop what this app runs and let another app take over."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join(2 * GRACE + 2)

    def _watch(self) -> None:
        environment = {**self._settings.environment, "LUOPAN_HOME": str(self._settings.home)}
        logs = self._settings.folder("logs")
        while not self._stopping.wait(WATCH_EVERY if self._lock.is_locked else 0.05):
            if not self._lock.is_locked:
                try:
                    self._lock.acquire(blocking=False)
                except Timeout:
                    self._stopping.wait(2.0)
                    continue
            for companion in self._companions:
                try:
                    companion.tend(environment, logs)
                except OSError:  # no memory or no room on the disk just now: the next round tries again
                    log.exception("the %s could not be started", companion.name)
        for companion in self._companions:
            companion.ask_to_stop()
        for companion in self._companions:
            companion.stop()
        self._lock.release()
