"""Clients that are slow, broken or hostile: they get a plain answer or none, and the others do not notice them."""

from __future__ import annotations

import json
import resource
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import uvicorn

from core.server.app import make_app
from core.server.door import bodies, connection, limited_to
from core.server.home import Home

CHAT = b"/v1/chat/completions"


class Line:
    """A connection by hand."""

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=10)

    def send(self, *lines: bytes) -> Line:
        self.socket.sendall(b"\r\n".join(lines))
        return self

    def heard(self) -> tuple[int, dict[str, Any]]:
        """The status and the body of the one answer that comes before the server hangs up or has said all."""
        got = b""
        while block := self.socket.recv(65536):
            got += block
            head, _, body = got.partition(b"\r\n\r\n")
            length = [int(line[15:]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
            if length and len(body) >= length[0]:
                return int(got[9:12]), json.loads(body[: length[0]])
        return 0, {}

    def is_dropped(self, seconds: float = 5.0) -> bool:
        """Whether the server hangs up in time without a word."""
        self.socket.settimeout(seconds)
        try:
            return self.socket.recv(1) == b""
        except ConnectionResetError:
            return True
        except TimeoutError:
            return False


class Here:
    """A server in a thread of this process, so that its patience can be made short."""

    def __init__(self, folder: Path, most: int = 100) -> None:
        home = Home(folder)
        self.key = home.key().encode()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        config = uvicorn.Config(
            make_app(home, {}), http=limited_to(most), log_level="error", lifespan="on", timeout_graceful_shutdown=1
        )
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._server.run, args=([self._listener],))
        self._thread.start()
        while not self._server.started:
            time.sleep(0.01)

    def line(self) -> Line:
        return Line(self.port)

    def asked(self, method: bytes, path: bytes, *headers: bytes) -> tuple[bytes, ...]:
        """The lines of a request with a good key, its end left open."""
        return (method + b" " + path + b" HTTP/1.1", b"Host: localhost", b"Authorization: Bearer " + self.key, *headers)

    def is_well(self) -> bool:
        return self.line().send(*self.asked(b"GET", b"/v1/models"), b"", b"").heard()[0] == 200

    def stop(self) -> None:
        self._server.should_exit = True
        self._thread.join(10)


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Here]:
    monkeypatch.setattr(connection, "HEAD_SECONDS", 0.4)
    monkeypatch.setattr(bodies, "SILENCE", 0.4)
    monkeypatch.setattr(bodies, "TOGETHER", 3 << 20)
    server = Here(tmp_path / "data")
    yield server
    server.stop()


def test_who_never_says_a_word_is_dropped(here: Here) -> None:
    assert here.line().is_dropped()
    assert here.is_well()


@pytest.mark.parametrize("before", [False, True])
def test_a_head_that_trickles_in_is_cut_off(here: Here, before: bool) -> None:
    line = here.line()
    if before:
        assert line.send(b"GET /health HTTP/1.1", b"Host: localhost", b"", b"").heard()[0] == 200
    began = time.monotonic()
    line.send(b"GET /health HTTP/1.1\r\n")
    with pytest.raises(OSError):
        while time.monotonic() - began < 5:
            line.send(b"X-A: b\r\n")
            time.sleep(0.1)
    assert time.monotonic() - began < 3 and here.is_well()


def test_a_head_that_stops_gets_an_answer(here: Here) -> None:
    status, body = here.line().send(b"GET /health HTTP/1.1", b"Host: loc").heard()
    assert status == 408 and body["error"]["message"] == "The request took too long to arrive."


@pytest.mark.parametrize("path", [CHAT, b"/v1/files"])
def test_a_body_that_stands_still_is_given_up(here: Here, path: bytes, tmp_path: Path) -> None:
    headers = (b"Content-Length: 1000", b"Content-Type: multipart/form-data; boundary=b")
    status, body = here.line().send(*here.asked(b"POST", path, *headers), b"", b"--b\r\n").heard()
    assert (status, body["error"]["code"]) == (408, "request_timeout")
    assert not list((tmp_path / "data" / "incoming").iterdir())


def test_many_large_bodies_at_once_do_not_fill_the_memory(here: Here) -> None:
    lines = [here.line() for _ in range(4)]
    for line in lines:
        line.send(*here.asked(b"POST", CHAT, b"Content-Length: 2000000"), b"", b"x" * 1_000_000)
    time.sleep(0.2)
    for line in lines:
        line.send(b"x" * 900_000)
    said = [line.heard() for line in lines]
    assert {status for status, _ in said} <= {503, 408} and (503 in {status for status, _ in said})
    assert here.is_well()


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 400),
        (b"GET /health HTTP/1.1\r\nHost : x\r\n\r\n", 400),
        (b"GET /health HTTP/1.1\r\n\r\n", 400),
        (b"GET /health HTTP/1.1\r\nHost: localhost\r\nX: \x00\r\n\r\n", 400),
        (b"POST /health HTTP/1.1\r\nHost: localhost\r\nContent-Length: -1\r\n\r\n", 400),
        (b"POST /health HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1e3\r\n\r\n", 400),
        (b"POST /health HTTP/1.1\r\nHost: localhost\r\nContent-Length: " + b"9" * 30 + b"\r\n\r\n", 400),
        (b"POST /health HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", 400),
        (b"POST /health HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: gzip\r\n\r\n", 501),
        (b"GET /health HTTP/1.1\r\nHost: localhost\r\nHost: localhost\r\n\r\n", 400),
        (b"GET /health HTTP/1.1\r\nHost: evil.example\r\n\r\n", 421),
        (b"GET /v1/models HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer \xff\xfe\r\n\r\n", 401),
        (b"GET http://evil.example/health HTTP/1.1\r\nHost: localhost\r\n\r\n", 401),
        (b"OPTIONS * HTTP/1.1\r\nHost: localhost\r\n\r\n", 401),
    ],
)
def test_what_is_no_good_request_is_refused_in_openais_words(here: Here, request_: bytes, status: int) -> None:
    seen, body = here.line().send(request_).heard()
    assert seen == status and set(body["error"]) == {"message", "type", "param", "code"}
    assert here.is_well()


@pytest.mark.parametrize(
    "head",
    [
        b"GET /health HTTP/1.1\r\nHost: localhost\r\nX: " + b"a" * 10**6,
        b"GET /" + b"a" * 10**6,
        b"GET /health HTTP/1.1\r\nHost: localhost\r\n" + b"X: a\r\n" * 200_000,
    ],
    ids=["one long header", "a long path", "many headers"],
)
def test_a_giant_head_is_refused_before_it_is_whole(here: Here, head: bytes) -> None:
    line = here.line()
    try:
        line.send(head)
        status, _ = line.heard()
    except OSError:  # hung up on while it still spoke
        status = 431
    assert status == 431 and here.is_well()


@pytest.mark.parametrize("chunk", [b"zz\r\n", b"-5\r\n", b"f" * 40 + b"\r\n", b"5\r\nabcdefgh\r\n"])
def test_a_body_in_broken_chunks_is_refused(here: Here, chunk: bytes) -> None:
    lines = here.asked(b"POST", CHAT, b"Transfer-Encoding: chunked")
    assert here.line().send(*lines, b"", chunk).heard()[0] == 400
    assert here.is_well()


def test_requests_sent_in_one_go_are_answered_in_order(here: Here) -> None:
    paths = [b"/v1/models", b"/v1/files", b"/v1/models/none", b"/health"] * 10
    line = here.line()
    line.socket.sendall(b"".join(b"\r\n".join((*here.asked(b"GET", path), b"", b"")) for path in paths))
    got = b""
    while got.count(b"HTTP/1.1 ") < len(paths):
        got += line.socket.recv(65536)
    statuses = [int(part[:3]) for part in got.split(b"HTTP/1.1 ")[1:]]
    assert statuses == [200, 200, 404, 200] * 10


def test_who_closes_only_its_own_half_still_gets_the_answer(here: Here) -> None:
    line = here.line().send(*here.asked(b"GET", b"/v1/files"), b"", b"")
    line.socket.shutdown(socket.SHUT_WR)
    assert line.heard()[0] == 200 and line.is_dropped()


def test_an_upload_that_breaks_off_leaves_nothing(here: Here, tmp_path: Path) -> None:
    headers = (b"Content-Length: 100000", b"Content-Type: multipart/form-data; boundary=b")
    part = b'--b\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n' + b"x" * 5000
    for how in (socket.SHUT_WR, socket.SHUT_RDWR):
        line = here.line().send(*here.asked(b"POST", b"/v1/files", *headers), b"", part)
        line.socket.shutdown(how)
        line.socket.close()
    incoming, files = tmp_path / "data" / "incoming", tmp_path / "data" / "files"
    deadline = time.monotonic() + 5
    while list(incoming.iterdir()) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not list(incoming.iterdir()) and not list(files.iterdir()) and here.is_well()


@pytest.mark.parametrize(
    "part",
    [
        b"X-Long: " + b"a" * 200_000 + b"\r\n\r\nx",
        b"X-Many: a\r\n" * 20_000 + b"\r\nx",
        b'Content-Disposition: form-data; name="' + b"n" * 200_000 + b'"\r\n\r\nx',
        b'Content-Disposition: form-data; name="purpose"\r\n\r\n' + b"p" * 200_000,
    ],
    ids=["one long header", "many headers", "a long name", "a long field"],
)
def test_a_form_with_giant_headers_is_refused(here: Here, part: bytes) -> None:
    body = b"--b\r\n" + part + b"\r\n--b--\r\n"
    headers = (b"Content-Length: %d" % len(body), b"Content-Type: multipart/form-data; boundary=b")
    status, said = here.line().send(*here.asked(b"POST", b"/v1/files", *headers), b"", body).heard()
    assert status == 400 and "error" in said


def test_a_connection_too_many_is_told_so_and_the_others_go_on(tmp_path: Path) -> None:
    server = Here(tmp_path / "data", most=5)
    try:
        first = [server.line() for _ in range(5)]
        time.sleep(0.1)
        status, body = server.line().heard()
        assert status == 503 and "Too many connections" in body["error"]["message"]
        assert first[0].send(*server.asked(b"GET", b"/v1/models"), b"", b"").heard()[0] == 200
        first[1].socket.close()
        time.sleep(0.1)
        assert server.is_well()
    finally:
        server.stop()


def memory(pid: int) -> float:
    """MiB that a process holds now."""
    fields = Path(f"/proc/{pid}/status").read_text().split()
    return int(fields[fields.index("VmRSS:") + 1]) / 1024


def test_a_body_of_millions_of_values_is_refused_unread(own_provider: Any) -> None:
    before = memory(own_provider.process.pid)
    for value in (b"{}", b"[]", b"0", b'{"a":0}'):
        content = b'{"messages": [' + b",".join([value] * (15_000_000 // (len(value) + 1))) + b"]}"
        reply = own_provider.ask("POST", "/chat/completions", content=content)
        assert reply.status_code in (400, 413)
    assert memory(own_provider.process.pid) - before < 300


def test_thousands_of_open_connections_cost_little_and_hold_nobody_up(own_provider: Any) -> None:
    room = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    count = min(2_000, room - 300)
    port, pid = int(own_provider.base_url.split(":")[2].split("/")[0]), own_provider.process.pid
    before = memory(pid)
    request = b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n"
    lines = []
    for _ in range(count):
        lines.append(Line(port))
        lines[-1].socket.sendall(request)
    assert all(line.heard()[0] == 200 for line in lines)
    began = time.monotonic()
    assert own_provider.ask("GET", "/models").status_code == 200
    assert time.monotonic() - began < 2
    assert memory(pid) - before < 0.03 * count, (before, memory(pid))
    for line in lines:
        line.socket.close()
    assert own_provider.ask("GET", "/models").status_code == 200
