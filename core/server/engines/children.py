"""The training processes: started apart from the server, found again by a later one, ended when asked."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path

from core.server.engines.base import Launch

ROOT = Path(__file__).resolve().parents[3]
PROC = Path("/proc")
LOG = "worker.log"
GRACE = 0.4  # seconds between asking a process to stop and making it
SILENCE = 120.0  # seconds without a sign of life after which a process counts as hung
SECRET_WORDS = ("KEY", "TOKEN", "SECRET", "PASSWORD", "CREDENTIAL", "DATABASE_URL")


class Child:
    """One training process. It leads a session of its own, so it outlives the server."""

    def __init__(self, pid: int, folder: Path, process: subprocess.Popen[bytes] | None = None) -> None:
        self.pid = pid
        self.folder = folder
        self.exit_code: int | None = None
        self._process = process
        self._met: float | None = None
        self._asked: float | None = None
        self._last_beat: object = None
        self._seen_at = time.monotonic()

    @classmethod
    def start(cls, launch: Launch, folder: Path, environment: Mapping[str, str]) -> Child:
        """Starts the worker of a job folder; it gets no keys, and writes what it prints into the folder."""
        env = {name: value for name, value in environment.items() if not is_secret(name)}
        with (folder / LOG).open("ab") as out:
            process = subprocess.Popen(
                launch.argv,
                cwd=ROOT,
                env={**env, **launch.env},
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                start_new_session=True,
            )
        return cls(process.pid, folder, process)

    @classmethod
    def find(cls, folder: Path, hint: int | None) -> Child | None:
        """The process that an earlier server started for this folder, where it still runs."""
        if hint is not None and _works_on(hint, folder):
            return cls(hint, folder)
        if not PROC.is_dir():
            return None
        pids = (int(entry.name) for entry in PROC.iterdir() if entry.name.isdigit())
        pid = next((pid for pid in pids if pid != os.getpid() and _works_on(pid, folder)), None)
        return None if pid is None else cls(pid, folder)

    def alive(self) -> bool:
        """Whether the process still runs."""
        if self._process is not None:
            self.exit_code = self._process.poll()
            return self.exit_code is None
        return _works_on(self.pid, self.folder)

    def hung(self, beat: object) -> bool:
        """Whether the sign of life (whatever it holds) has stayed the same for too long."""
        if beat != self._last_beat:
            self._last_beat, self._seen_at = beat, time.monotonic()
        return time.monotonic() - self._seen_at > SILENCE

    def end(self, patience: float) -> None:
        """Called until the process is gone: waits so many seconds, then asks it to stop, then makes it."""
        moment = time.monotonic()
        self._met = self._met or moment
        if moment - self._met < patience:
            return
        if self._asked is None:
            self._asked = moment
            self._signal(signal.SIGTERM)
        elif moment - self._asked > GRACE:
            self._signal(getattr(signal, "SIGKILL", signal.SIGTERM))

    def kill(self) -> None:
        """Ends the process and what it started at once."""
        self._signal(getattr(signal, "SIGKILL", signal.SIGTERM))

    def _signal(self, number: int) -> None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            if os.name == "nt":
                os.kill(self.pid, number)
            else:
                os.killpg(self.pid, number)  # it leads its own group, so its number is the group's


def is_secret(name: str) -> bool:
    """Whether an environment variable looks like one that a worker has no business with."""
    return any(word in name.upper() for word in SECRET_WORDS)


def last_words(folder: Path) -> str:
    """The last line that the worker printed; empty where it printed nothing."""
    try:
        with (folder / LOG).open("rb") as file:
            file.seek(max(0, file.seek(0, os.SEEK_END) - 4096))
            lines = [line.strip() for line in file.read().decode("utf-8", "replace").splitlines() if line.strip()]
    except FileNotFoundError:
        return ""
    return lines[-1][:300] if lines else ""


def _works_on(pid: int, folder: Path) -> bool:
    """Whether the process of this number runs (a zombie does not) and was started for this folder."""
    if not PROC.is_dir():
        try:
            os.kill(pid, 0)
        except OSError:
            return False
        return True
    try:
        arguments = (PROC / str(pid) / "cmdline").read_bytes().split(b"\0")
    except OSError:
        return False
    return os.fsencode(folder) in arguments
