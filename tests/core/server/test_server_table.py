"""docs/ENDPOINTS.md, held against the server's document, openai's client and the tests that it names."""

from __future__ import annotations

import importlib
import itertools
import re
from pathlib import Path
from typing import Any

import orjson
import pytest

from core.server.app import ROOMS, described
from core.server.openapi import plain

ROOT = Path(__file__).resolve().parents[3]
STATES = ("done", "ignored", "refused", "as for")
OPERATIONS = sorted({(o.method, plain(o.path)) for o in itertools.chain.from_iterable(ROOMS)})
# Where the client says what it can send.
CLIENT = {
    ("POST", "/v1/files"): "file_create_params.FileCreateParams",
    ("GET", "/v1/files"): "file_list_params.FileListParams",
    ("POST", "/v1/uploads"): "upload_create_params.UploadCreateParams",
    ("POST", "/v1/uploads/{id}/parts"): "uploads.part_create_params.PartCreateParams",
    ("POST", "/v1/uploads/{id}/complete"): "upload_complete_params.UploadCompleteParams",
    ("POST", "/v1/fine_tuning/jobs"): "fine_tuning.job_create_params.JobCreateParams",
    ("GET", "/v1/fine_tuning/jobs"): "fine_tuning.job_list_params.JobListParams",
    ("GET", "/v1/fine_tuning/jobs/{id}/events"): "fine_tuning.job_list_events_params.JobListEventsParams",
    ("GET", "/v1/fine_tuning/jobs/{id}/checkpoints"): ("fine_tuning.jobs.checkpoint_list_params.CheckpointListParams"),
    ("POST", "/v1/fine_tuning/checkpoints/{model}/permissions"): (
        "fine_tuning.checkpoints.permission_create_params.PermissionCreateParams"
    ),
    ("GET", "/v1/fine_tuning/checkpoints/{model}/permissions"): (
        "fine_tuning.checkpoints.permission_list_params.PermissionListParams"
    ),
    ("POST", "/v1/fine_tuning/alpha/graders/run"): "fine_tuning.alpha.grader_run_params.GraderRunParams",
    ("POST", "/v1/fine_tuning/alpha/graders/validate"): (
        "fine_tuning.alpha.grader_validate_params.GraderValidateParams"
    ),
    ("POST", "/v1/chat/completions"): "chat.completion_create_params.CompletionCreateParamsStreaming",
    ("POST", "/v1/completions"): "completion_create_params.CompletionCreateParamsStreaming",
    ("POST", "/v1/embeddings"): "embedding_create_params.EmbeddingCreateParams",
    ("POST", "/v1/responses"): "responses.response_create_params.ResponseCreateParamsStreaming",
    ("GET", "/v1/responses/{id}"): "responses.response_retrieve_params.ResponseRetrieveParamsStreaming",
    ("GET", "/v1/responses/{id}/input_items"): "responses.input_item_list_params.InputItemListParams",
    ("POST", "/v1/responses/input_tokens"): "responses.input_token_count_params.InputTokenCountParams",
    ("POST", "/v1/batches"): "batch_create_params.BatchCreateParams",
    ("GET", "/v1/batches"): "batch_list_params.BatchListParams",
}


def sections() -> dict[tuple[str, str], list[list[str]]]:
    """The rows of each endpoint's table."""
    found: dict[tuple[str, str], list[list[str]]] = {}
    text = (ROOT / "docs" / "ENDPOINTS.md").read_text("utf-8")
    for section in re.split(r"^### ", text, flags=re.M)[1:]:
        title, _, body = section.partition("\n")
        rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in body.splitlines() if line[:1] == "|"]
        for method, path in re.findall(r"`([A-Z]+) (\S+)`", title):
            found[method, path] = rows[2:]
    return found


def parameters(operation: tuple[str, str]) -> set[str]:
    """What can be sent: what the server describes, and what the client knows besides."""
    document: Any = orjson.loads(described())
    told = document["paths"][operation[1]][operation[0].lower()]
    names = {p["name"] for p in told["parameters"] if p["in"] == "query"}
    for content in told.get("requestBody", {}).get("content", {}).values():
        schema = document["components"]["schemas"][content["schema"]["$ref"].rsplit("/", 1)[-1]]
        names |= {name.partition("[")[0] for name in schema["properties"]}
    if operation in CLIENT:
        module, _, name = CLIENT[operation].rpartition(".")
        kind = getattr(importlib.import_module(f"openai.types.{module}"), name)
        for base in (kind, *getattr(kind, "__orig_bases__", ())):
            names |= set(getattr(base, "__annotations__", {}))
    return names


def test_every_endpoint_has_a_section_and_no_other() -> None:
    assert sorted(sections()) == OPERATIONS


@pytest.mark.parametrize("operation", OPERATIONS, ids=" ".join)
def test_every_parameter_has_a_state(operation: tuple[str, str]) -> None:
    rows = sections()[operation]
    told = [name for row in rows for name in re.findall(r"`(\w+)`", row[0])]
    assert sorted(told) == sorted(parameters(operation))
    assert all(row[1].startswith(STATES) and "`test_" in row[2] for row in rows)


ASKED = {
    "/v1/chat/completions": {"messages": [{"role": "user", "content": "hello"}]},
    "/v1/completions": {"prompt": "hello"},
    "/v1/embeddings": {"input": "hello"},
    "/v1/responses": {"input": "hello"},
    "/v1/responses/input_tokens": {"input": "hello"},
}


@pytest.mark.parametrize("path", ASKED)
def test_what_is_ignored_is_taken_and_changes_nothing(provider: Any, path: str) -> None:
    rows = sections()["POST", path]
    ignored = [name for row in rows if row[1] == "ignored" for name in re.findall(r"`(\w+)`", row[0])]
    kinds = {"metadata": {"a": "b"}, "store": False, "stream": False, "top_p": 1, "temperature": 1, "top_logprobs": 0}
    kinds |= {"max_output_tokens": 9, "parallel_tool_calls": True, "include": []}
    more = {name: kinds.get(name, {"type": "auto"}) for name in ignored}
    plain_body = {"model": "local-classic-1", **ASKED[path]}
    bare, full = (provider.ask("POST", path.removeprefix("/v1"), json={**plain_body, **m}) for m in ({}, more))
    assert (bare.status_code, full.status_code) == (200, 200), full.text
    assert ignored and without_marks(full.json()) == without_marks(bare.json())


def without_marks(value: Any) -> Any:
    """An answer without what is new each time."""
    if isinstance(value, dict):
        marks = ("id", "created", "created_at", "completed_at", "metadata", "store")
        return {key: without_marks(v) for key, v in value.items() if key not in marks}
    return [without_marks(v) for v in value] if isinstance(value, list) else value


def test_every_test_that_is_named_exists() -> None:
    text = (ROOT / "docs" / "ENDPOINTS.md").read_text("utf-8")
    files = (ROOT / "tests" / "core").rglob("test_*.py")
    known = {name for path in files for name in re.findall(r"^def (test_\w+)", path.read_text("utf-8"), flags=re.M)}
    assert set(re.findall(r"`(test_\w+)`", text)) - known == set()


def test_every_operation_of_the_client_here_is_one_of_the_server() -> None:
    assert set(CLIENT) <= set(OPERATIONS)
