"""The route /v1/embeddings."""

from __future__ import annotations

import base64
import math
import struct
from collections.abc import Sequence

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from core.server import wire
from core.server.answering.asking import EmbeddingRequest
from core.server.answering.opening import Opening
from core.server.answering.schemas import EmbeddingsReply
from core.server.errors import bad_request
from core.server.openapi import Operation
from core.server.reading import parse
from core.server.replies import JSONResponse
from core.server.streaming import answered
from core.words import T


class Embeddings:
    """Texts as vectors, by the models that can."""

    def __init__(self, opening: Opening) -> None:
        self._opening = opening

    def routes(self) -> Sequence[Route]:
        """The routes, to be mounted."""
        return [Route("/v1/embeddings", self.create, methods=["POST"])]

    async def create(self, request: Request) -> Response:
        return await answered(request, lambda body: JSONResponse(self.ask(body)))

    def ask(self, body: object) -> wire.Json:
        """The list of embeddings for a request as it was sent. Raises ApiError."""
        asked = parse(EmbeddingRequest, body)
        asked.check()
        with self._opening.model(asked.model) as predictor:
            if "embed" not in predictor.abilities:
                raise bad_request(T("{model} makes no vectors.", model=asked.model), "model", "model_not_supported")
            vectors = predictor.embed(asked.inputs)
            tokens = sum(predictor.count([{"role": "user", "content": text}]) for text in asked.inputs)
        size = len(vectors[0])
        if asked.dimensions is not None and asked.dimensions > size:
            message = T(
                "{model} makes vectors of {size} numbers; dimensions may ask for less.", model=asked.model, size=size
            )
            raise bad_request(message, "dimensions")
        if asked.dimensions is not None and asked.dimensions < size:
            vectors = [shortened(vector, asked.dimensions) for vector in vectors]
        return {
            "object": "list",
            "data": [
                {
                    "object": "embedding",
                    "index": index,
                    "embedding": packed(vector) if asked.encoding_format == "base64" else vector,
                }
                for index, vector in enumerate(vectors)
            ],
            "model": asked.model,
            "usage": {"prompt_tokens": tokens, "total_tokens": tokens},
        }


def shortened(vector: list[float], size: int) -> list[float]:
    """The first numbers of a vector, of length 1 again."""
    head = vector[:size]
    length = math.sqrt(math.fsum(value * value for value in head))
    return [value / length for value in head] if length else [1.0, *head[1:]]


def packed(vector: list[float]) -> str:
    """The vector as the base64 of little-endian floats of four bytes."""
    return base64.b64encode(struct.pack(f"<{len(vector)}f", *vector)).decode()


DOCUMENTED = (
    Operation(
        "POST", "/v1/embeddings", "Puts texts into vectors", EmbeddingsReply, body=EmbeddingRequest, errors=(404,)
    ),
)
