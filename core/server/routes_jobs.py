"""The routes below /v1/fine_tuning/jobs."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Annotated, Any

import orjson
from pydantic import Field
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from core.server import wire
from core.server.errors import ApiError, bad_request
from core.server.files import Files
from core.server.idempotency import Claim, Idempotency, digest_of
from core.server.jobs import Base, Jobs
from core.server.models import Models
from core.server.openapi import Operation, Query
from core.server.paging import MOST, Paging, query_of
from core.server.replies import JSONResponse, at_once
from core.server.requests import CreateJob, parse, refuse_bad
from core.server.schemas import CheckpointPage, EventPage, JobPage, JobReply
from core.words import T

JSON_LIMIT = 1 << 20  # bytes
DEPTH_LIMIT = 200
MOST_VALUES = 2_000_000


class ListJobs(Query):
    """GET /v1/fine_tuning/jobs; `metadata` holds pairs that a job must have."""

    limit: Annotated[int, Field(ge=1, le=MOST)] = 20
    metadata: dict[str, str] = Field(default_factory=dict)


class ListEvents(Query):
    """GET /v1/fine_tuning/jobs/{id}/events."""

    limit: Annotated[int, Field(ge=1, le=MOST)] = 20


class ListCheckpoints(Query):
    """GET /v1/fine_tuning/jobs/{id}/checkpoints."""

    limit: Annotated[int, Field(ge=1, le=MOST)] = 10


class JobRoutes:
    """Create, list, show, cancel and follow jobs. `wake` tells the supervisor that there is something to do."""

    def __init__(
        self, jobs: Jobs, files: Files, models: Models, idempotency: Idempotency, wake: Callable[[], None]
    ) -> None:
        self._jobs = jobs
        self._idempotency = idempotency
        self._files = files
        self._models = models
        self._wake = wake

    def routes(self) -> Sequence[Route]:
        """The routes, to be mounted."""
        return [
            Route(_ROOT, self.create, methods=["POST"]),
            Route(_ROOT, self.list, methods=["GET"]),
            Route(f"{_ROOT}/{{id}}", self.retrieve, methods=["GET"]),
            Route(f"{_ROOT}/{{id}}/cancel", self.cancel, methods=["POST"]),
            Route(f"{_ROOT}/{{id}}/pause", self.pause, methods=["POST"]),
            Route(f"{_ROOT}/{{id}}/resume", self.resume, methods=["POST"]),
            Route(f"{_ROOT}/{{id}}/events", self.events, methods=["GET"]),
            Route(f"{_ROOT}/{{id}}/checkpoints", self.checkpoints, methods=["GET"]),
        ]

    async def create(self, request: Request) -> Response:
        body = await read_json(request, JSON_LIMIT)

        def work(claim: Claim) -> wire.Json:
            wanted = parse(CreateJob, body)
            reply = self._jobs.create(wanted, self._possible(wanted), claim)
            self._wake()
            return reply

        return await self._idempotency.answer(request, digest_of(request, body), work)

    def _possible(self, wanted: CreateJob) -> Base:
        """What the job would start from. Raises ApiError 400 where this server cannot do it."""
        for name in ("training_file", "validation_file"):
            file_id = getattr(wanted, name)
            if not file_id:
                continue
            row = self._files.find(file_id)
            if row is None:
                raise bad_request(T("There is no file {id}. Upload it first.", id=file_id[:80]), name, "file_not_found")
            if row["purpose"] != "fine-tune":
                message = T(
                    "The file {id} has the purpose {seen}; upload it with the purpose fine-tune.",
                    id=file_id,
                    seen=row["purpose"],
                )
                raise bad_request(message, name, "invalid_file_purpose")
        if wanted.integrations:
            raise bad_request(T("This server has no integrations; leave them out."), "integrations")
        base, methods = self._models.trainable(wanted.model)
        if wanted.method_type() not in methods:
            message = T(
                "{model} can be trained with {known}, not with {seen}.",
                model=wanted.model,
                known=", ".join(methods),
                seen=wanted.method_type(),
            )
            raise bad_request(message, "method.type", "method_not_supported")
        if detail := wanted.reinforcement():
            refuse_bad(detail.grader, "method.reinforcement.grader")
        return base

    @at_once
    def list(self, request: Request) -> Response:
        metadata = dict[str, str]()
        for name, value in query_of(request).items():
            if match := re.fullmatch(r"metadata\[(.{1,64})\]", name):
                metadata[match[1]] = value
        none = query_of(request).get("metadata") == "null"
        paging = Paging.of(request, 20)
        return JSONResponse(self._jobs.page(paging, metadata, without_metadata=none))

    @at_once
    def retrieve(self, request: Request) -> Response:
        return JSONResponse(wire.job(self._jobs.get(request.path_params["id"])))

    def cancel(self, request: Request) -> Response:
        return self._moved(self._jobs.cancel(request.path_params["id"]))

    def pause(self, request: Request) -> Response:
        return self._moved(self._jobs.pause(request.path_params["id"]))

    def resume(self, request: Request) -> Response:
        return self._moved(self._jobs.resume(request.path_params["id"]))

    def _moved(self, reply: wire.Json) -> Response:
        self._wake()
        return JSONResponse(reply)

    @at_once
    def events(self, request: Request) -> Response:
        return JSONResponse(self._jobs.events(request.path_params["id"], Paging.of(request, 20)))

    @at_once
    def checkpoints(self, request: Request) -> Response:
        return JSONResponse(self._jobs.checkpoints(request.path_params["id"], Paging.of(request, 10)))


_ROOT = "/v1/fine_tuning/jobs"
DOCUMENTED = (
    Operation("POST", _ROOT, "Begins a job", JobReply, body=CreateJob, makes=True),
    Operation("GET", _ROOT, "Lists jobs", JobPage, query=ListJobs),
    Operation("GET", f"{_ROOT}/{{id}}", "Shows a job", JobReply, errors=(404,)),
    Operation("POST", f"{_ROOT}/{{id}}/cancel", "Cancels a job", JobReply, errors=(400, 404)),
    Operation("POST", f"{_ROOT}/{{id}}/pause", "Pauses a job", JobReply, errors=(400, 404)),
    Operation("POST", f"{_ROOT}/{{id}}/resume", "Lets a paused job go on", JobReply, errors=(400, 404)),
    Operation("GET", f"{_ROOT}/{{id}}/events", "Lists the events of a job", EventPage, query=ListEvents, errors=(404,)),
    Operation(
        "GET",
        f"{_ROOT}/{{id}}/checkpoints",
        "Lists the checkpoints of a job",
        CheckpointPage,
        query=ListCheckpoints,
        errors=(404,),
    ),
)


async def read_json(request: Request, limit: int) -> object:
    """The body as JSON, whatever its content type says. Raises ApiError 400, or 413 over the limit (bytes)."""
    raw = bytearray()
    async for block in request.stream():
        raw += block
        if len(raw) > limit:
            message = T("The body is larger than {limit} MB.", limit=limit >> 20)
            raise ApiError(413, message, code="request_too_large")
    if raw.count(b",") + 4 * raw.count(b"{") > MOST_VALUES:  # once read, each takes many times its bytes
        raise ApiError(413, T("The body holds too many values."), code="request_too_large")
    try:
        body = orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        raise bad_request(T("The body is not valid JSON: {problem}.", problem=str(error))) from None
    if too_deep(body):
        raise bad_request(T("The body is nested deeper than {most} levels.", most=DEPTH_LIMIT))
    return body


def too_deep(body: object) -> bool:
    """Whether more brackets are open at some place than anything sensible needs."""
    here: list[Any] = [body]
    for _level in range(DEPTH_LIMIT):
        here = [v for v in here if isinstance(v, dict | list)]
        if not here:
            return False
        here = [child for v in here for child in (v.values() if isinstance(v, dict) else v)]
    return True
