"""The routes below /v1/uploads."""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import BaseModel
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from core.server import wire
from core.server.errors import bad_request
from core.server.files import forms as uploads
from core.server.files.parts import PART_LIMIT, CompleteUpload, CreateUpload, Uploads
from core.server.files.schemas import PartReply, UploadReply
from core.server.home import Home
from core.server.idempotency import Claim, Idempotency, digest_of, hash_of
from core.server.openapi import Blob, Operation
from core.server.reading import parse, read_json
from core.server.replies import JSONResponse
from core.words import T


class AddPart(BaseModel):
    """POST /v1/uploads/{id}/parts."""

    data: Blob


class UploadRoutes:
    """Announce, add a part, complete, cancel."""

    def __init__(self, home: Home, store: Uploads, idempotency: Idempotency) -> None:
        self._home = home
        self._uploads = store
        self._idempotency = idempotency

    def routes(self) -> Sequence[Route]:
        """The routes, to be mounted."""
        return [
            Route("/v1/uploads", self.create, methods=["POST"]),
            Route("/v1/uploads/{id}/parts", self.add, methods=["POST"]),
            Route("/v1/uploads/{id}/complete", self.complete, methods=["POST"]),
            Route("/v1/uploads/{id}/cancel", self.cancel, methods=["POST"]),
        ]

    async def create(self, request: Request) -> Response:
        body = await read_json(request)

        def work(claim: Claim) -> wire.Json:
            return self._uploads.create(parse(CreateUpload, body), claim)

        return await self._idempotency.answer(request, digest_of(request, body), work)

    async def add(self, request: Request) -> Response:
        """Takes a part in; the answer comes when its bytes and its row are on disk."""
        upload_id = request.path_params["id"]
        await run_in_threadpool(self._uploads.pending, upload_id)
        path = self._home.incoming / wire.new_id("part-")
        kind = request.headers.get("content-type", "")
        form = await uploads.receive(kind, request.stream(), path, PART_LIMIT, "data")

        def work(claim: Claim) -> wire.Json:
            if not form.bytes:
                raise bad_request(T("The form has no part called data, or it is empty."), "data")
            return self._uploads.add(upload_id, path, form.bytes, claim)

        try:
            digest = digest_of(request, await run_in_threadpool(hash_of, request, path))
            return await self._idempotency.answer(request, digest, work)
        finally:
            path.unlink(missing_ok=True)

    async def complete(self, request: Request) -> Response:
        body = await read_json(request)

        def work(claim: Claim) -> wire.Json:
            return self._uploads.complete(request.path_params["id"], parse(CompleteUpload, body), claim)

        return await self._idempotency.answer(request, digest_of(request, body), work)

    def cancel(self, request: Request) -> Response:
        return JSONResponse(self._uploads.cancel(request.path_params["id"]))


DOCUMENTED = (
    Operation("POST", "/v1/uploads", "Announces an upload in parts", UploadReply, body=CreateUpload, makes=True),
    Operation(
        "POST",
        "/v1/uploads/{id}/parts",
        "Adds a part, at most 64 MB",
        PartReply,
        form=AddPart,
        errors=(404,),
        makes=True,
    ),
    Operation(
        "POST",
        "/v1/uploads/{id}/complete",
        "Joins the parts to a file",
        UploadReply,
        body=CompleteUpload,
        errors=(404,),
        makes=True,
    ),
    Operation("POST", "/v1/uploads/{id}/cancel", "Gives an upload up", UploadReply, errors=(400, 404, 409)),
)
