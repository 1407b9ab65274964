"""Idempotency keys: the first answer again, also where it was an error, and never two at once."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from starlette.requests import Request

from core.server import idempotency
from core.server.database import Database
from core.server.errors import ApiError, bad_request
from core.server.idempotency import Claim, Idempotency, digest_of


@pytest.fixture
def database(tmp_path: Path) -> Database:
    return Database(tmp_path / "provider.db")


def request(key: str | None, path: str = "/v1/things") -> Request:
    headers = [(b"idempotency-key", key.encode())] if key else []
    return Request({"type": "http", "method": "POST", "path": path, "headers": headers, "query_string": b""})


def ask(keys: Idempotency, key: str | None, body: Any, work: Callable[[Claim], Any], path: str = "/v1/things") -> Any:
    asked = request(key, path)
    return asyncio.run(keys.answer(asked, digest_of(asked, body), work))


class Maker:
    """Work that counts how often it is done."""

    def __init__(self, database: Database, error: Exception | None = None, *, begins: bool = False) -> None:
        self.database, self.error, self.begins = database, error, begins
        self.times = 0

    def __call__(self, claim: Claim) -> Any:
        if self.begins:
            claim.begin()
        self.times += 1
        if self.error:
            raise self.error
        reply = {"id": f"thing-{self.times}"}
        with self.database.write() as connection:
            claim.keep(connection, reply)
        return reply


def test_the_first_answer_comes_again_and_says_so(database: Database) -> None:
    keys, work = Idempotency(database), Maker(database)
    first, again = (ask(keys, "k", {"a": 1, "b": 2}, work) for _ in range(2))
    assert json.loads(again.body) == json.loads(first.body) == {"id": "thing-1"}
    assert "idempotent-replayed" not in first.headers and again.headers["idempotent-replayed"] == "true"
    assert json.loads(ask(keys, "k", {"b": 2, "a": 1}, work).body) == {"id": "thing-1"}
    assert work.times == 1


def test_without_a_key_every_request_is_a_new_one(database: Database) -> None:
    keys, work = Idempotency(database), Maker(database)
    assert json.loads(ask(keys, None, {}, work).body) != json.loads(ask(keys, None, {}, work).body)


@pytest.mark.parametrize(("body", "path"), [({"a": 2}, "/v1/things"), ({"a": 1}, "/v1/others")])
def test_another_body_or_path_is_refused(database: Database, body: Any, path: str) -> None:
    keys, work = Idempotency(database), Maker(database)
    ask(keys, "k", {"a": 1}, work)
    with pytest.raises(ApiError) as caught:
        ask(keys, "k", body, work, path)
    assert (caught.value.status, caught.value.code) == (422, "idempotency_mismatch")
    assert work.times == 1


def test_what_was_refused_before_the_work_began_does_not_use_the_key_up(database: Database) -> None:
    keys = Idempotency(database)
    with pytest.raises(ApiError):
        ask(keys, "k", {}, Maker(database, bad_request("No.", "a")))
    assert ask(keys, "k", {"other": 1}, Maker(database)).status_code == 200


@pytest.mark.parametrize(
    ("error", "status"), [(ApiError(409, "Too late.", code="late"), 409), (RuntimeError("a mistake of ours"), 500)]
)
def test_an_error_after_the_work_began_is_the_answer(database: Database, error: Exception, status: int) -> None:
    keys, work = Idempotency(database), Maker(database, error, begins=True)
    with pytest.raises(type(error)):
        ask(keys, "k", {}, work)
    again = ask(keys, "k", {}, work)
    assert (again.status_code, work.times) == (status, 1)
    assert set(json.loads(again.body)["error"]) == {"message", "type", "param", "code"}


def test_nothing_is_kept_of_a_transaction_that_failed(database: Database) -> None:
    def breaks(claim: Claim) -> Any:
        with database.write() as connection:
            claim.keep(connection, {"id": "lost"})
            raise OSError("disk full")

    keys = Idempotency(database)
    with pytest.raises(OSError, match="disk full"):
        ask(keys, "k", {}, breaks)
    assert json.loads(ask(keys, "k", {}, Maker(database)).body) == {"id": "thing-1"}


def test_two_at_once_do_not_both_work(database: Database) -> None:
    keys, going, done = Idempotency(database), threading.Event(), threading.Event()

    def slow(claim: Claim) -> Any:
        going.set()
        assert done.wait(10)
        return {"id": "slow"}

    first = threading.Thread(target=ask, args=(keys, "k", {}, slow))
    first.start()
    assert going.wait(10)
    with pytest.raises(ApiError) as caught:
        ask(keys, "k", {}, Maker(database))
    assert (caught.value.status, caught.value.code) == (409, "idempotency_in_flight")
    done.set()
    first.join()
    assert json.loads(ask(keys, "k", {}, Maker(database)).body) == {"id": "slow"}


def test_a_key_is_kept_for_more_than_a_day_and_then_forgotten(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys, work = Idempotency(database), Maker(database)
    ask(keys, "k", {}, work)
    moment = time.time()
    monkeypatch.setattr(idempotency.time, "time", lambda: moment + 2 * 86_400)
    ask(keys, "k", {}, work)
    assert work.times == 1
    monkeypatch.setattr(idempotency.time, "time", lambda: moment + 15 * 86_400)
    ask(keys, "other", {}, work)
    ask(keys, "k", {}, work)
    assert work.times == 3


def test_a_key_is_not_longer_than_it_may_be(database: Database) -> None:
    keys, work = Idempotency(database), Maker(database)
    assert ask(keys, "k" * 255, {}, work).status_code == 200
    with pytest.raises(ApiError, match="255"):
        ask(keys, "k" * 256, {}, work)
