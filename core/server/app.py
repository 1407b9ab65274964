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

from core.server import answer_rooms, files, jobs, models
from core.server.answer_rooms import AnswerRooms
from core.server.database import Database
from core.server.door import Doorkeeper, gateway
from core.server.engines.offered import engines
from core.server.errors import HANDLERS
from core.server.files import SIZE_LIMIT, FileRoutes, Files, UploadRoutes, Uploads
from core.server.home import Home
from core.server.idempotency import Idempotency
from core.server.jobs import GraderRoutes, JobRoutes, Jobs, Supervisor
from core.server.models import ModelRoutes, Models, PermissionRoutes, Predictors
from core.server.openapi import OpenApi, Operation, document
from core.server.replies import JSONResponse
from core.server.schemas import Health

log = logging.getLogger("luopan.provider")

VERSION = "1"
DOCUMENTED = (
    Operation("GET", "/health", "Says that the server answers", Health),
    Operation("GET", "/openapi.json", "This document", OpenApi),
)
# The rooms' tables of operations, from which /openapi.json is made. A module that adds routes writes `DOCUMENTED`, a
# tuple of `Operation`s (see core/server/openapi.py), beside its route class, and its room adds them to its own; a test
# compares the tables with the routes that are mounted.
ROOMS = (DOCUMENTED, files.DOCUMENTED, jobs.DOCUMENTED, models.DOCUMENTED, *answer_rooms.DOCUMENTED)
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
