"""The routes below /v1/models; an id may contain slashes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from core.server.hyperparameters import AUTO, Batch, Epochs
from core.server.models.catalogue import Models
from core.server.models.predictors import Predictors
from core.server.models.schemas import ModelPage, ModelReply
from core.server.openapi import Operation
from core.server.paging import query_of
from core.server.reading import parse
from core.server.replies import JSONResponse, at_once
from core.server.schemas import Deleted

MOST_ROWS = 10_000_000


class Sized(BaseModel):
    """GET /v1/models/{id} with the size of a training: what it would take is told with the model."""

    model_config = ConfigDict(strict=True)

    rows: Annotated[int, Field(ge=1, le=MOST_ROWS)]
    tokens: Annotated[int, Field(ge=0, le=10**12)] = 0
    longest: Annotated[int, Field(ge=0, le=10**9)] = 0
    method: Literal["supervised", "dpo", "reinforcement"] = "supervised"
    n_epochs: Epochs = AUTO
    batch_size: Batch = AUTO

    def size(self) -> dict[str, Any]:
        """As an engine is asked."""
        chosen = ("n_epochs", "batch_size")
        return {**self.model_dump(exclude=set(chosen)), "hyperparameters": self.model_dump(include=set(chosen))}


def _number(value: str) -> int | str:
    return int(value) if value.isascii() and value.isdecimal() and len(value) < 19 else value


class ModelRoutes:
    """List, show and delete models."""

    def __init__(self, models: Models, predictors: Predictors) -> None:
        self._models = models
        self._predictors = predictors

    def routes(self) -> Sequence[Route]:
        """The routes, to be mounted."""
        return [
            Route("/v1/models", self.list, methods=["GET"]),
            Route("/v1/models/{id:path}", self.retrieve, methods=["GET"]),
            Route("/v1/models/{id:path}", self.delete, methods=["DELETE"]),
        ]

    @at_once
    def list(self, _request: Request) -> Response:
        return JSONResponse(self._models.page())

    async def retrieve(self, request: Request) -> Response:
        id, asked = request.path_params["id"], query_of(request)
        if "rows" not in asked:
            return await self._show(request)
        size = parse(Sized, {name: _number(value) for name, value in asked.items()}).size()
        return JSONResponse(await run_in_threadpool(self._models.foresee, id, size))

    @at_once
    def _show(self, request: Request) -> Response:
        return JSONResponse(self._models.show(request.path_params["id"]))

    def delete(self, request: Request) -> Response:
        reply = self._models.delete(request.path_params["id"])
        self._predictors.drop(request.path_params["id"])
        return JSONResponse(reply)


DOCUMENTED = (
    Operation("GET", "/v1/models", "Lists the models, base models first", ModelPage),
    Operation("GET", "/v1/models/{id:path}", "Shows a model", ModelReply, query=Sized, errors=(400, 404)),
    Operation(
        "DELETE", "/v1/models/{id:path}", "Forgets a fine-tuned model and its weights", Deleted, errors=(403, 404, 409)
    ),
)
