"""The real app as a person starts it: `streamlit run app.py` on a free port, with its worker and local provider."""

from __future__ import annotations

import contextlib
import http.client
import importlib.util
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

from core.settings import Settings
from core.store import Store

ROOT = Path(__file__).resolve().parents[2]
PATIENCE = 60  # seconds that a busy machine may need to start the app


def missing() -> str:
    """What the browser tests need and this machine lacks; empty where they can run."""
    if shutil.which("chromium") is None:
        return "chromium is not installed"
    return "" if importlib.util.find_spec("playwright") else "playwright is not installed"


def free_port() -> int:
    """A port that nobody listens on now."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


class RunningApp:
    """The app, on a home folder of its own, in a process group of its own."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.environment = {
            **os.environ,
            "LUOPAN_HOME": str(home),
            "LUOPAN_PROVIDER_PORT": str(free_port()),
            "LUOPAN_USER": "Mei",
        }
        self._process: subprocess.Popen[bytes] | None = None
        self._store: Store | None = None

    def start(self) -> None:
        """Start it, and return once its health check answers."""
        self.home.mkdir(parents=True, exist_ok=True)
        options = ["--server.port", str(self.port), "--server.headless", "true"]
        with (self.home / "app.log").open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "streamlit", "run", "app.py", *options],
                cwd=ROOT, env=self.environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                start_new_session=True,
            )  # fmt: skip
        end = time.monotonic() + PATIENCE
        while not self._is_healthy():
            if self._process.poll() is not None or time.monotonic() > end:
                raise RuntimeError(f"the app did not start:\n{self.log()}")
            time.sleep(0.05)

    def _is_healthy(self) -> bool:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=2)
        try:
            connection.request("GET", "/_stcore/health")
            return connection.getresponse().status == 200
        except OSError:
            return False
        finally:
            connection.close()

    def kill(self) -> None:
        """kill -9 of the app and of everything it started: no one gets to say goodbye."""
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()

    def stop(self) -> None:
        """Ask it to stop, as Ctrl+C does; what is left after that is killed."""
        if self._process is not None and self._process.poll() is None:
            self._process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(15)
        self.kill()

    @property
    def store(self) -> Store:
        """The app's own database, read from outside."""
        if self._store is None:
            self._store = Store.open(Settings.from_env(self.environment))
        return self._store

    def log(self) -> str:
        """What the app, its worker and its provider wrote, the last of each."""
        files = [self.home / "app.log", *sorted((self.home / "logs").glob("*.log"))]
        return "\n".join(
            f"--- {file.name}\n{file.read_text(errors='replace')[-3000:]}" for file in files if file.exists()
        )
