"""A dataset frozen into a version, and a small real provider that answers questions and counts them."""

from __future__ import annotations

import json
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from core.dataset.examples import Draft, Kind, Split, dump
from core.provider import Connection
from core.settings import Settings
from core.store import Store


class Oracle:
    """Answers chat completions over HTTP. `answer(model, question)` gives text, a list of calls, or an HTTP status."""

    def __init__(self) -> None:
        self.asked: Counter[tuple[str, str]] = Counter()
        self.bodies: list[dict[str, Any]] = []
        self.pause = 0.0
        self.answer: Callable[[str, str], Any] = lambda model, question: f"{model}:{question}"
        oracle = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_args: object) -> None:
                pass

            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["content-length"])))
                question = body["messages"][-1]["content"]
                oracle.asked[body["model"], question] += 1
                oracle.bodies.append(body)
                time.sleep(oracle.pause)
                said = oracle.answer(body["model"], question)
                if isinstance(said, int):
                    status, reply = said, {"error": {"message": "not now", "type": "server_error"}}
                else:
                    called = isinstance(said, list)
                    message = {"role": "assistant", "content": None if called else said}
                    message |= {"tool_calls": said} if called else {}
                    status = 200
                    reply = {
                        "id": "c1",
                        "object": "chat.completion",
                        "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
                    }
                content = json.dumps(reply).encode()
                self.send_response(status)
                self.send_header("content-type", "application/json")
                self.send_header("content-length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self.server.server_address[1]}/v1"


@pytest.fixture
def oracle() -> Iterator[Oracle]:
    server = Oracle()
    yield server
    server.server.shutdown()
    server.server.server_close()


@pytest.fixture
def store(settings: Settings, oracle: Oracle) -> Iterator[Store]:
    """A store that knows the oracle as the connection "toy"."""
    opened = Store.open(settings)
    opened.jobs.save_connection(Connection("toy", "Toy", oracle.base_url))
    yield opened
    opened.close()


@pytest.fixture
def version(store: Store) -> Callable[[int], int]:
    """Freeze n held-out rows: question q0 … with the answers "even" and "odd" in turn; returns the version's id."""

    def freeze(n: int) -> int:
        dataset = store.create_dataset("numbers", Kind.CHAT)
        drafts = [
            Draft(
                dump(
                    {
                        "messages": [
                            {"role": "system", "content": "Even or odd?"},
                            {"role": "user", "content": f"q{i}"},
                            {"role": "assistant", "content": "odd" if i % 2 else "even"},
                        ]
                    }
                ),
                Kind.CHAT,
                split=Split.VALIDATION if i < n else Split.TRAIN,
            )
            for i in range(n + 3)
        ]
        store.add_drafts(dataset.id, drafts)
        store.finish_import(dataset.id)
        return store.freeze(dataset.id).id

    return freeze
