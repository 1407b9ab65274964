"""Everything that answers, put together: chat, completions, embeddings, responses and batches of them."""

from __future__ import annotations

from collections.abc import Sequence

from starlette.routing import Route

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
        chat, completions, embeddings = Chat(opening), Completions(opening), Embeddings(opening)
        responses = ResponseRoutes(opening, Responses(database))
        doors = {
            "/v1/chat/completions": chat.ask,
            "/v1/completions": completions.ask,
            "/v1/embeddings": embeddings.ask,
            "/v1/responses": responses.ask,
        }
        self._runner = BatchRunner(home, database, files, models, doors)
        batches = BatchRoutes(Batches(database), files, idempotency, self._runner.wake)
        self._rooms = (chat, completions, embeddings, responses, batches)

    def routes(self) -> Sequence[Route]:
        """The routes, to be mounted."""
        return [route for room in self._rooms for route in room.routes()]

    def start(self) -> None:
        """Goes on with the batches that are open."""
        self._runner.start()

    def stop(self) -> None:
        """Lets go of them; they go on at the next start."""
        self._runner.stop()
