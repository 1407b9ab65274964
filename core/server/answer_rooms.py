"""Everything that answers, put together: chat, completions, embeddings, responses and batches of them."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Protocol

from starlette.routing import Route

from core.server import answering, batches, responses, wire
from core.server.answering import Chat, Completions, Embeddings, Opening
from core.server.batches import Batches, BatchRoutes, BatchRunner
from core.server.database import Database
from core.server.files import Files
from core.server.home import Home
from core.server.idempotency import Idempotency
from core.server.models import Models, Predictors
from core.server.responses import ResponseRoutes, Responses

DOCUMENTED = (answering.DOCUMENTED, responses.DOCUMENTED, batches.DOCUMENTED)


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
        doors = {endpoint: room.ask for endpoint, room in rooms.items()}
        self._runner = BatchRunner(home, database, files, models, doors)
        batched = BatchRoutes(Batches(database), files, idempotency, self._runner.wake)
        self._routes = [*itertools.chain.from_iterable(room.routes() for room in rooms.values()), *batched.routes()]

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
