"""Answers in JSON, written fast; and routes that are answered at once instead of in a thread."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from functools import wraps
from typing import Any, TypeVar

import orjson
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse as Plain
from starlette.responses import Response

from core import sqlite
from core.server.paging import query_of, whole

FEW = 100  # rows that are read and written faster than a thread is woken

R = TypeVar("R")


def dumps(content: Any) -> bytes:
    """The content as JSON; half a character, which no UTF-8 can hold, is escaped."""
    try:
        return orjson.dumps(content)
    except TypeError:  # that, or an integer of more than 64 bits
        return json.dumps(content).encode()


class JSONResponse(Plain):
    """Starlette's own, with the faster encoder."""

    def render(self, content: Any) -> bytes:
        return dumps(content)


def at_once(route: Callable[[R, Request], Response]) -> Callable[[R, Request], Awaitable[Response]]:
    """For a route that only reads a few rows: they are there before a thread would have been woken for them. A long
    page is left to a thread; so is every read where one could wait for a writer."""
    waits = sqlite.journal_mode() != "WAL"

    @wraps(route)
    async def answer(routes: R, request: Request) -> Response:
        if waits or (whole(query_of(request).get("limit") or "") or 0) > FEW:
            return await run_in_threadpool(route, routes, request)
        return route(routes, request)

    return answer
