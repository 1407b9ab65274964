"""The OpenAPI document: every route is in it, it is a valid document, and no answer over HTTP falls outside it."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import Any

import httpx2
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode
from schemathesis.checks import load_all_checks, not_a_server_error

from core.server.app import ROOMS, make_app
from core.server.home import Home
from core.server.openapi import plain

load_all_checks()
from schemathesis.checks import (  # noqa: E402  (there only once they are loaded)
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
ANSWERS = ("/v1/chat/completions", "/v1/completions", "/v1/embeddings", "/v1/responses", "/v1/responses/input_tokens")
OPERATIONS = sorted({(o.method, plain(o.path)) for o in itertools.chain.from_iterable(ROOMS)})


@pytest.fixture(scope="module")
def document(provider: Any) -> Any:
    reply = httpx2.get(provider.base_url.removesuffix("/v1") + "/openapi.json", trust_env=False)
    assert reply.status_code == 200 and reply.headers["content-type"] == "application/json"
    return reply.json()


def test_every_route_is_described_and_nothing_else(tmp_path: Any) -> None:
    app = make_app(Home(tmp_path), {})
    mounted = {(m, plain(route.path)) for route in app.routes for m in route.methods - {"HEAD"}}  # type: ignore[attr-defined]
    assert mounted == set(OPERATIONS)


def test_the_document_is_one(document: Any) -> None:
    assert document["openapi"] == "3.1.0"
    schemathesis.openapi.from_dict(document).validate()
    ids = [o["operationId"] for path in document["paths"].values() for o in path.values()]
    assert len(ids) == len(set(ids)) == len(OPERATIONS)
    for path in document["paths"].values():
        for operation in path.values():
            assert operation["summary"] and "401" in operation["responses"]


def test_ranges_of_hyperparameters_are_told(document: Any) -> None:
    schemas = document["components"]["schemas"]
    assert schemas["Hyperparameters"]["properties"]["n_epochs"]["anyOf"][1] == {
        "type": "integer",
        "minimum": 1,
        "maximum": 50,
    }
    assert schemas["DpoHyperparameters"]["properties"]["beta"]["anyOf"][1]["exclusiveMinimum"] == 0


@dataclass(frozen=True)
class There:
    """Things that exist, to be asked for instead of made-up ones."""

    provider: Any
    file: str
    job: str
    model: str

    def put_into(self, case: Any) -> None:
        """Names what exists in a question; what is to be deleted is made for it."""
        path, method = case.operation.path, case.method
        if path.startswith("/v1/files/"):
            case.path_parameters["id"] = self.provider.upload(b"{}") if method == "DELETE" else self.file
        elif path.startswith("/v1/uploads/"):
            new = self.provider.client.uploads.create(bytes=2, filename="x", mime_type="", purpose="evals")
            case.path_parameters["id"] = new.id
        elif "permissions" in path:
            case.path_parameters["model"] = self.model
        elif path.startswith("/v1/models/") and method == "GET":
            case.path_parameters["id"] = self.model
        elif path.startswith("/v1/fine_tuning/jobs/"):
            case.path_parameters["id"] = self.job
        elif path == "/v1/fine_tuning/jobs" and method == "POST" and isinstance(case.body, dict):
            case.body.update(model="local-classic-1", training_file=self.file)
        elif path.startswith("/v1/responses/") and "{id}" in path:
            new = self.provider.client.responses.create(model="local-classic-1", input="hello")
            case.path_parameters["id"] = new.id
        elif path.startswith("/v1/batches/"):
            case.path_parameters["id"] = self._batch().id
        elif path == "/v1/batches" and method == "POST" and isinstance(case.body, dict):
            case.body["input_file_id"] = self._batch().input_file_id
        elif path in ANSWERS and isinstance(case.body, dict):
            case.body["model"] = self.model
        elif "/graders/" in path and isinstance(case.body, dict):
            case.body["grader"] = {"type": "string_check", "input": "a", "reference": "b", "operation": "ne"}
        elif isinstance(case.body, dict) and "model" in case.body:
            case.body["model"] = self.model

    def _batch(self) -> Any:
        files, batches = self.provider.client.files, self.provider.client.batches
        file = files.create(file=("batch.jsonl", b"{}"), purpose="batch")
        return batches.create(input_file_id=file.id, endpoint="/v1/completions", completion_window="24h")


@pytest.fixture
def there(provider: Any, trained: Any, many_lines: Any) -> There:
    return There(provider, provider.upload(many_lines(12)), trained.id, trained.fine_tuned_model)


@pytest.mark.parametrize("mode", list(GenerationMode), ids=str)
@pytest.mark.parametrize(("method", "path"), OPERATIONS)
def test_no_answer_falls_outside_the_document(
    there: There, document: Any, method: str, path: str, mode: GenerationMode
) -> None:
    schema = schemathesis.openapi.from_dict(document)
    schema.config.update(base_url=there.provider.base_url.removesuffix("/v1"))

    @settings(max_examples=12, deadline=None, derandomize=True, database=None, phases=[Phase.generate],
              suppress_health_check=list(HealthCheck))  # fmt: skip
    @given(case=schema[path][method].as_strategy(generation_mode=mode), real=st.booleans())
    def ask(case: Any, real: bool) -> None:
        if real:
            there.put_into(case)
        case.call_and_validate(checks=CHECKS, headers={"Authorization": f"Bearer {there.provider.key}"}, timeout=30)

    try:
        ask()
    except Unsatisfiable:  # nothing can be wrong with a question that says nothing
        assert mode is GenerationMode.NEGATIVE
