"""Everything that answers, put together: chat, completions, embeddings, responses and batches of them."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Protocol

from starlette.routing import Route

from core.server import chat, completions, embeddings, responses, routes_batches, wire
from core.server.batch_runner import BatchRunner
from core.server.batches import Batches
from core.server.chat import Chat
from core.server.completions import Completions
from core.server.database import Database
from core.server.embeddings import Embeddings
from core.server.files import Files
from core.server.home import Home
from core.server.idempotency import Idempotency
from core.server.models import Models
from core.server.opening import Opening
from core.server.predictors import Predictors
from core.server.response_store import Responses
from core.server.responses import ResponseRoutes
from core.server.routes_batches import BatchRoutes

DOCUMENTED = tuple(room.DOCUMENTED for room in (chat, completions, embeddings, responses, routes_batches))


class _Room(Protocol):
    def routes(self) -> Sequence[Route]: ...

    def ask(self, body: object) -> wire.Json: ...


class AnswerRooms:
    """The routes that ask models, and the threads that carry batches on."""

    def __init__(
        self,
        home: Home,
        database: Database,
        files: Files,
        models: Models,
        predictors: Predictors,
        idempotency: Idempotency,
    ) -> None:
        opening = Opening(models, predictors)
        self._responses = Responses(database)
        rooms: dict[str, _Room] = {
            "/v1/chat/completions": Chat(opening),
            "/v1/completions": Completions(opening),
            "/v1/embeddings": Embeddings(opening),
            "/v1/responses": ResponseRoutes(opening, self._responses, idempotency),
        }
        asking = {endpoint: room.ask for endpoint, room in rooms.items()}
        self._runner = BatchRunner(home, database, files, models, asking)
        batches = BatchRoutes(Batches(database), files, idempotency, self._runner.wake)
        self._routes = [*itertools.chain.from_iterable(room.routes() for room in rooms.values()), *batches.routes()]

    def routes(self) -> Sequence[Route]:
        """The routes, to be mounted."""
        return self._routes

    def start(self) -> None:
        """Goes on with the batches that are open."""
        self._runner.start()

    def expire(self) -> None:
        """Forgets the responses that were kept for long enough."""
        self._responses.expire()

    def stop(self) -> None:
        """Lets go of them; they go on at the next start."""
        self._runner.stop()
