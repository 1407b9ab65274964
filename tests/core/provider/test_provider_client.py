"""The guarded client against a provider that goes wrong in every way: one request a write, a sentence for each."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest
from faultyprovider import FaultyProvider

from core.errors import BadInput, ProviderError
from core.provider import Connection, Outcome, guard
from core.provider.client import Client
from core.settings import Settings

BODY = {"model": "base-1", "training_file": "file-1"}

CREATES = [
    *((status, Outcome.REFUSED) for status in ("400", "401", "402", "403", "404", "405", "413", "422", "501")),
    *((status, Outcome.UNKNOWN) for status in ("408", "409", "500", "502", "503", "504")),
    ("429", Outcome.RATE_LIMITED),
    *((name, Outcome.UNKNOWN) for name in ("reset", "cut", "moved", "found", "gzip", "huge")),
    *(
        (name, Outcome.MALFORMED)
        for name in ("html", "html_as_json", "empty", "null", "list", "no_id", "broken", "deep")
    ),
    ("sse", Outcome.MALFORMED),
]


@pytest.mark.parametrize("done", [True, False], ids=["done", "not done"])
@pytest.mark.parametrize(("fault", "outcome"), CREATES, ids=[name for name, _outcome in CREATES])
def test_a_create_goes_out_once_and_says_what_came_of_it(
    provider: FaultyProvider, client: Client, fault: str, outcome: Outcome, done: bool
) -> None:
    provider.fail("POST", "/jobs", fault, done=done)
    reply = client.create_job(BODY)
    assert reply.outcome == outcome
    assert str(reply.message) and str(reply.hint)
    assert provider.count("POST", "/jobs") == 1
    assert len(provider.requests) == 1  # nothing was followed, nothing tried again


def test_a_reply_that_drips_ends_in_time(
    provider: FaultyProvider, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    client._sdk.timeout = 0.3  # the wall of the transport is the read time-out of the request
    provider.fail("POST", "/jobs", "drip", done=True)
    began = time.monotonic()
    assert client.create_job(BODY).outcome == Outcome.UNKNOWN
    assert time.monotonic() - began < 3
    assert provider.count("POST", "/jobs") == 1


def test_no_connection_means_that_nothing_was_sent(keyed: Settings) -> None:
    nowhere = Connection("x", "X", "http://127.0.0.1:9/v1")
    with Client(keyed, nowhere, patience=0) as client:
        reply = client.create_job(BODY)
        assert reply.outcome == Outcome.UNREACHABLE
        assert "nothing was changed" in str(reply.hint)
        assert client.upload(Path(__file__)).outcome == Outcome.UNREACHABLE


def test_an_unknown_host_is_unreachable(keyed: Settings) -> None:
    with Client(keyed, Connection("x", "X", "http://no-such-host.invalid/v1"), patience=0) as client:
        assert client.get_job("j").outcome == Outcome.UNREACHABLE


def test_nothing_of_the_environment_leaves(
    provider: FaultyProvider, keyed: Settings, connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    leaks = {
        "OPENAI_API_KEY": "sk-LEAK-000000",
        "OPENAI_ADMIN_KEY": "sk-LEAK-000001",
        "OPENAI_ORG_ID": "org-LEAK",
        "OPENAI_PROJECT_ID": "proj-LEAK",
        "OPENAI_WEBHOOK_SECRET": "LEAK",
        "OPENAI_CUSTOM_HEADERS": "X-Leak: LEAK\nAuthorization: Bearer LEAK",
        "OPENAI_BASE_URL": "http://127.0.0.1:9/v1",
        "HTTP_PROXY": "http://127.0.0.1:9",
        "http_proxy": "http://127.0.0.1:9",
        "ALL_PROXY": "http://127.0.0.1:9",
    }
    for name, value in leaks.items():
        monkeypatch.setenv(name, value)
    with Client(keyed, connection, patience=0) as client:
        assert client.create_job(BODY, "once").ok
        assert client.upload(Path(__file__)).ok
        assert client.chat([{"role": "user", "content": "?"}], "m").ok
        assert client.models().ok
    allowed = {"host", "connection", "accept", "accept-encoding", "content-type", "content-length", "user-agent"}
    for _method, _path, headers, _body in provider.requests:
        assert "LEAK" not in str(headers)
        assert {name.lower() for name in headers} <= allowed | {"authorization", "idempotency-key"}
        assert headers["Authorization"] == "Bearer sk-secret-0123456789"


def test_a_provider_without_a_key_gets_none(provider: FaultyProvider, settings: Settings) -> None:
    with Client(settings, Connection("x", "X", provider.url), patience=0) as client:
        assert client.models().ok
    assert "Authorization" not in provider.requests[0][2]


def test_the_key_shows_in_no_sentence_and_no_repr(provider: FaultyProvider, client: Client) -> None:
    secret = "sk-secret-0123456789"
    provider.fail("POST", "/jobs", "400")
    reply = client.create_job({"model": "m", "training_file": secret})
    assert secret not in f"{client!r} {reply!r} {vars(client)} {vars(client._sdk)}"


def test_an_error_that_echoes_the_key_is_masked(client: Client) -> None:
    from core.provider.outcome import said

    echoed = json.dumps({"error": {"message": "Incorrect key sk-secret-0123456789 or sk-other-key-1234", "code": 429}})
    words = said(echoed.encode(), client._key)
    assert "secret" not in words.message and "other" not in words.message
    assert words.code == "429"


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b'{"error":{"message":"bad","code":null,"param":"model"}}', "bad"),
        (b'{"error":"text"}', "text"),
        (b'{"detail":"Not Found"}', "Not Found"),
        (b'{"detail":[{"loc":["body"]}]}', '[{"loc": ["body"]}]'),
        (b'{"message":"flat","code":"c"}', "flat"),
        (b"<html>", ""),
        (b"", ""),
        (b"\xff\xfe", ""),
    ],
)
def test_every_shape_of_an_error_gives_its_words(client: Client, body: bytes, message: str) -> None:
    from core.provider.outcome import said

    assert said(body, client._key).message == message


def test_a_refused_organisation_is_told_what_to_do(provider: FaultyProvider, client: Client) -> None:
    provider.fail("POST", "/jobs", "403")
    reply = client.create_job(BODY)
    assert reply.training_refused
    assert "Nothing was created and nothing is billed" in str(reply.hint)


def test_reading_is_tried_again_while_patience_lasts(
    provider: FaultyProvider, keyed: Settings, connection: Connection
) -> None:
    with Client(keyed, connection, patience=3) as client:
        provider.fail("GET", "/models", "429", "429")
        assert client.models().value == provider.models
        assert provider.count("GET", "/models") == 3


def test_reading_is_not_tried_again_where_it_was_refused(
    provider: FaultyProvider, keyed: Settings, connection: Connection
) -> None:
    with Client(keyed, connection, patience=3) as client:
        provider.fail("GET", "/models", "401")
        assert client.models().outcome == Outcome.REFUSED
        assert provider.count("GET", "/models") == 1


@pytest.mark.parametrize("fault", ["reset", "cut", "500", "html", "null", "broken", "deep", "moved", "huge"])
def test_a_reading_that_fails_is_an_outcome(provider: FaultyProvider, client: Client, fault: str) -> None:
    provider.fail("GET", "/jobs/j", fault)
    reply = client.get_job("j")
    assert reply.outcome in (Outcome.UNREACHABLE, Outcome.MALFORMED)
    with pytest.raises(ProviderError):
        reply.unwrap()


def pages_that_never_end(provider: FaultyProvider) -> None:
    entries = [{"id": f"e{i}", "created_at": i} for i in range(100)]
    provider.answers["GET", "/jobs/j/events"] = {"data": entries}


def test_a_list_that_ignores_after_ends(provider: FaultyProvider, client: Client) -> None:
    pages_that_never_end(provider)
    assert len(client.events("j").unwrap()) == 100
    assert provider.count("GET", "/jobs/j/events") == 2


@pytest.mark.parametrize(
    ("page", "expected"),
    [
        ({"data": None}, []),
        ({}, []),
        ({"data": "text"}, []),
        ({"data": [None, 3, {"id": "a"}], "has_more": False}, [{"id": "a"}]),
        ({"data": [{"id": "a"}]}, [{"id": "a"}]),
        ({"data": [{"no": "id"}], "has_more": True}, [{"no": "id"}]),
    ],
)
def test_odd_pages_are_read_as_far_as_they_go(
    provider: FaultyProvider, client: Client, page: dict[str, object], expected: list[dict[str, str]]
) -> None:
    provider.answers["GET", "/jobs"] = page
    assert client.list_jobs().value == expected
    assert provider.count("GET", "/jobs") == 1


def test_new_events_are_found_behind_known_ones_in_either_order(provider: FaultyProvider, client: Client) -> None:
    provider.jobs["j"] = {"id": "j"}
    known = {f"e{i}" for i in range(150)}
    oldest_first = [{"id": f"e{i}", "created_at": 1000 + i} for i in range(160)]
    for order in (oldest_first, oldest_first[::-1]):
        provider.events[:] = order
        found = client.events("j", known.__contains__).unwrap()
        assert {entry["id"] for entry in found} == {f"e{i}" for i in range(150, 160)}


def test_a_job_may_hold_text_that_no_database_takes(provider: FaultyProvider, client: Client) -> None:
    provider.answers["GET", "/jobs/j"] = {
        "id": "j",
        "status": "a\x00b",
        "error": {"message": "\ud800"},
        "n": float("nan"),
    }
    assert client.get_job("j").unwrap() == {"id": "j", "status": "ab", "error": {"message": "?"}, "n": None}


def test_an_upload_keeps_its_bytes_and_name(provider: FaultyProvider, client: Client, tmp_path: Path) -> None:
    path = tmp_path / "data.jsonl"
    path.write_bytes('{"a":"日\\u00e9"}\n'.encode())
    file = client.upload(path).unwrap()
    assert provider.contents[file["id"]] == path.read_bytes()
    assert file["filename"] == "data.jsonl"
    assert client.content(file["id"]).value == path.read_bytes()


def test_an_answer_is_read(provider: FaultyProvider, client: Client) -> None:
    answer = client.chat([{"role": "user", "content": "When?"}], "m", temperature=0).unwrap()
    assert (answer.text, answer.finish) == ("At nine.", "stop")
    assert json.loads(provider.requests[0][3]) == {
        "model": "m",
        "messages": [{"role": "user", "content": "When?"}],
        "temperature": 0,
    }


@pytest.mark.parametrize("body", [{}, {"choices": []}, {"choices": None}, {"choices": ["x"]}])
def test_an_answer_without_choices_is_malformed(
    provider: FaultyProvider, client: Client, body: dict[str, object]
) -> None:
    provider.answers["POST", "/chat/completions"] = body
    assert client.chat([], "m").outcome == Outcome.MALFORMED


@pytest.mark.parametrize("fault", ["reset", "html", "sse", "500", "401", "broken"])
def test_a_stream_that_fails_says_so(provider: FaultyProvider, client: Client, fault: str) -> None:
    provider.fail("POST", "/chat/completions", fault)
    with pytest.raises(ProviderError):
        list(client.stream([{"role": "user", "content": "?"}], "m"))


def test_addresses_of_the_machine_itself_are_never_spoken_to(keyed: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(BadInput):
        Client(keyed, Connection("x", "X", "http://169.254.169.254/v1"))
    found = [(2, 1, 6, "", ("169.254.169.254", 80))]
    monkeypatch.setattr(guard.socket, "getaddrinfo", lambda *_a, **_k: found)
    with Client(keyed, Connection("x", "X", "http://rebound.example/v1"), patience=0) as client:
        reply = client.get_job("j")
        assert reply.outcome == Outcome.UNREACHABLE
        assert "reserved address" in str(reply.message)
