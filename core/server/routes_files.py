"""The routes below /v1/files."""

from __future__ import annotations

from collections.abc import Sequence

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import Route

from core.server import uploads, wire
from core.server.errors import ApiError, bad_request
from core.server.files import PURPOSES, Files
from core.server.home import Home
from core.server.paging import MOST, Paging, query_of, whole
from core.server.replies import JSONResponse, at_once
from core.words import T

EXPIRY = (3600, 2_592_000)  # seconds, as at OpenAI


class FileRoutes:
    """Upload, list, show, download and delete files."""

    def __init__(self, home: Home, files: Files, size_limit: int) -> None:
        self._home = home
        self._files = files
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
        try:
            purpose, seconds = _purpose(upload.fields), _lifetime(upload.fields)
            if not upload.has_file:
                raise bad_request(T("The form has no part called file."), "file")
            if not upload.bytes:
                raise bad_request(T("The file {name} is empty.", name=upload.filename), "file")
            reply = await run_in_threadpool(self._files.keep, path, upload.filename, upload.bytes, purpose, seconds)
        finally:
            path.unlink(missing_ok=True)
        return JSONResponse(reply)

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
        return FileResponse(path, media_type="application/octet-stream", filename=row["filename"])

    def delete(self, request: Request) -> Response:
        return JSONResponse(self._files.delete(request.path_params["id"]))


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
