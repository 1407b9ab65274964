"""What a route that answers one request does, whole or as a stream; what is asked and said is its own."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from typing import ClassVar, Generic, TypeVar

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from core.server import wire
from core.server.answering.answers import usage
from core.server.answering.asking import Sampling
from core.server.answering.opening import Opening, head
from core.server.engines.base import Predictor
from core.server.reading import parse
from core.server.replies import JSONResponse
from core.server.streaming import answered, stream

Asked = TypeVar("Asked", bound=Sampling)


class AskedRoute(ABC, Generic[Asked]):
    """Answers of base and fine-tuned models to requests of one kind, sent to `path`. A whole answer and a chunk of it
    are the `objects`, with an id of this prefix."""

    path: ClassVar[str]
    objects: ClassVar[tuple[str, str]]
    prefix: ClassVar[str]
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

    def whole(self, asked: Asked) -> wire.Json:
        """The whole answer. Raises ApiError."""
        with self._opening.model(asked.model) as predictor:
            asked.check_model(predictor)
            prompt = self.prompt_tokens(predictor, asked)
            choices, written = self.choices(predictor, asked)
        return {
            **head(self.objects[0], self.prefix, asked.model),
            "choices": choices,
            "usage": usage(prompt, written),
        }

    def chunks(self, asked: Asked) -> Iterator[wire.Json]:
        """The answer in chunks, the first of which comes before anything is sent."""
        start = head(self.objects[1], self.prefix, asked.model)
        if asked.with_usage:
            start["usage"] = None
        with self._opening.model(asked.model) as predictor:
            asked.check_model(predictor)
            written = 0
            for choice, tokens in self.parts(predictor, asked):
                yield {**start, "choices": [choice]}
                written += tokens
            if asked.with_usage:
                yield {**start, "choices": [], "usage": usage(self.prompt_tokens(predictor, asked), written)}

    @abstractmethod
    def prompt_tokens(self, predictor: Predictor, asked: Asked) -> int:
        """How many tokens the model reads."""

    @abstractmethod
    def choices(self, predictor: Predictor, asked: Asked) -> tuple[list[wire.Json], int]:
        """The choices of a whole answer, and how many tokens the model wrote for them."""

    @abstractmethod
    def parts(self, predictor: Predictor, asked: Asked) -> Iterator[tuple[wire.Json, int]]:
        """The choices in parts, one after the other, and how many tokens were written when each part counts."""

    def _answer(self, body: object) -> Response:
        asked = self.read(body)
        return stream(self.chunks(asked)) if asked.stream else JSONResponse(self.whole(asked))
