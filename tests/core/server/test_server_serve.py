"""`python -m core serve` as a person starts it."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx2
import pytest

ROOT = Path(__file__).resolve().parents[3]
Serve = Callable[..., subprocess.Popen[str]]


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Serve]:
    started: list[subprocess.Popen[str]] = []

    def start(*arguments: str) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "core", "serve", "--data", str(tmp_path / "data"), *arguments]
        environment = {**os.environ, "LUOPAN_HOME": str(tmp_path / "home")}
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        started.append(subprocess.Popen(command, cwd=ROOT, env=environment, text=True, **pipes))  # type: ignore[call-overload]
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.communicate()


def first_line(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline()


def test_it_says_where_it_answers_and_with_which_key(serve: Serve, tmp_path: Path) -> None:
    said = first_line(serve("--port", "0"))
    key = (tmp_path / "data" / "key").read_text()
    assert said.startswith("The local provider is ready at http://127.0.0.1:") and key in said


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_stops_cleanly_when_asked(serve: Serve, tmp_path: Path, number: int) -> None:
    process = serve("--port", "0")
    first_line(process)
    process.send_signal(number)
    assert process.wait(5) == 0
    assert not (tmp_path / "data" / "endpoint.json").exists()
    assert process.stderr is not None and "Traceback" not in process.stderr.read()


def test_a_busy_port_moves_it_to_the_next(serve: Serve) -> None:
    with socket.socket() as busy:
        busy.bind(("127.0.0.1", 0))
        busy.listen()
        port = busy.getsockname()[1]
        said = first_line(serve("--port", str(port)))
    taken = int(said.split("127.0.0.1:")[1].split("/")[0])
    assert port < taken <= port + 50


def test_it_listens_to_this_machine_only(serve: Serve) -> None:
    said = first_line(serve("--port", "0"))
    port = int(said.split("127.0.0.1:")[1].split("/")[0])
    others = {info[4][0] for info in socket.getaddrinfo(socket.gethostname(), port, socket.AF_INET)} - {"127.0.0.1"}
    for address in others:
        with pytest.raises(httpx2.TransportError):
            httpx2.get(f"http://{address}:{port}/health", trust_env=False, timeout=2)


def test_beside_the_app_the_key_does_not_come_into_its_log(serve: Serve, tmp_path: Path) -> None:
    said = first_line(serve("--port", "0", "--parent", str(os.getpid())))
    assert said.startswith("The local provider is ready at http://127.0.0.1:")
    assert (tmp_path / "data" / "key").read_text() not in said


def test_a_parent_that_is_gone_already_ends_it(serve: Serve) -> None:
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    assert serve("--port", "0", "--parent", str(gone.pid)).wait(10) == 0
