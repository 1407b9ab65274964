"""The local provider put together: one Starlette application over one data folder."""

from __future__ import annotations

import asyncio
import itertools
import logging
import os
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from functools import cache

import orjson
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from core.server import answer_rooms, graders, permissions, routes_files, routes_jobs, routes_models, routes_uploads
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
from core.server.openapi import OpenApi, Operation, document
from core.server.parts import Uploads
from core.server.permissions import PermissionRoutes
from core.server.predictors import Predictors
from core.server.replies import JSONResponse
from core.server.routes_files import FileRoutes
from core.server.routes_jobs import JobRoutes
from core.server.routes_models import ModelRoutes
from core.server.routes_uploads import UploadRoutes
from core.server.schemas import Health
from core.server.supervisor import Supervisor

log = logging.getLogger("luopan.provider")

VERSION = "1"
DOCUMENTED = (
    Operation("GET", "/health", "Says that the server answers", Health),
    Operation("GET", "/openapi.json", "This document", OpenApi),
)
# Every room's table of operations, from which /openapi.json is made. A room that adds routes writes `DOCUMENTED`, a
# tuple of `Operation`s (see core/server/openapi.py), beside its route class, and adds its module's name here; a test
# compares the tables with the routes that are mounted.
ROOMS = (DOCUMENTED, routes_files.DOCUMENTED, routes_uploads.DOCUMENTED, routes_jobs.DOCUMENTED, permissions.DOCUMENTED,
         graders.DOCUMENTED, routes_models.DOCUMENTED, *answer_rooms.DOCUMENTED)  # fmt: skip
SWEEP_EVERY = 60  # seconds


def make_app(
    home: Home, environment: Mapping[str, str], *, concurrency: int | None = None, size_limit: int = SIZE_LIMIT
) -> Starlette:
    """The application over a data folder, whose lock the caller holds. `environment` is handed to training processes,
    less what looks like a key; `concurrency` is how many train at once (None: one for each core)."""
    database = Database(home.database)
    files = Files(home, database)
    parts = Uploads(home, database, files)
    idempotency = Idempotency(database)
    files.sweep()
    parts.sweep()
    models = Models(home, database, engines())
    predictors = Predictors()
    answers = AnswerRooms(home, database, files, models, predictors, idempotency)
    supervisor = Supervisor(
        home, database, files, models, concurrency=concurrency or os.cpu_count() or 1, environment=environment
    )

    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        supervisor.start()
        answers.start()
        sweeping = asyncio.create_task(_sweep(files.expire, parts.expire, answers.expire, idempotency.expire))
        yield
        sweeping.cancel()
        await run_in_threadpool(answers.stop)
        await run_in_threadpool(supervisor.stop)
        predictors.close()
        database.close()

    routes: Sequence[Route] = [
        Route("/health", health, methods=["GET"]),
        Route("/openapi.json", openapi, methods=["GET"]),
        *FileRoutes(home, files, idempotency, size_limit).routes(),
        *UploadRoutes(home, parts, idempotency).routes(),
        *JobRoutes(Jobs(database), files, models, idempotency, supervisor.wake).routes(),
        *PermissionRoutes(models).routes(),
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


@cache
def described() -> bytes:
    """The OpenAPI document of all rooms, as JSON."""
    return orjson.dumps(document(itertools.chain.from_iterable(ROOMS), VERSION))


async def openapi(_request: Request) -> Response:
    """The OpenAPI document."""
    return Response(described(), media_type="application/json")


async def _sweep(*expire: Callable[[], None]) -> None:
    """Removes, at the start and every now and then, what has come to its end."""
    while True:
        for remove in expire:
            try:
                await run_in_threadpool(remove)
            except Exception:  # a full disk, say; the next time may go better
                log.exception("what is over could not be removed")
        await asyncio.sleep(SWEEP_EVERY)
