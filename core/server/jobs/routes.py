"""The routes below /v1/fine_tuning/jobs."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Annotated

from pydantic import Field
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from core.server import wire
from core.server.errors import bad_request
from core.server.files import Files
from core.server.idempotency import Claim, Idempotency, digest_of
from core.server.jobs.requests import CreateJob, refuse_bad
from core.server.jobs.schemas import CheckpointPage, EventPage, JobPage, JobReply
from core.server.jobs.store import Jobs
from core.server.models import Base, Models
from core.server.openapi import Operation, Query
from core.server.paging import MOST, Paging, query_of
from core.server.reading import parse, read_json
from core.server.replies import JSONResponse, at_once
from core.words import T


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
        body = await read_json(request)

        def work(claim: Claim) -> wire.Json:
            wanted = parse(CreateJob, body)
            reply = self._jobs.create(wanted, self._possible(wanted), claim)
            self._wake()
            return reply

        return await self._idempotency.answer(request, digest_of(request, body), work)

    def _possible(self, wanted: CreateJob) -> Base:
        """What the job would start from. Raises ApiError 400 where this server cannot do it."""
        for name in ("training_file", "validation_file"):
            if file_id := getattr(wanted, name):
                self._files.check(file_id, "fine-tune", name)
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
