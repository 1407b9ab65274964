"""/v1/batches, driven by the unmodified client over HTTP: from the input file to its output and its errors."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import openai
import pytest
from openai.types import Batch, CreateEmbeddingResponse
from openai.types.chat import ChatCompletion
from openai.types.responses import Response

from core import sqlite
from core.server.batches import Batches, BatchRunner
from core.server.batches.lines import MOST, examine, requests
from core.server.batches.store import CreateBatch, shown
from core.server.batches.work import PAUSES, Door, answer
from core.server.database import Database
from core.server.engines.classic.engine import ClassicEngine
from core.server.errors import ApiError
from core.server.files import Files, NewFile
from core.server.home import Home
from core.server.idempotency import Claim
from core.server.models import Models

CHAT = "/v1/chat/completions"
BASE = "local-classic-1"
FRUIT = [{"role": "user", "content": "What is the ripe apple of row 3?"}]
ENDED = ("completed", "failed", "expired", "cancelled")


def request(number: int, model: str = BASE, url: str = CHAT, **body: Any) -> dict[str, Any]:
    given = {"model": model, **(body or {"messages": FRUIT, "temperature": 0})}
    return {"custom_id": f"row-{number}", "method": "POST", "url": url, "body": given}


def file_of(lines: list[Any]) -> bytes:
    return b"\n".join(line if isinstance(line, bytes) else json.dumps(line).encode() for line in lines) + b"\n"


def upload(provider: Any, content: bytes, purpose: str = "batch") -> str:
    return str(provider.client.files.create(file=("batch.jsonl", content), purpose=purpose).id)


def start(provider: Any, lines: list[Any], endpoint: str = CHAT, **more: Any) -> Batch:
    file_id = upload(provider, file_of(lines))
    batch: Batch = provider.client.batches.create(
        input_file_id=file_id, endpoint=endpoint, completion_window="24h", **more
    )
    return batch


def ended(provider: Any, batch_id: str, seconds: float = 60) -> Batch:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        reply = provider.ask("GET", f"/batches/{batch_id}").json()
        batch = Batch.model_validate(reply, strict=True)
        if batch.status in ENDED:
            return batch
        time.sleep(0.05)
    raise AssertionError(f"{batch_id} has not ended within {seconds} s: {batch}")


def lines_of(provider: Any, file_id: str | None) -> list[dict[str, Any]]:
    assert file_id is not None
    file = provider.client.files.retrieve(file_id)
    content = provider.client.files.content(file_id).read()
    assert (file.purpose, file.bytes) == ("batch_output", len(content))
    return [json.loads(line) for line in content.splitlines()]


def test_a_batch_answers_each_line_in_order(provider: Any, trained: Any) -> None:
    model = trained.fine_tuned_model
    batch = start(provider, [request(n, model) for n in range(40)], metadata={"team": "north"})
    assert batch.status in ("validating", "in_progress", "finalizing", "completed")
    done = ended(provider, batch.id)
    assert (done.status, done.model, done.metadata) == ("completed", model, {"team": "north"})
    counts = done.request_counts
    assert counts is not None and (counts.total, counts.completed, counts.failed) == (40, 40, 0)
    assert done.error_file_id is None and done.errors is None
    times = [done.created_at, done.in_progress_at, done.finalizing_at, done.completed_at]
    assert None not in times and times == sorted(times, key=lambda at: at or 0)
    assert done.expires_at == done.created_at + 86_400
    found = lines_of(provider, done.output_file_id)
    assert [line["custom_id"] for line in found] == [f"row-{n}" for n in range(40)]
    assert len({line["id"] for line in found}) == 40
    for line in found:
        assert line["error"] is None and line["response"]["status_code"] == 200
        answer = ChatCompletion.model_validate(line["response"]["body"], strict=True)
        assert answer.choices[0].message.content == "fruit"
    assert done.usage is not None and done.usage.output_tokens == 40


@pytest.mark.parametrize(
    ("endpoint", "body", "read"),
    [
        ("/v1/completions", {"prompt": "hello"}, openai.types.Completion),
        ("/v1/embeddings", {"input": "hello", "encoding_format": "float"}, CreateEmbeddingResponse),
        ("/v1/responses", {"input": "hello"}, Response),
    ],
)
def test_every_kind_of_question_can_be_asked_in_a_batch(
    provider: Any, endpoint: Any, body: dict[str, Any], read: Any
) -> None:
    batch = start(provider, [request(1, url=endpoint, **body)], endpoint)
    found = lines_of(provider, ended(provider, batch.id).output_file_id)
    read.model_validate(found[0]["response"]["body"], strict=True)


def test_requests_that_fail_stand_in_the_error_file(provider: Any) -> None:
    bad = request(2, messages=FRUIT, temperature=9)
    streamed = request(3, messages=FRUIT, stream=True)
    deep = json.dumps(request(4, messages=FRUIT, metadata={"a": "b"})).replace('{"a": "b"}', "[" * 900 + "]" * 900)
    done = ended(provider, start(provider, [request(1), bad, streamed, deep.encode()]).id)
    assert done.status == "completed" and done.request_counts is not None
    assert (done.request_counts.completed, done.request_counts.failed) == (1, 3)
    assert [line["custom_id"] for line in lines_of(provider, done.output_file_id)] == ["row-1"]
    failed = {line["custom_id"]: line for line in lines_of(provider, done.error_file_id)}
    for name, param in (("row-2", "temperature"), ("row-3", "stream"), ("row-4", None)):
        response = failed[name]["response"]
        assert (response["status_code"], response["body"]["error"]["param"]) == (400, param)
        assert failed[name]["error"] is None and response["request_id"].startswith("req_")


def test_where_all_fail_there_is_no_output_file(provider: Any) -> None:
    done = ended(provider, start(provider, [request(1, messages=[])]).id)
    assert done.status == "completed" and done.output_file_id is None and done.error_file_id is not None


@pytest.mark.parametrize(
    ("lines", "errors"),
    [
        ([b"{", request(2)], [("invalid_json_line", 1, None)]),
        ([request(1), b"[1]", b"7"], [("invalid_json_line", 2, None), ("invalid_json_line", 3, None)]),
        ([request(1), b"", request(1)], [("duplicate_custom_id", 3, "custom_id")]),
        ([{**request(1), "custom_id": None}], [("missing_required_parameter", 1, "custom_id")]),
        ([{**request(1), "custom_id": ""}], [("missing_required_parameter", 1, "custom_id")]),
        ([{**request(1), "body": "text"}], [("missing_required_parameter", 1, "body")]),
        ([{**request(1), "body": {"messages": []}}], [("missing_required_parameter", 1, "body.model")]),
        ([{**request(1), "method": "GET"}], [("invalid_method", 1, "method")]),
        ([{**request(1), "url": "/v1/embeddings"}], [("url_mismatch", 1, "url")]),
        ([request(1, model="gpt-4o")], [("model_not_found", 1, "body.model")]),
        ([b" ", b""], [("empty_file", None, None)]),
    ],
)
def test_bad_lines_are_told_before_anything_is_asked(
    provider: Any, lines: list[Any], errors: list[tuple[str, int | None, str | None]]
) -> None:
    done = ended(provider, start(provider, lines).id)
    assert done.status == "failed" and done.failed_at is not None and done.in_progress_at is None
    assert done.errors is not None and done.errors.object == "list" and done.errors.data is not None
    assert [(error.code, error.line, error.param) for error in done.errors.data] == errors
    assert all(error.message for error in done.errors.data)
    assert done.output_file_id is None and done.error_file_id is None


def test_a_batch_can_be_cancelled_and_keeps_what_was_answered(provider: Any, trained: Any) -> None:
    batch = start(provider, [request(n, trained.fine_tuned_model) for n in range(20_000)])
    while provider.client.batches.retrieve(batch.id).request_counts.completed == 0:
        time.sleep(0.02)
    cancelling = provider.client.batches.cancel(batch.id)
    assert cancelling.status in ("cancelling", "cancelled") and cancelling.cancelling_at is not None
    done = ended(provider, batch.id)
    assert done.status == "cancelled" and done.cancelled_at is not None and done.request_counts is not None
    answered, undone = lines_of(provider, done.output_file_id), lines_of(provider, done.error_file_id)
    assert len(answered) == done.request_counts.completed > 0 and len(undone) == done.request_counts.failed > 0
    assert [line["custom_id"] for line in answered + undone] == [f"row-{n}" for n in range(20_000)]
    assert {line["error"]["code"] for line in undone} == {"batch_cancelled"}
    assert provider.client.batches.cancel(batch.id).status == "cancelled"


def test_a_batch_that_has_ended_cannot_be_cancelled(provider: Any) -> None:
    done = ended(provider, start(provider, [request(1)]).id)
    with pytest.raises(openai.ConflictError, match="completed"):
        provider.client.batches.cancel(done.id)


def test_batches_are_listed_newest_first(provider: Any) -> None:
    made = [start(provider, [request(1)]).id for _ in range(3)]
    assert [batch.id for batch in provider.client.batches.list(limit=2)][:3] == made[::-1]
    page = provider.client.batches.list(limit=1, after=made[-1])
    assert [batch.id for batch in page.data] == [made[1]] and page.has_more


@pytest.mark.parametrize(
    ("change", "param"),
    [
        ({"input_file_id": "file-gone"}, "input_file_id"),
        ({"input_file_id": None}, "input_file_id"),
        ({"endpoint": "/v1/images/generations"}, "endpoint"),
        ({"endpoint": None}, "endpoint"),
        ({"completion_window": "48h"}, "completion_window"),
        ({"metadata": {"k": 1}}, "metadata.k"),
        ({"output_expires_after": {"anchor": "created_at", "seconds": 5}}, "output_expires_after.seconds"),
    ],
)
def test_a_bad_batch_names_its_parameter(provider: Any, change: dict[str, Any], param: str) -> None:
    body = {"input_file_id": upload(provider, b"{}"), "endpoint": CHAT, "completion_window": "24h", **change}
    reply = provider.ask("POST", "/batches", json=body)
    assert (reply.status_code, reply.json()["error"]["param"]) == (400, param), reply.text


def test_an_input_file_is_uploaded_for_batches(provider: Any) -> None:
    file_id = upload(provider, b"{}\n", purpose="fine-tune")
    with pytest.raises(openai.BadRequestError, match="purpose batch") as caught:
        provider.client.batches.create(input_file_id=file_id, endpoint=CHAT, completion_window="24h")
    assert caught.value.param == "input_file_id"


@pytest.mark.parametrize(("method", "path"), [("GET", "/batches/batch_gone"), ("POST", "/batches/batch_gone/cancel")])
def test_a_batch_that_is_not_there_is_not_found(provider: Any, method: str, path: str) -> None:
    reply = provider.ask(method, path)
    assert (reply.status_code, reply.json()["error"]["code"]) == (404, "batch_not_found")


def test_a_batch_is_made_once_for_its_idempotency_key(provider: Any) -> None:
    body = {"input_file_id": upload(provider, file_of([request(1)])), "endpoint": CHAT, "completion_window": "24h"}
    headers = {"Idempotency-Key": f"batch-{time.time()}"}
    first, second = (provider.ask("POST", "/batches", json=body, headers=headers).json() for _ in range(2))
    assert first == second
    other = provider.ask("POST", "/batches", json={**body, "metadata": {"a": "b"}}, headers=headers)
    assert other.status_code == 422


def test_output_files_go_when_they_should(provider: Any) -> None:
    expiry = {"anchor": "created_at", "seconds": 3600}
    done = ended(provider, start(provider, [request(1)], output_expires_after=expiry).id)
    file = provider.client.files.retrieve(done.output_file_id)
    assert file.expires_at == file.created_at + 3600


def test_the_input_may_be_deleted_and_the_folder_is_tidied(provider: Any) -> None:
    batch = start(provider, [request(n) for n in range(3_000)])
    while provider.client.batches.retrieve(batch.id).status == "validating":
        time.sleep(0.01)
    provider.client.files.delete(batch.input_file_id)
    done = ended(provider, batch.id)
    assert done.status == "completed" and done.request_counts is not None and done.request_counts.completed == 3_000
    assert not (provider.data / "batches" / batch.id).exists()


def test_after_kills_no_line_is_missing_and_none_comes_twice(own_provider: Any) -> None:
    count = 6_000
    batch = start(own_provider, [request(n) for n in range(count)])
    for lived in (0.2, 0.7, 1.0, 0.4, 0.6, 0.8):
        time.sleep(lived)
        own_provider.kill()
        own_provider.start()
    done = ended(own_provider, batch.id)
    assert done.status == "completed" and done.request_counts is not None and done.request_counts.completed == count
    found = lines_of(own_provider, done.output_file_id)
    assert [line["custom_id"] for line in found] == [f"row-{n}" for n in range(count)]
    assert len({line["id"] for line in found}) == count


def set_in_database(provider: Any, statement: str) -> None:
    connection = sqlite.module().connect(provider.data / "provider.db", isolation_level=None)
    connection.execute(statement)
    connection.close()


def test_what_is_not_answered_in_time_is_told(own_provider: Any) -> None:
    batch = start(own_provider, [request(n) for n in range(24_000)])
    while own_provider.client.batches.retrieve(batch.id).request_counts.completed == 0:
        time.sleep(0.02)
    own_provider.kill()
    set_in_database(own_provider, "UPDATE batches SET expires_at = 1")
    own_provider.start()
    done = ended(own_provider, batch.id)
    assert done.status == "expired" and done.expired_at is not None and done.request_counts is not None
    undone = lines_of(own_provider, done.error_file_id)
    assert {line["error"]["code"] for line in undone} == {"batch_expired"}
    assert done.request_counts.completed + len(undone) == 24_000


def test_a_batch_whose_folder_is_gone_fails_and_is_not_tried_for_ever(own_provider: Any) -> None:
    batch = start(own_provider, [request(n) for n in range(24_000)])
    while own_provider.client.batches.retrieve(batch.id).request_counts.completed == 0:
        time.sleep(0.02)
    own_provider.kill()
    shutil.rmtree(own_provider.data / "batches" / batch.id)
    own_provider.start()
    failed = ended(own_provider, batch.id, 20)
    assert failed.status == "failed" and failed.errors is not None and failed.errors.data is not None
    assert failed.errors.data[0].code == "server_error"


def test_a_server_that_is_asked_to_stop_goes_on_later(own_provider: Any) -> None:
    batch = start(own_provider, [request(n) for n in range(4_000)])
    time.sleep(0.5)
    assert own_provider.stop() == 0
    own_provider.start()
    done = ended(own_provider, batch.id)
    assert done.request_counts is not None and done.request_counts.completed == 4_000
    assert done.error_file_id is None


def test_a_file_is_looked_through_with_its_limits(tmp_path: Any) -> None:
    path = tmp_path / "batch.jsonl"
    path.write_bytes(b"\xef\xbb\xbf" + file_of([request(n) for n in range(MOST)]))
    known: Callable[[str], bool] = lambda _model: True  # noqa: E731
    found = examine(path, CHAT, known)
    assert (found.total, found.model, found.errors) == (MOST, BASE, [])
    with path.open("ab") as file:
        file.write(file_of([request(MOST)]))
    assert [error["code"] for error in examine(path, CHAT, known).errors] == ["too_many_tasks"]
    with path.open("rb") as file:
        asked = list(requests(file, 0))
        assert len(asked) == MOST + 1 and asked[-1] == (request(MOST), path.stat().st_size)
        assert next(requests(file, asked[7][1]))[0] == request(8)


@pytest.mark.parametrize(("failures", "status"), [(0, 200), (3, 200), (4, 200), (5, 503)])
def test_a_model_that_is_not_there_now_is_asked_again(failures: int, status: int) -> None:
    asked: list[object] = []
    waited: list[float] = []

    def door(body: object) -> dict[str, Any]:
        asked.append(body)
        if len(asked) <= failures:
            raise ApiError(503, "not now")
        return {"object": "chat.completion"}

    def wait(seconds: float) -> bool:
        waited.append(seconds)
        return False

    line = answer(door, request(1), wait)
    assert line["response"]["status_code"] == status and waited == list(PAUSES)[:failures]
    assert len(asked) == min(failures, len(PAUSES)) + 1


def test_where_its_end_cannot_be_written_no_bytes_are_left_behind(own_provider: Any) -> None:
    refusing = "CREATE TRIGGER refusing BEFORE UPDATE OF status ON batches WHEN NEW.status = 'completed'"
    set_in_database(own_provider, f"{refusing} BEGIN SELECT RAISE(ABORT, 'no'); END")
    batch = start(own_provider, [request(1)])
    assert ended(own_provider, batch.id).status == "failed"
    assert [path.name for path in (own_provider.data / "files").iterdir()] == [batch.input_file_id]


class Room:
    """Batches over a folder, without a server around them."""

    def __init__(self, folder: Path, door: Door) -> None:
        self.home = Home(folder)
        self.database = Database(self.home.database)
        self.files = Files(self.home, self.database)
        models = Models(self.home, self.database, [ClassicEngine()])
        self.batches = Batches(self.database)
        self.runner = BatchRunner(self.home, self.database, self.files, models, {CHAT: door})

    def create(self, requests: int) -> str:
        content = file_of([request(n) for n in range(requests)])
        (self.home.incoming / "batch").write_bytes(content)
        file_id = self.files.keep(self.home.incoming / "batch", NewFile("batch.jsonl", len(content), "batch"))["id"]
        wanted = CreateBatch(input_file_id=file_id, endpoint=CHAT, completion_window="24h")
        return str(self.batches.create(wanted, Claim(None, ""))["id"])

    def shown(self, batch_id: str) -> dict[str, Any]:
        return shown(self.batches.get(batch_id))


@pytest.fixture
def room(tmp_path: Path) -> Iterator[Callable[[Door], Room]]:
    made: list[Room] = []

    def make(door: Door) -> Room:
        made.append(Room(tmp_path, door))
        return made[-1]

    yield make
    for one in made:
        one.database.close()


def slow(_body: object) -> dict[str, Any]:
    time.sleep(0.3)
    return {"object": "chat.completion"}


def away(_body: object) -> dict[str, Any]:
    raise ApiError(503, "not now")


@pytest.mark.parametrize(("door", "most"), [(slow, 8), (away, 0)])
def test_a_batch_ends_soon_after_its_cancel_however_slow_the_answers_are(
    room: Callable[[Door], Room], door: Door, most: int
) -> None:
    here = room(door)
    batch_id = here.create(100)
    here.runner.start()
    time.sleep(1.2)  # where the model is away, its second pause has begun, of five seconds
    here.batches.cancel(batch_id)
    cancelled = time.monotonic()
    while here.shown(batch_id)["status"] != "cancelled" and time.monotonic() - cancelled < 2.5:
        time.sleep(0.05)
    here.runner.stop()
    done = here.shown(batch_id)
    assert done["status"] == "cancelled"
    counts = done["request_counts"]
    assert counts["completed"] <= most and counts["failed"] == 100 - counts["completed"]
    told = here.files.path(done["error_file_id"]).read_bytes().splitlines()
    assert {json.loads(line)["error"]["code"] for line in told} == {"batch_cancelled"}


def test_an_end_that_a_kill_cut_short_is_the_same_end_later(
    room: Callable[[Door], Room], monkeypatch: pytest.MonkeyPatch
) -> None:
    here = room(lambda _body: {})
    batch_id = here.create(3)
    with here.database.write() as connection:
        connection.execute("UPDATE batches SET expires_at = 1")
    with monkeypatch.context() as killed:
        killed.setattr(BatchRunner, "_finish", lambda *_given: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            here.runner._carry(here.batches.get(batch_id))
    here.runner._carry(here.batches.get(batch_id))
    done = here.shown(batch_id)
    assert (done["status"], done["request_counts"]) == ("expired", {"total": 3, "completed": 0, "failed": 3})
    assert len(here.files.path(done["error_file_id"]).read_bytes().splitlines()) == 3
