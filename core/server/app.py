"""The local provider put together: one Starlette application over one data folder."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from core.server.answer_rooms import AnswerRooms
from core.server.database import Database
from core.server.errors import HANDLERS
from core.server.files import SIZE_LIMIT, Files
from core.server.gateway import gateway
from core.server.graders import GraderRoutes
from core.server.home import Home
from core.server.idempotency import Idempotency
from core.server.jobs import Jobs
from core.server.middleware import Doorkeeper
from core.server.models import Models
from core.server.offered import engines
from core.server.predictors import Predictors
from core.server.replies import JSONResponse, at_once
from core.server.routes_files import FileRoutes
from core.server.routes_jobs import JobRoutes
from core.server.supervisor import Supervisor


def make_app(
    home: Home, environment: Mapping[str, str], *, concurrency: int | None = None, size_limit: int = SIZE_LIMIT
) -> Starlette:
    """The application over a data folder, whose lock the caller holds. `environment` is handed to training processes,
    less what looks like a key; `concurrency` is how many train at once (None: one for each core)."""
    database = Database(home.database)
    files = Files(home, database)
    files.sweep()
    models = Models(home, database, engines())
    predictors = Predictors()
    idempotency = Idempotency(database)
    answers = AnswerRooms(home, database, files, models, predictors, idempotency)
    supervisor = Supervisor(
        home, database, files, models, concurrency=concurrency or os.cpu_count() or 1, environment=environment
    )

    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        supervisor.start()
        answers.start()
        yield
        await run_in_threadpool(answers.stop)
        await run_in_threadpool(supervisor.stop)
        predictors.close()
        database.close()

    routes: Sequence[Route] = [
        Route("/health", health, methods=["GET"]),
        *FileRoutes(home, files, size_limit).routes(),
        *JobRoutes(Jobs(database), files, models, idempotency, supervisor.wake).routes(),
        *GraderRoutes(models, predictors).routes(),
        *ModelRoutes(models, predictors).routes(),
        *answers.routes(),
    ]
    app = Starlette(
        routes=routes,
        lifespan=lifespan,
        exception_handlers=HANDLERS,
        middleware=[Middleware(Doorkeeper, key=home.key()), *gateway(environment)],
    )
    app.router.redirect_slashes = False
    return app


async def health(_request: Request) -> Response:
    """Says that the server answers."""
    return JSONResponse({"status": "ok"})


class ModelRoutes:
    """The routes below /v1/models; an id may contain slashes."""

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
