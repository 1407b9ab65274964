"""A small provider over real HTTP that can be told to fail in every way a network or a server can."""

from __future__ import annotations

import gzip
import json
import socket
import struct
import threading
import time
from collections import deque
from email.parser import BytesParser
from email.policy import HTTP
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

JSON = "application/json"


class FaultyProvider:
    """Files, jobs, events and checkpoints in memory. `faults[("POST", "/jobs")]` is a queue of what goes wrong next.

    A fault is (name, done): its name, and whether the work is done all the same before the answer goes wrong.
    """

    def __init__(self) -> None:
        self.files: dict[str, dict[str, Any]] = {}
        self.contents: dict[str, bytes] = {}
        self.jobs: dict[str, dict[str, Any]] = {}
        self.events: list[dict[str, Any]] = []
        self.checkpoints: list[dict[str, Any]] = []
        self.models: list[dict[str, Any]] = [{"id": "base-1", "object": "model"}]
        self.requests: list[tuple[str, str, dict[str, str], bytes]] = []
        self.faults: dict[tuple[str, str], deque[tuple[str, bool]]] = {}
        self.hidden = False  # the list lags behind: jobs exist, but are not listed
        self.answers: dict[tuple[str, str], Any] = {}  # an answer to give instead of the usual one
        provider = self

        class Handler(_Handler):
            owner = provider

        self.server = _QuietServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/v1"
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()

    def forget(self) -> None:
        """Begin anew, without a new port."""
        for kept in (self.files, self.contents, self.jobs, self.events, self.checkpoints, self.requests, self.faults):
            kept.clear()
        self.answers.clear()
        self.hidden = False

    def fail(self, method: str, path: str, *names: str, done: bool = False) -> None:
        """The next calls of this kind go wrong, one after the other."""
        self.faults.setdefault((method, path), deque()).extend((name, done) for name in names)

    def count(self, method: str, path: str) -> int:
        """How often this was called, whatever came of it."""
        return sum(1 for seen, where, _headers, _body in self.requests if (seen, where) == (method, path))


class _QuietServer(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_arguments: object) -> None:
        """A client that went away is no news here."""


class _Handler(BaseHTTPRequestHandler):
    owner: FaultyProvider
    protocol_version = "HTTP/1.1"

    def log_message(self, *_arguments: object) -> None:
        """Quiet."""

    def do_GET(self) -> None:
        self._handle("GET")

    def do_POST(self) -> None:
        self._handle("POST")

    def do_DELETE(self) -> None:
        self._handle("DELETE")

    def _handle(self, method: str) -> None:
        url = urlsplit(self.path)
        body = self.rfile.read(int(self.headers.get("content-length") or 0))
        place = "/" + url.path.removeprefix("/v1").strip("/").removeprefix("fine_tuning/")
        self.owner.requests.append((method, place, dict(self.headers), body))
        queue = self.owner.faults.get((method, place))
        name, done = queue.popleft() if queue else ("", True)
        reply = self._work(method, place, body, parse_qs(url.query)) if done else None
        if name:
            self._go_wrong(name, reply)
        elif (method, place) in self.owner.answers:
            self._send(200, json.dumps(self.owner.answers[method, place]).encode())
        elif isinstance(reply, bytes):
            self._send(200, reply, "application/octet-stream")
        elif reply is None:
            self._send(404, b'{"error":{"message":"no such thing","code":"not_found","param":null}}')
        else:
            self._send(200, json.dumps(reply).encode())

    def _work(self, method: str, place: str, body: bytes, query: dict[str, list[str]]) -> Any:
        parts = place.strip("/").split("/")
        owner = self.owner
        if parts[0] == "files":
            return self._files(method, parts, body)
        if parts[0] == "models":
            if method == "DELETE":
                return {"id": "/".join(parts[1:]), "object": "model", "deleted": True}
            return {"object": "list", "data": owner.models}
        if place == "/chat/completions":
            return {"id": "c", "choices": [{"message": {"content": "At nine."}, "finish_reason": "stop"}]}
        if parts[0] != "jobs":
            return None
        if method == "POST" and len(parts) == 1:
            return self._create(json.loads(body))
        if len(parts) == 1:
            return self._page([] if owner.hidden else list(reversed(owner.jobs.values())), query)
        job = owner.jobs.get(parts[1])
        if job is None:
            return None
        became = {"cancel": "cancelled", "pause": "paused", "resume": "queued"}
        if len(parts) == 3 and parts[2] in became:
            job["status"] = became[parts[2]]
        if parts[2:] == ["events"]:
            return self._page(owner.events, query)
        if parts[2:] == ["checkpoints"]:
            return self._page(owner.checkpoints, query)
        return job

    def _files(self, method: str, parts: list[str], body: bytes) -> Any:
        owner = self.owner
        if method == "POST":
            name, content = _multipart(self.headers["content-type"], body)
            id = f"file-{len(owner.files) + 1}"
            owner.contents[id] = content
            owner.files[id] = {"id": id, "filename": name, "bytes": len(content), "purpose": "fine-tune"}
            return owner.files[id]
        if len(parts) == 1:
            return {"object": "list", "data": list(owner.files.values()), "has_more": False}
        if method == "DELETE":
            return owner.files.pop(parts[1], None)
        if parts[2:] == ["content"]:
            return owner.contents.get(parts[1])
        return owner.files.get(parts[1])

    def _create(self, body: dict[str, Any]) -> dict[str, Any]:
        id = f"ftjob-{len(self.owner.jobs) + 1}"
        extra = {"id": id, "created_at": 1795000000 + len(self.owner.jobs), "status": "queued", "result_files": []}
        self.owner.jobs[id] = {**body, **extra}
        return self.owner.jobs[id]

    def _page(self, entries: list[dict[str, Any]], query: dict[str, list[str]]) -> dict[str, Any]:
        ids = [entry.get("id") for entry in entries]
        after = query.get("after", [""])[0]
        start = ids.index(after) + 1 if after in ids else 0
        limit = int(query.get("limit", ["20"])[0])
        return {"object": "list", "data": entries[start : start + limit], "has_more": start + limit < len(entries)}

    def _go_wrong(self, name: str, reply: Any) -> None:
        good = json.dumps(reply or {"id": "ftjob-x", "data": []}).encode()
        if name.isdecimal():
            said = {
                "message": f"said {name}",
                "code": "training_not_available" if name == "403" else None,
                "param": None,
            }
            self._send(int(name), json.dumps({"error": said}).encode(), headers={"Retry-After": "0.01"})
        elif name == "reset":
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.close_connection = True
            self.connection.close()
        elif name == "cut":
            self._send(200, good, cut=len(good) // 2)
        elif name == "drip":
            self._send(200, good, drip=True)
        elif name == "moved":
            self._send(307, b"", headers={"Location": f"{self.owner.url}/elsewhere"})
        elif name == "found":
            self._send(302, b"", headers={"Location": f"{self.owner.url}/fine_tuning/jobs"})
        elif name == "gzip":
            self._send(200, gzip.compress(good), headers={"Content-Encoding": "gzip"})
        elif name == "huge":
            self._send(200, b'{"id":"' + b"x" * (9 << 20) + b'"}')
        else:
            body, kind = BODIES[name]
            self._send(200, body, kind)

    def _send(
        self,
        status: int,
        body: bytes,
        kind: str = JSON,
        *,
        headers: dict[str, str] | None = None,
        cut: int | None = None,
        drip: bool = False,
    ) -> None:
        self.send_response(status)
        for key, value in {"Content-Type": kind, "Content-Length": str(len(body)), **(headers or {})}.items():
            self.send_header(key, value)
        self.end_headers()
        try:
            if drip:
                for i in range(len(body)):
                    self.wfile.write(body[i : i + 1])
                    self.wfile.flush()
                    time.sleep(0.05)
            else:
                self.wfile.write(body[:cut])
        except OSError:
            pass
        if cut is not None:
            self.wfile.flush()
            self.close_connection = True


BODIES = {
    "html": (b"<html>Sign in</html>", "text/html"),
    "html_as_json": (b"<html>Sign in</html>", JSON),
    "empty": (b"", JSON),
    "null": (b"null", JSON),
    "list": (b"[]", JSON),
    "no_id": (b'{"object":"fine_tuning.job"}', JSON),
    "broken": (b'{"id": "ftjob', JSON),
    "deep": (b'{"id":' + b"[" * 5000 + b"]" * 5000 + b"}", JSON),
    "sse": (b'data: {"detail":"x"}\n\n', "text/event-stream"),
}


def _multipart(content_type: str, body: bytes) -> tuple[str, bytes]:
    message = BytesParser(policy=HTTP).parsebytes(b"Content-Type: " + content_type.encode() + b"\r\n\r\n" + body)
    part = next(part for part in message.iter_parts() if part.get_filename())
    return str(part.get_filename()), part.get_payload(decode=True)
