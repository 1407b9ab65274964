"""What bad requests get: OpenAI's error body, the parameter at fault, and a sentence."""

from __future__ import annotations

import json
from typing import Any

import httpx2
import openai
import pytest

from core.server.door.middleware import known_host

JOBS, CHAT = "/fine_tuning/jobs", "/chat/completions"
HELLO = [{"role": "user", "content": "hello"}]
FUNCTION = [{"type": "function", "function": {"name": "f"}}]


def error_of(reply: httpx2.Response) -> dict[str, Any]:
    """The error object of a reply; every error has the same four keys."""
    body = reply.json()
    assert set(body) == {"error"} and set(body["error"]) == {"message", "type", "param", "code"}, body
    assert len(body["error"]["message"]) > 10 and reply.headers["x-request-id"].startswith("req_")
    assert "traceback" not in reply.text.lower()
    error: dict[str, Any] = body["error"]
    return error


@pytest.fixture(scope="module")
def file_id(provider: Any) -> str:
    return str(provider.upload(b'{"messages": []}\n'))


@pytest.mark.parametrize(
    ("change", "param"),
    [
        ({"model": None}, "model"),
        ({"model": 7}, "model"),
        ({"model": "gpt-4o"}, "model"),
        ({"model": "ft:local-classic-1:local:gone:0000"}, "model"),
        ({"training_file": None}, "training_file"),
        ({"training_file": "file-gone"}, "training_file"),
        ({"training_file": "../../etc/passwd"}, "training_file"),
        ({"validation_file": "file-gone"}, "validation_file"),
        ({"suffix": ""}, "suffix"),
        ({"suffix": "s" * 65}, "suffix"),
        ({"suffix": "a/b"}, "suffix"),
        ({"suffix": "a\nb"}, "suffix"),
        ({"seed": -1}, "seed"),
        ({"seed": 2**31}, "seed"),
        ({"seed": True}, "seed"),
        ({"seed": "7"}, "seed"),
        ({"metadata": {str(n): "v" for n in range(17)}}, "metadata"),
        ({"metadata": {"k" * 65: "v"}}, "metadata"),
        ({"metadata": {"k": "v" * 513}}, "metadata.k"),
        ({"metadata": {"k": 1}}, "metadata.k"),
        ({"metadata": ["k"]}, "metadata"),
        ({"integrations": [{"type": "wandb", "wandb": {"project": "p"}}]}, "integrations"),
        ({"method": {"type": "magic"}}, "method.type"),
        ({"method": "supervised"}, "method"),
        (
            {"method": {"type": "supervised", "supervised": {"hyperparameters": {"n_epochs": 0}}}},
            "method.supervised.hyperparameters.n_epochs",
        ),
        ({"hyperparameters": {"n_epochs": 51}}, "hyperparameters.n_epochs"),
        ({"hyperparameters": {"n_epochs": 2.5}}, "hyperparameters.n_epochs"),
        ({"hyperparameters": {"n_epochs": "many"}}, "hyperparameters.n_epochs"),
        ({"hyperparameters": {"n_epochs": True}}, "hyperparameters.n_epochs"),
        ({"hyperparameters": {"batch_size": 257}}, "hyperparameters.batch_size"),
        ({"hyperparameters": {"learning_rate_multiplier": 0}}, "hyperparameters.learning_rate_multiplier"),
        ({"hyperparameters": {"learning_rate_multiplier": -1.5}}, "hyperparameters.learning_rate_multiplier"),
    ],
)
def test_a_bad_job_names_its_parameter(provider: Any, file_id: str, change: dict[str, Any], param: str) -> None:
    body = {"model": "local-classic-1", "training_file": file_id, **change}
    reply = provider.ask("POST", JOBS, json=body)
    error = error_of(reply)
    assert (reply.status_code, error["type"], error["param"]) == (400, "invalid_request_error", param), error


@pytest.mark.parametrize(
    ("change", "param"),
    [
        ({"messages": None}, "messages"),
        ({"messages": []}, "messages"),
        ({"messages": ["hello"]}, "messages[0]"),
        ({"messages": [{"content": "hello"}]}, "messages[0].role"),
        ({"messages": [*HELLO, {"role": "wizard", "content": "x"}]}, "messages[1].role"),
        ({"messages": [{"role": "user"}]}, "messages[0].content"),
        ({"messages": [{"role": "user", "content": 7}]}, "messages[0].content"),
        ({"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {}}]}]}, "messages[0].content"),
        ({"temperature": 2.1}, "temperature"),
        ({"temperature": "hot"}, "temperature"),
        ({"top_p": -0.1}, "top_p"),
        ({"n": 0}, "n"),
        ({"n": 129}, "n"),
        ({"max_tokens": 0}, "max_tokens"),
        ({"max_completion_tokens": -1}, "max_completion_tokens"),
        ({"stop": ["a", "b", "c", "d", "e"]}, "stop"),
        ({"stop": ""}, "stop"),
        ({"top_logprobs": 3}, "top_logprobs"),
        ({"logprobs": True, "top_logprobs": 21}, "top_logprobs"),
        ({"logit_bias": {"50": 5}}, "logit_bias"),
        ({"logit_bias": {"fifty": 5}}, "logit_bias"),
        ({"logit_bias": {"50": 101}}, "logit_bias.50"),
        ({"response_format": {"type": "json_object"}}, "response_format"),
        ({"response_format": {"type": "xml"}}, "response_format.type"),
        ({"response_format": {"type": "json_schema", "json_schema": {}}}, "response_format.json_schema.name"),
        ({"tools": [{"type": "custom", "custom": {"name": "f"}}]}, "tools[0].type"),
        ({"tools": [{"type": "function", "function": {}}]}, "tools[0].function.name"),
        ({"tools": FUNCTION, "tool_choice": "required"}, "tool_choice"),
        ({"tools": FUNCTION, "tool_choice": "always"}, "tool_choice"),
        ({"tools": FUNCTION, "tool_choice": {"type": "function", "function": {"name": "g"}}}, "tool_choice"),
        ({"tools": FUNCTION, "tool_choice": {"type": "allowed_tools", "allowed_tools": 7}}, "tool_choice"),
        ({"functions": [{"name": "f"}]}, "functions"),
        ({"function_call": "auto"}, "function_call"),
        ({"audio": {"voice": "alloy"}}, "audio"),
        ({"web_search_options": {"search_context_size": "low"}}, "web_search_options"),
        ({"frequency_penalty": 0.5}, "frequency_penalty"),
        ({"moderation": {"model": "m"}}, "moderation"),
        ({"tool_choice": "required"}, "tool_choice"),
        ({"tool_choice": {"type": "function", "function": {"name": "f"}}}, "tool_choice"),
        ({"modalities": ["audio"]}, "modalities"),
        ({"presence_penalty": 3}, "presence_penalty"),
    ],
)
def test_a_bad_question_names_its_parameter(provider: Any, change: dict[str, Any], param: str) -> None:
    reply = provider.ask("POST", CHAT, json={"model": "local-classic-1", "messages": HELLO, **change})
    error = error_of(reply)
    assert (reply.status_code, error["param"]) == (400, param), error


def test_what_cannot_change_the_answer_is_read_over(provider: Any) -> None:
    wishes = {
        "user": "me",
        "metadata": {"a": "b"},
        "presence_penalty": 0,
        "reasoning_effort": "low",
        "service_tier": "auto",
        "parallel_tool_calls": True,
        "logit_bias": {},
        "tools": [{"type": "function", "function": {"name": "f"}}],
        "tool_choice": "auto",
        "response_format": {"type": "text"},
        "store": False,
        "stop": None,
        "n": None,
        "temperature": None,
        "from_the_future": {"x": 1},
    }
    reply = provider.ask("POST", CHAT, json={"model": "local-classic-1", "messages": HELLO, **wishes})
    assert reply.status_code == 200


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/nothing", 404, "unknown_url"),
        ("GET", "/files/", 404, "unknown_url"),
        ("PUT", "/files", 405, "method_not_allowed"),
        ("DELETE", JOBS, 405, "method_not_allowed"),
        ("GET", CHAT, 405, "method_not_allowed"),
        ("GET", "/files/file-gone", 404, "file_not_found"),
        ("GET", "/files/file-gone/content", 404, "file_not_found"),
        ("DELETE", "/files/file-gone", 404, "file_not_found"),
        ("GET", "/files/..%2f..%2fkey/content", 404, "unknown_url"),
        ("GET", f"{JOBS}/ftjob-gone", 404, "fine_tune_not_found"),
        ("POST", f"{JOBS}/ftjob-gone/cancel", 404, "fine_tune_not_found"),
        ("GET", f"{JOBS}/ftjob-gone/events", 404, "fine_tune_not_found"),
        ("GET", f"{JOBS}/ftjob-gone/checkpoints", 404, "fine_tune_not_found"),
        ("GET", "/models/meta-llama%2FLlama-3.1-8B", 404, "model_not_found"),
        ("DELETE", "/models/gpt-4o", 404, "model_not_found"),
        ("DELETE", "/models/local-classic-1", 403, "base_model"),
        ("GET", "/files?limit=0", 400, None),
        ("GET", "/files?limit=ten", 400, None),
        ("GET", "/files?order=up", 400, None),
        ("GET", f"{JOBS}?after=ftjob-gone", 400, None),
    ],
)
def test_every_error_has_openais_body(provider: Any, method: str, path: str, status: int, code: str | None) -> None:
    reply = provider.ask(method, path)
    assert (reply.status_code, error_of(reply)["code"]) == (status, code)


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"7", b'"text"', b"\xff\xfe", b'{"model": NaN}', b"[" * 5000])
def test_a_body_that_is_no_json_object_is_refused(provider: Any, body: bytes) -> None:
    for path in (JOBS, CHAT):
        reply = provider.ask("POST", path, content=body)
        assert reply.status_code == 400 and error_of(reply)["type"] == "invalid_request_error"


def test_a_body_over_the_limit_is_refused(provider: Any) -> None:
    reply = provider.ask("POST", JOBS, content=json.dumps({"model": "m" * (2 << 20)}).encode())
    assert (reply.status_code, error_of(reply)["code"]) == (413, "request_too_large")


def test_the_client_reads_the_sentence(provider: Any) -> None:
    with pytest.raises(openai.BadRequestError, match=r"There is no file file-gone\. Upload it first") as caught:
        provider.client.fine_tuning.jobs.create(model="local-classic-1", training_file="file-gone")
    assert (caught.value.param, caught.value.code) == ("training_file", "file_not_found")


@pytest.mark.parametrize("token", [None, "", "Bearer", "Bearer wrong", "Basic {key}", "Bearer {key}x", "{key}"])
def test_nobody_asks_without_the_key(provider: Any, token: str | None) -> None:
    headers = {} if token is None else {"Authorization": token.format(key=provider.key)}
    for path in ("/models", "/files", JOBS, "/nothing"):
        reply = httpx2.get(provider.base_url + path, headers=headers, trust_env=False)
        assert (reply.status_code, error_of(reply)["code"]) == (401, "invalid_api_key")
        assert provider.key not in reply.text


def test_a_page_of_another_site_is_refused(provider: Any) -> None:
    reply = provider.ask("GET", "/models", headers={"Host": "evil.example:80"})
    assert (reply.status_code, error_of(reply)["code"]) == (421, "unknown_host")


def test_answers_carry_safe_headers_and_allow_no_other_origin(provider: Any) -> None:
    for reply in (
        provider.ask("GET", "/models", headers={"Origin": "http://evil.example"}),
        provider.ask("OPTIONS", "/models", headers={"Origin": "http://evil.example"}),
    ):
        assert not [name for name in reply.headers if name.startswith("access-control")]
        assert reply.headers["x-content-type-options"] == "nosniff"
        assert reply.headers["cache-control"] == "no-store"
        assert "server" not in reply.headers


def test_health_needs_no_key(provider: Any) -> None:
    reply = httpx2.get(provider.base_url.removesuffix("/v1") + "/health", trust_env=False)
    assert reply.json() == {"status": "ok"}


@pytest.mark.parametrize(
    ("host", "known"),
    [
        ("127.0.0.1", True),
        ("127.0.0.1:8790", True),
        ("localhost:1", True),
        ("LOCALHOST", True),
        ("[::1]:8790", True),
        ("", False),
        ("127.0.0.1.evil.example", False),
        ("localhost.", False),
        ("localhost:port", False),
        ("localhost/x", False),
        ("me@localhost", False),
        ("[::1", False),
        ("0.0.0.0", False),
    ],
)
def test_only_names_of_the_loopback_are_known(host: str, known: bool) -> None:
    assert known_host([host]) is known


@pytest.mark.parametrize("hosts", [[], ["localhost", "localhost"]])
def test_a_request_names_its_host_once(hosts: list[str]) -> None:
    assert not known_host(hosts)


def test_sentences_are_said_in_the_readers_language(provider: Any) -> None:
    reply = provider.ask("GET", "/models/none", headers={"Accept-Language": "zh-CN,zh;q=0.9"})
    assert reply.status_code == 404 and error_of(reply)["code"] == "model_not_found"


@pytest.mark.parametrize("limit", ["0", "10001", "000000001999999", "000000001" + "9" * 30, "٣", "1e3"])
def test_a_limit_is_read_whole_or_refused(provider: Any, limit: str) -> None:
    error = error_of(reply := provider.ask("GET", "/files", params={"limit": limit}))
    assert (reply.status_code, error["param"]) == (400, "limit")


def test_a_lifetime_is_read_whole_or_refused(provider: Any) -> None:
    form = {
        "purpose": "fine-tune",
        "expires_after[anchor]": "created_at",
        "expires_after[seconds]": "000360000" + "9" * 20,
    }
    reply = provider.ask("POST", "/files", data=form, files={"file": ("a.jsonl", b"x")})
    assert (reply.status_code, error_of(reply)["param"]) == (400, "expires_after.seconds")


@pytest.mark.parametrize("path", [JOBS, CHAT])
@pytest.mark.parametrize("depth", [201, 990, 1020, 5000])
def test_a_body_that_is_nested_without_end_is_refused(provider: Any, path: str, depth: int) -> None:
    reply = provider.ask("POST", path, content=b'{"metadata":' + b"[" * depth + b"]" * depth + b"}")
    assert reply.status_code == 400 and error_of(reply)["message"]


def test_a_bad_suffix_is_shown_and_nothing_else(provider: Any, file_id: str) -> None:
    reply = provider.ask("POST", JOBS, json={"model": "local-classic-1", "training_file": file_id, "suffix": "a:b"})
    assert error_of(reply)["message"] == "suffix: must hold none of / : ? # % and no control characters (seen: 'a:b')."
