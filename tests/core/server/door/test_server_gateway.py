"""Two real servers: one answers for what is published at it, the other one is the address for all."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar

import httpx2
import openai
import pytest

from core.errors import BadInput
from tests.core.server.conftest import Provider, lines
from tests.waiting import wait_for

QUESTION = [{"role": "user", "content": "What is the ripe apple of row 3?"}]


@pytest.fixture(scope="module")
def behind(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Provider]:
    """The server behind the gateway, with a trained model of its own."""
    server = Provider(tmp_path_factory.mktemp("behind")).start()
    yield server
    server.kill()


@pytest.fixture(scope="module")
def published(behind: Provider) -> str:
    """A model that only the server behind has."""
    method: Any = {"type": "supervised", "supervised": {"hyperparameters": {"n_epochs": 20, "batch_size": 4}}}
    training = behind.upload(lines(60))
    job = behind.client.fine_tuning.jobs.create(model="local-classic-1", training_file=training, method=method)
    return str(behind.finished(job.id).fine_tuned_model)


def in_front_of(url: str, key: str, folder: Path) -> Provider:
    """A server with that one behind it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LUOPAN_VLLM_URL", url)
        patch.setenv("LUOPAN_VLLM_KEY", key)
        return Provider(folder).start()


@pytest.fixture(scope="module")
def front(behind: Provider, published: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Provider]:
    """The server that people know, with the other one behind it."""
    server = in_front_of(behind.base_url, behind.key, tmp_path_factory.mktemp("front"))
    yield server
    server.kill()


def test_a_model_of_the_server_behind_is_answered_there(front: Provider, behind: Provider, published: str) -> None:
    ask: dict[str, Any] = {"model": published, "messages": QUESTION, "temperature": 0, "logprobs": True}
    seen, wanted = (server.client.chat.completions.create(**ask).choices[0] for server in (front, behind))
    assert seen == wanted and seen.message.content == "fruit"


def test_a_stream_comes_piece_by_piece(front: Provider, published: str) -> None:
    chunks = list(
        front.client.chat.completions.create(
            model=published, messages=QUESTION, temperature=0, stream=True, stream_options={"include_usage": True}
        )
    )
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices) == "fruit"
    assert chunks[-1].usage is not None and len(chunks) >= 3


def test_other_models_are_answered_here(front: Provider, published: str) -> None:
    with pytest.raises(openai.NotFoundError) as refused:
        front.client.chat.completions.create(model="ft:nobody", messages=QUESTION)
    assert refused.value.code == "model_not_found"
    reply = front.ask("POST", "/chat/completions", content=b"{")
    assert reply.status_code == 400 and reply.json()["error"]["message"]
    job = front.client.fine_tuning.jobs.list()
    assert job.data == [], "training stays here"


def test_an_error_of_the_server_behind_is_handed_on(front: Provider, published: str) -> None:
    with pytest.raises(openai.BadRequestError) as refused:
        front.client.chat.completions.create(model=published, messages=QUESTION, temperature=9)
    assert refused.value.param == "temperature"


def test_both_servers_models_are_listed(front: Provider, published: str) -> None:
    listed = [model.id for model in front.client.models.list()]
    assert published in listed and listed.count("local-classic-1") == 1
    shown = front.client.models.retrieve(published)
    assert shown.id == published and shown.object == "model"
    with pytest.raises(openai.NotFoundError):
        front.client.models.retrieve("ft:nobody")


def test_the_key_of_the_front_is_needed_and_stays_there(front: Provider, published: str) -> None:
    stranger = openai.OpenAI(base_url=front.base_url, api_key="sk-wrong", max_retries=0)
    with pytest.raises(openai.AuthenticationError):
        stranger.chat.completions.create(model=published, messages=QUESTION)


def test_many_ask_at_once(front: Provider, published: str) -> None:
    found: list[str | None] = []

    def ask(number: int) -> None:
        messages: Any = [{"role": "user", "content": f"What is the blue whale of row {number}?"}]
        reply = front.client.chat.completions.create(model=published, messages=messages, temperature=0)
        found.append(reply.choices[0].message.content)

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == ["animal"] * 16


def test_a_server_behind_that_is_away_is_named_and_harms_nobody_else(
    front: Provider, behind: Provider, published: str
) -> None:
    begin = time.monotonic()
    behind.process.send_signal(signal.SIGSTOP)  # it hangs: whoever asks for other models does not wait for it
    try:
        time.sleep(5.2)
        begin = time.monotonic()
        assert front.client.models.list().data
        assert time.monotonic() - begin < 2
    finally:
        behind.process.send_signal(signal.SIGCONT)
    behind.kill()
    with pytest.raises(openai.APIStatusError) as refused:
        front.client.chat.completions.create(model=published, messages=QUESTION)
    assert refused.value.status_code == 502 and refused.value.code == "upstream_unreachable"
    assert "local-classic-1" in [model.id for model in front.client.models.list()]


class Slow(BaseHTTPRequestHandler):
    """A server that lets its answer come in two parts, the second after a while, and notes who listens no longer."""

    left: ClassVar[list[bool]] = []

    def do_GET(self) -> None:
        self.reply("application/json", b'{"object": "list", "data": [{"id": "slow", "object": "model"}]}')

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["content-length"]))
        self.reply("text/event-stream", b'data: {"part": 1}\n\n')
        try:
            for _second in range(20):
                time.sleep(0.1)
                self.wfile.write(b": still there\n\n")
        except OSError:
            self.left.append(True)
            return
        self.wfile.write(b"data: [DONE]\n\n")

    def reply(self, kind: str, body: bytes) -> None:
        self.send_response(200)
        self.send_header("content-type", kind)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_words: Any) -> None:
        pass


def test_parts_are_handed_on_as_they_come_and_no_longer_than_somebody_listens(tmp_path: Path) -> None:
    slow = ThreadingHTTPServer(("127.0.0.1", 0), Slow)
    threading.Thread(target=slow.serve_forever, daemon=True).start()
    server = in_front_of(f"http://127.0.0.1:{slow.server_port}", "", tmp_path / "front")
    try:
        ask: dict[str, Any] = {"json": {"model": "slow", "messages": QUESTION, "stream": True}}
        ask["headers"] = {"authorization": f"Bearer {server.key}"}
        with httpx2.Client(trust_env=False, timeout=20) as client:
            for stays in (True, False):
                begin = time.monotonic()
                with client.stream("POST", f"{server.base_url}/chat/completions", **ask) as reply:
                    parts = reply.iter_raw()
                    assert next(parts).startswith(b'data: {"part": 1}') and time.monotonic() - begin < 1.5
                    assert reply.headers["content-type"] == "text/event-stream"
                    if stays:
                        assert b"".join(parts).endswith(b"data: [DONE]\n\n") and not Slow.left
        wait_for(lambda: Slow.left, 10)
    finally:
        server.kill()
        slow.shutdown()
        slow.server_close()


def test_without_a_server_behind_there_is_no_gateway(tmp_path: Path) -> None:
    from core.server.door import gateway

    assert gateway({"LUOPAN_HOME": str(tmp_path)}) == []
    with pytest.raises(BadInput, match="no address"):
        gateway({"LUOPAN_HOME": str(tmp_path), "LUOPAN_VLLM_URL": "127.0.0.1:8000"})


class Elsewhere(BaseHTTPRequestHandler):
    """A server that sends whoever asks it somewhere else, and notes what it was told."""

    told: ClassVar[list[tuple[str, dict[str, str]]]] = []

    def do_GET(self) -> None:
        self.reply(200, b'{"object": "list", "data": [{"id": "moved", "object": "model"}]}')

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["content-length"]))
        self.reply(307, b"{}")

    def reply(self, status: int, body: bytes) -> None:
        self.told.append((self.path, {name.lower(): value for name, value in self.headers.items()}))
        self.send_response(status)
        self.send_header("location", "/taken/elsewhere")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_words: Any) -> None:
        pass


@pytest.mark.parametrize("key", ["", "of-the-other-server"])
def test_no_key_of_this_server_leaves_it_and_no_redirection_is_followed(tmp_path: Path, key: str) -> None:
    other = ThreadingHTTPServer(("127.0.0.1", 0), Elsewhere)
    threading.Thread(target=other.serve_forever, daemon=True).start()
    server = in_front_of(f"http://127.0.0.1:{other.server_port}", key, tmp_path / "front")
    Elsewhere.told.clear()
    try:
        reply = server.ask("POST", "/chat/completions", json={"model": "moved"}, headers={"Cookie": "a=b"})
        assert reply.status_code == 307 and "location" not in reply.headers
    finally:
        server.kill()
        other.shutdown()
        other.server_close()
    assert [path for path, _headers in Elsewhere.told] == ["/v1/models", "/v1/chat/completions"]
    for _path, headers in Elsewhere.told:
        assert headers.get("authorization") == (f"Bearer {key}" if key else None) and "cookie" not in headers
        assert server.key not in str(headers)
