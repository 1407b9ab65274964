"""The routes below /v1/models; an id may contain slashes."""

from __future__ import annotations

from collections.abc import Sequence

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from core.server.models.catalogue import Models
from core.server.models.predictors import Predictors
from core.server.models.schemas import ModelPage, ModelReply
from core.server.openapi import Operation
from core.server.replies import JSONResponse, at_once
from core.server.schemas import Deleted


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

    @at_once
    def retrieve(self, request: Request) -> Response:
        return JSONResponse(self._models.show(request.path_params["id"]))

    def delete(self, request: Request) -> Response:
        reply = self._models.delete(request.path_params["id"])
        self._predictors.drop(request.path_params["id"])
        return JSONResponse(reply)


DOCUMENTED = (
    Operation("GET", "/v1/models", "Lists the models, base models first", ModelPage),
    Operation("GET", "/v1/models/{id:path}", "Shows a model", ModelReply, errors=(404,)),
    Operation(
        "DELETE", "/v1/models/{id:path}", "Forgets a fine-tuned model and its weights", Deleted, errors=(403, 404, 409)
    ),
)
