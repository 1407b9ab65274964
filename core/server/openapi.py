"""The OpenAPI 3.1 document of this server, made from the pydantic models and the rooms' tables of operations.

Every module with routes has a table `DOCUMENTED` of `Operation`s beside its route class, and `app.ROOMS` names it. A
test compares the tables with the routes that are mounted, so neither can go without the other.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from http import HTTPStatus
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, WithJsonSchema
from pydantic.json_schema import models_json_schema

Json = dict[str, Any]
Model = type[BaseModel]
_REF = "#/components/schemas/{model}"
ALWAYS = (401, 421, 500, 507)  # wrong key, wrong host, a mistake of ours, a full disk


class Reply(BaseModel):
    """What the server answers: its models name every key, so that an answer with another one is a mistake."""

    model_config = ConfigDict(extra="forbid")


Blob = Annotated[bytes, WithJsonSchema({"type": "string", "format": "binary"})]  # a file in a form


class Query(BaseModel):
    """What a list can be asked with; `after` is the id of the last thing seen."""

    after: str = ""


class ErrorDetail(Reply):
    """A sentence, what kind of error it is, the parameter at fault, and a stable code."""

    message: str
    type: Literal["invalid_request_error", "server_error"]
    param: str | None
    code: str | None


class ErrorReply(Reply):
    """Every error."""

    error: ErrorDetail


class OpenApi(BaseModel):
    """An OpenAPI document."""

    openapi: str
    info: dict[str, Any]
    paths: dict[str, Any]


@dataclass(frozen=True)
class Operation:
    """One method of one path. `reply` is the model of the JSON answer; None means bytes. `errors` are the statuses it
    can have besides ALWAYS; a body adds 400, 408, 413 and 503. `makes` says that it takes an Idempotency-Key."""

    method: Literal["GET", "POST", "DELETE"]
    path: str
    summary: str
    reply: Model | None
    body: Model | None = None
    form: Model | None = None
    query: Model | None = None
    events: Model | None = None  # the model of a chunk, where the answer may be a stream of events
    errors: tuple[int, ...] = ()
    makes: bool = False
    ranges: bool = False  # takes a Range header

    @cached_property
    def models(self) -> list[tuple[Model, Literal["validation", "serialization"]]]:
        """The models it is made of, asked and answered."""
        asked = [m for m in (self.body, self.form, self.query) if m is not None]
        answered = [m for m in (self.reply, self.events) if m is not None]
        return [*((m, "validation") for m in asked), *((m, "serialization") for m in answered)]


def document(operations: Iterable[Operation], version: str) -> Json:
    """The whole document."""
    table = list(operations)
    wanted = {pair: None for operation in table for pair in operation.models}
    wanted[(ErrorReply, "serialization")] = None
    refs, schemas = models_json_schema(list(wanted), ref_template=_REF)
    paths: dict[str, Json] = {}
    for operation in table:
        paths.setdefault(plain(operation.path), {})[operation.method.lower()] = _operation(operation, refs)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Luopan local provider",
            "version": version,
            "description": "The OpenAI fine-tuning protocol, served and really trained on this computer.",
        },
        "servers": [{"url": "/"}],
        "security": [{"key": []}],
        "paths": paths,
        "components": {
            "schemas": schemas.get("$defs", {}),
            "securitySchemes": {"key": {"type": "http", "scheme": "bearer"}},
        },
    }


def plain(path: str) -> str:
    """A path of a route as OpenAPI writes it: without converters."""
    return re.sub(r"\{(\w+):\w+\}", r"{\1}", path)


def _operation(operation: Operation, refs: dict[Any, Json]) -> Json:
    names = re.findall(r"\{(\w+)(?::\w+)?\}", operation.path)
    parameters = [{"name": n, "in": "path", "required": True, "schema": {"type": "string"}} for n in names]
    parameters += _query(operation.query)
    if operation.makes:
        parameters.append(_header("Idempotency-Key", {"type": "string", "maxLength": 255}))
    if operation.ranges:
        parameters.append(_header("Range", {"type": "string"}))
    described: Json = {
        "summary": operation.summary,
        "operationId": operation_id(operation),
        "parameters": parameters,
        "responses": _responses(operation, refs),
    }
    asked = operation.body or operation.form
    if asked is not None:
        kind = "application/json" if operation.body else "multipart/form-data"
        described["requestBody"] = {"required": True, "content": {kind: {"schema": refs[(asked, "validation")]}}}
    if operation.path in ("/health", "/openapi.json"):
        described["security"] = []
    return described


def operation_id(operation: Operation) -> str:
    """A name for the operation, of its method and path."""
    words = re.findall(r"\w+", plain(operation.path).removeprefix("/v1"))
    return "_".join([operation.method.lower(), *words])


def _query(model: Model | None) -> list[Json]:
    """The query parameters that a model has as fields."""
    if model is None:
        return []
    schema = model.model_json_schema(by_alias=True)
    parameters = [{"name": name, "in": "query", "schema": field} for name, field in schema["properties"].items()]
    for parameter in parameters:
        if parameter["schema"].get("type") == "object":  # metadata[team]=north
            parameter |= {"style": "deepObject", "explode": True}
    return parameters


def _header(name: str, schema: Json) -> Json:
    return {"name": name, "in": "header", "required": False, "schema": schema}


def _responses(operation: Operation, refs: dict[Any, Json]) -> Json:
    content: Json = {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}}
    if operation.reply is not None:
        content = {"application/json": {"schema": refs[(operation.reply, "serialization")]}}
    if operation.events is not None:
        about = "Lines `data: {…}`, each a chunk as in the schema; completions end with `data: [DONE]`."
        schema = {"type": "string", "description": about, "x-chunk": refs[(operation.events, "serialization")]}
        content["text/event-stream"] = {"schema": schema}
    responses: Json = {"200": {"description": "Done.", "content": content}}
    if operation.ranges:
        responses["206"] = {"description": "The part that was asked for.", "content": content}
    errors = {*operation.errors, *ALWAYS}
    if operation.body or operation.form:
        errors |= {400, 408, 413, 503}
    if operation.makes:
        errors |= {400, 409, 422}
    if operation.query:
        errors |= {400}
    for status in sorted(errors):
        told = {"application/json": {"schema": refs[(ErrorReply, "serialization")]}}
        responses[str(status)] = {"description": HTTPStatus(status).phrase, "content": told}
    return responses
