"""The routes below /v1/batches."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Annotated

from pydantic import Field
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from core.server import wire
from core.server.batches.schemas import BatchPage, BatchReply
from core.server.batches.store import Batches, CreateBatch, shown
from core.server.files import Files
from core.server.idempotency import Claim, Idempotency, digest_of
from core.server.openapi import Operation, Query
from core.server.paging import MOST, Paging
from core.server.reading import parse, read_json
from core.server.replies import JSONResponse, at_once


class BatchRoutes:
    """Create, show, list and cancel batches. `wake` tells the runner that there is something to do."""

    def __init__(self, batches: Batches, files: Files, idempotency: Idempotency, wake: Callable[[], None]) -> None:
        self._batches = batches
        self._files = files
        self._idempotency = idempotency
        self._wake = wake

    def routes(self) -> Sequence[Route]:
        """The routes, to be mounted."""
        return [
            Route(_ROOT, self.create, methods=["POST"]),
            Route(_ROOT, self.list, methods=["GET"]),
            Route(f"{_ROOT}/{{id}}", self.retrieve, methods=["GET"]),
            Route(f"{_ROOT}/{{id}}/cancel", self.cancel, methods=["POST"]),
        ]

    async def create(self, request: Request) -> Response:
        body = await read_json(request)

        def work(claim: Claim) -> wire.Json:
            wanted = parse(CreateBatch, body)
            self._files.check(wanted.input_file_id, "batch", "input_file_id")
            made = self._batches.create(wanted, claim)
            self._wake()
            return made

        return await self._idempotency.answer(request, digest_of(request, body), work)

    @at_once
    def list(self, request: Request) -> Response:
        return JSONResponse(self._batches.page(Paging.of(request, 20)))

    @at_once
    def retrieve(self, request: Request) -> Response:
        return JSONResponse(shown(self._batches.get(request.path_params["id"])))

    def cancel(self, request: Request) -> Response:
        cancelled = self._batches.cancel(request.path_params["id"])
        self._wake()
        return JSONResponse(cancelled)


class ListBatches(Query):
    """GET /v1/batches."""

    limit: Annotated[int, Field(ge=1, le=MOST)] = 20


_ROOT = "/v1/batches"
DOCUMENTED = (
    Operation("POST", _ROOT, "Starts a batch", BatchReply, body=CreateBatch, makes=True),
    Operation("GET", _ROOT, "Lists batches", BatchPage, query=ListBatches),
    Operation("GET", f"{_ROOT}/{{id}}", "Shows a batch", BatchReply, errors=(404,)),
    Operation("POST", f"{_ROOT}/{{id}}/cancel", "Ends a batch early", BatchReply, errors=(404, 409)),
)
