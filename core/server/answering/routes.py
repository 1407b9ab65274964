"""What a route that answers one request does, whole or as a stream; what is asked and said is its own."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from typing import ClassVar, Generic, TypeVar

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from core.server import wire
from core.server.answering.asking import Sampling
from core.server.answering.opening import Opening
from core.server.reading import parse
from core.server.replies import JSONResponse
from core.server.streaming import answered, stream

Asked = TypeVar("Asked", bound=Sampling)


class AskedRoute(ABC, Generic[Asked]):
    """Answers of base and fine-tuned models to requests of one kind, sent to `path`."""

    path: ClassVar[str]
    kind: type[Asked]

    def __init__(self, opening: Opening) -> None:
        self._opening = opening

    def routes(self) -> Sequence[Route]:
        """The routes, to be mounted."""
        return [Route(self.path, self.create, methods=["POST"])]

    async def create(self, request: Request) -> Response:
        return await answered(request, self._answer)

    def ask(self, body: object) -> wire.Json:
        """The whole answer to a request as it was sent. Raises ApiError."""
        return self.whole(self.read(body))

    def read(self, body: object) -> Asked:
        """The request, understood and possible in itself. Raises ApiError 400."""
        asked = parse(self.kind, body)
        asked.check()
        return asked

    @abstractmethod
    def whole(self, asked: Asked) -> wire.Json:
        """The whole answer. Raises ApiError."""

    @abstractmethod
    def chunks(self, asked: Asked) -> Iterator[wire.Json]:
        """The answer in parts, the first of which comes before anything is sent."""

    def _answer(self, body: object) -> Response:
        asked = self.read(body)
        return stream(self.chunks(asked)) if asked.stream else JSONResponse(self.whole(asked))
