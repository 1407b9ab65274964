"""The routes below /v1/fine_tuning/checkpoints: at OpenAI a checkpoint can be shared with other projects. This server
has one owner and no projects: whoever has its key can use every checkpoint, so nothing is shared and nothing can be."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from core.server import wire
from core.server.errors import ApiError, bad_request
from core.server.models.catalogue import Models
from core.server.models.schemas import PermissionPage
from core.server.openapi import Operation, Query
from core.server.reading import parse, read_json
from core.server.replies import JSONResponse
from core.server.schemas import Deleted
from core.words import T

ROOT = "/v1/fine_tuning/checkpoints/{model:path}/permissions"


class CreatePermissions(BaseModel):
    """POST /v1/fine_tuning/checkpoints/{model}/permissions."""

    model_config = ConfigDict(strict=True)

    project_ids: Annotated[list[str], Field(min_length=1)]


class ListPermissions(Query):
    """GET /v1/fine_tuning/checkpoints/{model}/permissions."""

    limit: int = 10
    order: Literal["ascending", "descending"] = "descending"
    project_id: str = ""


class PermissionRoutes:
    """List, refuse, and find nothing to delete."""

    def __init__(self, models: Models) -> None:
        self._models = models

    def routes(self) -> Sequence[Route]:
        """The routes, to be mounted."""
        return [
            Route(ROOT, self.list, methods=["GET"]),
            Route(ROOT, self.create, methods=["POST"]),
            Route(f"{ROOT}/{{permission_id}}", self.delete, methods=["DELETE"]),
        ]

    def list(self, request: Request) -> Response:
        self._models.show(request.path_params["model"])
        return JSONResponse(wire.page([], has_more=False))

    async def create(self, request: Request) -> Response:
        parse(CreatePermissions, await read_json(request))
        self._models.show(request.path_params["model"])
        message = T("This server has no projects: whoever has its key can use every checkpoint.")
        raise bad_request(message, "project_ids", "no_projects")

    def delete(self, request: Request) -> Response:
        message = T("There is no permission {id}.", id=request.path_params["permission_id"][:80])
        raise ApiError(404, message, param="permission_id", code="permission_not_found")


DOCUMENTED = (
    Operation("GET", ROOT, "Lists nothing: here are no projects", PermissionPage, query=ListPermissions, errors=(404,)),
    Operation("POST", ROOT, "Refused: here are no projects", PermissionPage, body=CreatePermissions, errors=(404,)),
    Operation("DELETE", f"{ROOT}/{{permission_id}}", "Finds nothing to delete", Deleted, errors=(404,)),
)
