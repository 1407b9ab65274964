"""The routes below /v1/files."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Annotated, Literal

from pydantic import BaseModel, Field
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from core.server import wire
from core.server.errors import ApiError, bad_request
from core.server.files import forms as uploads
from core.server.files.schemas import FilePage, FileReply
from core.server.files.store import PURPOSES, Files, NewFile
from core.server.home import Home
from core.server.idempotency import Claim, Idempotency, digest_of, hash_of
from core.server.openapi import Blob, Operation, Query
from core.server.paging import MOST, Paging, query_of, whole
from core.server.replies import JSONResponse, at_once
from core.server.schemas import Deleted
from core.words import T

EXPIRY = (3600, 2_592_000)  # seconds, as at OpenAI


class CreateFile(BaseModel):
    """POST /v1/files."""

    file: Blob
    purpose: Literal["fine-tune", "assistants", "batch", "vision", "user_data", "evals"]
    anchor: Annotated[Literal["created_at"], Field(alias="expires_after[anchor]")] = "created_at"
    seconds: Annotated[int, Field(alias="expires_after[seconds]", ge=EXPIRY[0], le=EXPIRY[1])] = EXPIRY[1]


class ListFiles(Query):
    """GET /v1/files."""

    limit: Annotated[int, Field(ge=1, le=MOST)] = MOST
    order: Literal["asc", "desc"] = "desc"
    purpose: str = ""


class FileRoutes:
    """Upload, list, show, download and delete files."""

    def __init__(self, home: Home, files: Files, idempotency: Idempotency, size_limit: int) -> None:
        self._home = home
        self._files = files
        self._idempotency = idempotency
        self._limit = size_limit

    def routes(self) -> Sequence[Route]:
        """The routes, to be mounted."""
        return [
            Route("/v1/files", self.create, methods=["POST"]),
            Route("/v1/files", self.list, methods=["GET"]),
            Route("/v1/files/{id}", self.retrieve, methods=["GET"]),
            Route("/v1/files/{id}", self.delete, methods=["DELETE"]),
            Route("/v1/files/{id}/content", self.content, methods=["GET"]),
        ]

    async def create(self, request: Request) -> Response:
        """Takes a file in; the answer comes when its bytes and its row are on disk."""
        path = self._home.incoming / wire.new_id("upload-")
        content_type = request.headers.get("content-type", "")
        upload = await uploads.receive(content_type, request.stream(), path, self._limit)

        def work(claim: Claim) -> wire.Json:
            purpose, seconds = _purpose(upload.fields), _lifetime(upload.fields)
            if not upload.has_file:
                raise bad_request(T("The form has no part called file."), "file")
            if not upload.bytes:
                raise bad_request(T("The file {name} is empty.", name=upload.filename), "file")
            return self._files.keep(path, NewFile(upload.filename, upload.bytes, purpose, seconds), claim)

        try:
            content = await run_in_threadpool(hash_of, request, path)
            digest = digest_of(request, [upload.fields, upload.filename, content])
            return await self._idempotency.answer(request, digest, work)
        finally:
            path.unlink(missing_ok=True)

    def list(self, request: Request) -> Response:
        paging = Paging.of(request, MOST)
        return JSONResponse(self._files.page(paging, query_of(request).get("purpose") or None))

    @at_once
    def retrieve(self, request: Request) -> Response:
        return JSONResponse(wire.file(self._files.get(request.path_params["id"])))

    def content(self, request: Request) -> Response:
        row = self._files.get(request.path_params["id"])
        path = self._files.path(row["id"])
        if not path.is_file():
            message = T("The bytes of {id} are missing on the disk of the local provider.", id=row["id"])
            raise ApiError(404, message, code="file_not_found")
        _refuse_range(request, row["bytes"])
        return _Bytes(path, media_type="application/octet-stream", filename=row["filename"])

    def delete(self, request: Request) -> Response:
        return JSONResponse(self._files.delete(request.path_params["id"]))


class _Bytes(FileResponse):
    """A file, or the one part of it that a Range header asks for. Several parts, or a range that says nothing, get the
    whole file, as RFC 9110 allows."""

    chunk_size = 256 << 10  # bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        asked = Headers(scope=scope).get("range")
        if asked is not None and _one_range(asked) is None:
            scope = {**scope, "headers": [(name, value) for name, value in scope["headers"] if name != b"range"]}
        await super().__call__(scope, receive, send)


def _one_range(text: str) -> tuple[int | None, int | None] | None:
    """The first and the last byte that a Range header names: (None, n) are the last n bytes; None: it names no one
    range."""
    match = re.fullmatch(r"bytes=\s*([0-9]{0,15})-([0-9]{0,15})\s*", text)
    if match is None or not (match[1] or match[2]):
        return None
    first, last = (int(digits) if digits else None for digits in match.groups())
    return None if first is not None and last is not None and last < first else (first, last)


def _refuse_range(request: Request, size: int) -> None:
    found = _one_range(request.headers.get("range", ""))
    if found is not None and (found == (None, 0) or (found[0] or 0) >= size):
        message = T("The file has {size} bytes; nothing of it lies in this range.", size=size)
        raise ApiError(416, message, code="range_not_satisfiable", headers={"content-range": f"bytes */{size}"})


def _purpose(fields: dict[str, str]) -> str:
    purpose = fields.get("purpose", "")
    if purpose not in PURPOSES:
        message = T(
            'purpose must be one of {known}, not "{seen}"; training files have the purpose fine-tune.',
            known=", ".join(PURPOSES),
            seen=purpose[:40],
        )
        raise bad_request(message, "purpose")
    return purpose


def _lifetime(fields: dict[str, str]) -> int | None:
    anchor, seconds = fields.get("expires_after[anchor]"), fields.get("expires_after[seconds]")
    if anchor is None and seconds is None:
        return None
    least, most = EXPIRY
    if anchor != "created_at":
        raise bad_request(T("expires_after needs the anchor created_at."), "expires_after.anchor")
    lifetime = whole(seconds or "")
    if lifetime is None or not least <= lifetime <= most:
        message = T("expires_after needs seconds from {least} to {most}.", least=least, most=most)
        raise bad_request(message, "expires_after.seconds")
    return lifetime


DOCUMENTED = (
    Operation("POST", "/v1/files", "Takes a file in, at most 512 MB", FileReply, form=CreateFile, makes=True),
    Operation("GET", "/v1/files", "Lists files", FilePage, query=ListFiles),
    Operation("GET", "/v1/files/{id}", "Shows a file", FileReply, errors=(404,)),
    Operation("DELETE", "/v1/files/{id}", "Deletes a file", Deleted, errors=(404,)),
    Operation("GET", "/v1/files/{id}/content", "The bytes of a file", None, errors=(404, 416), ranges=True),
)
