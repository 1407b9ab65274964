"""The bodies of requests on their way in: none may stand still for long, and together they must fit into memory."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

from starlette.types import Message, Receive

from core.server.errors import ApiError
from core.words import T

SILENCE = 60.0  # seconds without a byte
TOGETHER = 256 << 20  # bytes of bodies that are held at once
TO_DISK = ("/v1/files", "/v1/uploads")  # what comes here is written away as it arrives


class Bodies:
    """Watches what the routes read."""

    def __init__(self) -> None:
        self._held = 0

    @contextmanager
    def of(self, path: str, receive: Receive) -> Iterator[Receive]:
        """A `receive` for one request, whose body counts as held while the block runs. It raises ApiError where the
        body stands still (408) or there is no room for it (503)."""
        counted, held, whole = not path.startswith(TO_DISK), 0, False

        async def watched() -> Message:
            nonlocal held, whole
            if whole:
                return await receive()  # waits for the end of the connection, however long the answer takes
            try:
                async with asyncio.timeout(SILENCE):
                    message = await receive()
            except TimeoutError:
                raise ApiError(408, T("The rest of the request did not arrive."), code="request_timeout") from None
            whole = not message.get("more_body", False)
            size = len(message.get("body", b"")) if counted else 0
            if self._held + size > TOGETHER:
                text = T("The local provider has too many large requests in hand. Ask again in a moment.")
                raise ApiError(503, text, code="server_busy", headers={"retry-after": "1"})
            held, self._held = held + size, self._held + size
            return message

        try:
            yield watched
        finally:
            self._held -= held
