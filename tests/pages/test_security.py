"""What every answer of the app carries, asked of the real server over HTTP."""

from __future__ import annotations

import http.client
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


def get(port: int, path: str, host: str = "localhost") -> http.client.HTTPResponse:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    connection.request("GET", path, headers={"Host": f"{host}:{port}"})
    return connection.getresponse()


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[int, float]]:
    """The app on a free port, and the seconds until its health check answered."""
    port, home = free_port(), tmp_path_factory.mktemp("home")
    environment = {**os.environ, "LUOPAN_HOME": str(home), "LUOPAN_AUTOSTART": "0"}
    command = [
        sys.executable,
        "-m",
        "streamlit",
        "run",
        "app.py",
        "--server.port",
        str(port),
        "--server.headless",
        "true",
    ]
    began = time.monotonic()
    process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        while time.monotonic() - began < 30:
            try:
                if get(port, "/_stcore/health").status == 200:
                    break
            except OSError:
                time.sleep(0.05)
        yield port, time.monotonic() - began
    finally:
        process.terminate()
        process.wait(10)


def test_the_app_is_up_in_five_seconds(app: tuple[int, float]) -> None:
    assert app[1] < 5


@pytest.mark.parametrize("path", ["/", "/_stcore/health", "/edit"])
@pytest.mark.parametrize(
    ("header", "value"),
    [
        ("Content-Security-Policy", "frame-ancestors 'none'"),
        ("Content-Security-Policy", "default-src 'self'"),
        ("Content-Security-Policy", "script-src 'self' 'wasm-unsafe-eval' 'sha256-"),
        ("X-Content-Type-Options", "nosniff"),
        ("X-Frame-Options", "DENY"),
        ("Referrer-Policy", "no-referrer"),
    ],
)
def test_every_answer_carries_the_headers(app: tuple[int, float], path: str, header: str, value: str) -> None:
    assert value in (get(app[0], path).getheader(header) or "")


def test_no_script_may_come_from_elsewhere(app: tuple[int, float]) -> None:
    policy = get(app[0], "/").getheader("Content-Security-Policy") or ""
    assert "unsafe-inline" not in policy.split("script-src")[1].split(";")[0]
    assert "http:" not in policy and "https:" not in policy


def test_a_foreign_host_name_is_refused(app: tuple[int, float]) -> None:
    assert get(app[0], "/_stcore/host-config", host="evil.example").status in (400, 403, 421)
