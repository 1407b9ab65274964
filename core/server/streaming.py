"""How the answers of models leave: made in a thread, whole, or as server-sent events one by one."""

from __future__ import annotations

import itertools
import logging
from collections.abc import Callable, Iterator
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from core.server.errors import ApiError, error_body
from core.server.reading import LARGE_LIMIT, read_json
from core.server.replies import dumps
from core.words import T

log = logging.getLogger("luopan.provider")

Json = dict[str, Any]


def stream(chunks: Iterator[Json], *, done: bool = True, named: bool = False) -> Response:
    """The chunks as events, each with its `type` as name where `named`; `[DONE]` at the end where `done`. What cannot
    be answered is raised here, before anything is sent."""
    first = next(chunks)
    events = _events(itertools.chain([first], chunks), done, named)
    return StreamingResponse(events, media_type="text/event-stream")


def _events(chunks: Iterator[Json], done: bool, named: bool) -> Iterator[bytes]:
    try:
        for chunk in chunks:
            name = b"event: " + chunk["type"].encode() + b"\n" if named else b""
            yield name + b"data: " + dumps(chunk) + b"\n\n"
    except Exception as error:  # the status is already sent, so an error on the way is an event too
        log.exception("an answer broke off")
        body = broken_off(error)
        if named:
            body = {"type": "error", **body["error"]}
        yield (b"event: error\n" if named else b"") + b"data: " + dumps(body) + b"\n\n"
        return
    if done:
        yield b"data: [DONE]\n\n"


def broken_off(error: Exception) -> Json:
    """The error body of an answer that ended on the way."""
    status = error.status if isinstance(error, ApiError) else 500
    message = str(error) if isinstance(error, ApiError) else str(T("The model broke off while answering."))
    return error_body(message, status=status, code="answer_broke_off")


async def answered(request: Request, answer: Callable[[object], Response]) -> Response:
    """The reply to a JSON body, made in a thread."""
    return await run_in_threadpool(answer, await read_json(request, LARGE_LIMIT))
