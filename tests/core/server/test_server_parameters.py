"""What docs/ENDPOINTS.md says of the parameters of questions, against the client's types and what the server does."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from openai.types import batch_create_params, completion_create_params, embedding_create_params
from openai.types.chat import completion_create_params as chat_create_params
from openai.types.responses import response_create_params
from pydantic import BaseModel

from core.server.answering import ChatRequest
from core.server.answering.asking import CompletionRequest, EmbeddingRequest
from core.server.batches.store import CreateBatch
from core.server.responses.requests import ResponseRequest

PAGE = (Path(__file__).resolve().parents[3] / "docs" / "ENDPOINTS.md").read_text("utf-8")
BASE = "local-classic-1"
KNOWN: dict[str, tuple[Any, type[BaseModel], dict[str, Any]]] = {
    "chat/completions": (
        chat_create_params.CompletionCreateParamsBase,
        ChatRequest,
        {"messages": [{"role": "user", "content": "hello"}]},
    ),
    "completions": (completion_create_params.CompletionCreateParamsBase, CompletionRequest, {"prompt": "hello"}),
    "embeddings": (embedding_create_params.EmbeddingCreateParams, EmbeddingRequest, {"input": "hello"}),
    "responses": (response_create_params.ResponseCreateParamsBase, ResponseRequest, {"input": "hello"}),
    "batches": (batch_create_params.BatchCreateParams, CreateBatch, {}),
}
STREAMED = {"chat/completions", "completions", "responses"}


def told(endpoint: str) -> list[list[str]]:
    """The names of parameters that are done, done where the model can, ignored, refused."""
    section = PAGE.partition(f"### `POST /v1/{endpoint}`\n")[2].partition("\n##")[0]
    names: list[list[str]] = [[], [], [], []]
    for line in section.splitlines()[2:]:
        cells = line.split("|")
        state = cells[2].strip()
        place = 3 if state.startswith("refused") else 2 if state == "ignored" else int("where the model" in state)
        names[place] += re.findall(r"`(\w+)`", cells[1])
    return names


@pytest.mark.parametrize("endpoint", KNOWN)
def test_the_page_tells_of_every_parameter_that_the_client_has(endpoint: str) -> None:
    params, _model, _body = KNOWN[endpoint]
    names = set(params.__annotations__) | ({"stream"} if endpoint in STREAMED else set())
    listed = [name for column in told(endpoint) for name in column]
    assert len(listed) == len(set(listed)) and set(listed) == names


@pytest.mark.parametrize("endpoint", KNOWN)
def test_what_is_done_or_refused_is_looked_at_and_the_rest_is_not(endpoint: str) -> None:
    _params, model, _body = KNOWN[endpoint]
    done, by_some, over, refused = told(endpoint)
    assert {*done, *by_some, *refused} == set(model.model_fields)
    assert not set(over) & set(model.model_fields)


@pytest.mark.parametrize(("endpoint", "name"), [(e, name) for e in KNOWN for name in told(e)[2]])
def test_what_is_read_over_changes_nothing(provider: Any, endpoint: str, name: str) -> None:
    reply = provider.ask("POST", f"/{endpoint}", json={"model": BASE, **KNOWN[endpoint][2], name: {"any": ["thing"]}})
    assert reply.status_code == 200, reply.text


@pytest.mark.parametrize(("endpoint", "name"), [(e, name) for e in KNOWN for name in told(e)[3]])
def test_what_is_refused_is_named(provider: Any, endpoint: str, name: str) -> None:
    model = KNOWN[endpoint][1]
    values: list[Any] = [True, "text", {"a": "b"}, [{"a": "b"}]]
    for value in values:
        body = {"model": BASE, **KNOWN[endpoint][2], name: value}
        reply = provider.ask("POST", f"/{endpoint}", json=body)
        assert (reply.status_code, reply.json()["error"]["param"].split(".")[0]) == (400, name), reply.text
    assert name in model.model_fields
