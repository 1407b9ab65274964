"""The routes below /v1/responses: text in, text out, with a memory where it is wanted."""

from __future__ import annotations

import itertools
import logging
from collections.abc import Iterator, Sequence
from typing import Annotated, Literal

from pydantic import BaseModel, Field
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from core.server import wire
from core.server.answering import Opening, pieces
from core.server.errors import bad_request
from core.server.idempotency import Claim, Idempotency, digest_of
from core.server.openapi import Operation, Query
from core.server.paging import MOST, Paging, query_of
from core.server.reading import LARGE_LIMIT, parse, read_json
from core.server.replies import JSONResponse, at_once
from core.server.responses.items import items_of, messages_of
from core.server.responses.requests import ResponseRequest, renamed
from core.server.responses.schemas import InputTokens, ItemPage, ResponseEvent, ResponseReply
from core.server.responses.store import Responses
from core.server.responses.writing import Writing
from core.server.schemas import Deleted
from core.server.streaming import answered, stream
from core.words import T

log = logging.getLogger("luopan.provider")


class ResponseRoutes:
    """Create, show and delete responses, and list what they answered."""

    def __init__(self, opening: Opening, responses: Responses, idempotency: Idempotency) -> None:
        self._opening = opening
        self._responses = responses
        self._idempotency = idempotency

    def routes(self) -> Sequence[Route]:
        """The routes, to be mounted."""
        return [
            Route(_ROOT, self.create, methods=["POST"]),
            Route(f"{_ROOT}/input_tokens", self.count, methods=["POST"]),
            Route(f"{_ROOT}/{{id}}", self.retrieve, methods=["GET"]),
            Route(f"{_ROOT}/{{id}}", self.delete, methods=["DELETE"]),
            Route(f"{_ROOT}/{{id}}/cancel", self.cancel, methods=["POST"]),
            Route(f"{_ROOT}/{{id}}/input_items", self.input_items, methods=["GET"]),
        ]

    async def create(self, request: Request) -> Response:
        body = await read_json(request, LARGE_LIMIT)
        asked = _read(body)
        if asked.stream:
            return await run_in_threadpool(self._stream, asked)
        if asked.store is False:
            return await run_in_threadpool(lambda: JSONResponse(self._whole(asked)))
        digest = digest_of(request, body)
        return await self._idempotency.answer(request, digest, lambda claim: self._whole(asked, claim))

    def _stream(self, asked: ResponseRequest) -> Response:
        writing = Writing(asked, *self._conversation(asked))
        claim = None if asked.store is False else Claim(None, "")
        return stream(self._events(writing, claim), done=False, named=True)

    def ask(self, body: object) -> wire.Json:
        """The whole response to a request as it was sent; it is not stored. Raises ApiError."""
        return self._whole(_read(body).model_copy(update={"store": False}))

    async def count(self, request: Request) -> Response:
        """How many tokens the model reads in a request."""
        return await answered(request, self._count)

    def _count(self, body: object) -> Response:
        asked = _read(body)
        messages, _ = self._conversation(asked)
        with self._opening.model(asked.model) as predictor:
            return JSONResponse({"object": "response.input_tokens", "input_tokens": predictor.count(messages)})

    @at_once
    def retrieve(self, request: Request) -> Response:
        if query_of(request).get("stream") in ("true", "1"):
            raise bad_request(T("Only a response in the making can be streamed; this one is whole."), "stream")
        return JSONResponse(self._responses.get(request.path_params["id"]))

    def delete(self, request: Request) -> Response:
        return JSONResponse(self._responses.delete(request.path_params["id"]))

    def cancel(self, request: Request) -> Response:
        self._responses.get(request.path_params["id"])
        raise bad_request(T("Only a response in the background could be cancelled; this one is whole."), "response_id")

    @at_once
    def input_items(self, request: Request) -> Response:
        return JSONResponse(self._responses.items(request.path_params["id"], Paging.of(request, 20)))

    def _conversation(self, asked: ResponseRequest) -> tuple[list[wire.Json], list[wire.Json]]:
        """The messages that the model is to read, and the items that are new in this request."""
        items = items_of(asked.input, self._responses.item)
        before = self._responses.history(asked.previous_response_id) if asked.previous_response_id else []
        messages = messages_of([*before, *items])
        if asked.instructions:
            messages.insert(0, {"role": "system", "content": asked.instructions})
        if not messages:
            raise bad_request(T("input holds nothing to answer."), "input")
        return messages, items

    def _whole(self, asked: ResponseRequest, claim: Claim | None = None) -> wire.Json:
        """A whole response, stored together with its claim where there is one."""
        writing = Writing(asked, *self._conversation(asked))
        for _event in self._events(writing, claim, whole=True):
            pass
        return writing.response

    def _events(self, writing: Writing, claim: Claim | None, *, whole: bool = False) -> Iterator[wire.Json]:
        with renamed(), self._opening.model(writing.chat.model) as predictor:
            writing.chat.check_model(predictor)
            coming = pieces(predictor, writing.chat, 0, writing.answer)
            first = next(coming, None)  # what cannot be answered is refused before the first event
            writing.prompt_tokens = predictor.count(writing.chat.messages)
            yield from writing.begin()
            try:
                for piece in itertools.chain([first] if first else [], coming):
                    yield from writing.add(piece)
                yield from writing.close()
                writing.end()
                if claim is not None:
                    self._responses.keep(writing.response, writing.items, claim)
            except Exception as error:
                if whole:
                    raise
                log.exception("a response broke off")
                writing.fail(error)
            yield writing.last()


def _read(body: object) -> ResponseRequest:
    asked = parse(ResponseRequest, body)
    asked.check()
    return asked


class RetrieveResponse(BaseModel):
    """GET /v1/responses/{id}."""

    stream: Literal["false", "0"] | None = None


class ListItems(Query):
    """GET /v1/responses/{id}/input_items."""

    limit: Annotated[int, Field(ge=1, le=MOST)] = 20
    order: Literal["asc", "desc"] = "desc"


_ROOT = "/v1/responses"
DOCUMENTED = (
    Operation(
        "POST",
        _ROOT,
        "Answers a text or a list of items",
        ResponseReply,
        body=ResponseRequest,
        events=ResponseEvent,
        errors=(404,),
        makes=True,
    ),
    Operation(
        "POST",
        f"{_ROOT}/input_tokens",
        "Counts what a model would read",
        InputTokens,
        body=ResponseRequest,
        errors=(404,),
    ),
    Operation("GET", f"{_ROOT}/{{id}}", "Shows a response", ResponseReply, query=RetrieveResponse, errors=(400, 404)),
    Operation("DELETE", f"{_ROOT}/{{id}}", "Forgets a response", Deleted, errors=(404,)),
    Operation("POST", f"{_ROOT}/{{id}}/cancel", "Refuses: all are whole", ResponseReply, errors=(400, 404)),
    Operation(
        "GET", f"{_ROOT}/{{id}}/input_items", "Lists what a response answered", ItemPage, query=ListItems, errors=(404,)
    ),
)
