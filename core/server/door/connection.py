"""One connection, whose client may be slow, broken or hostile.

uvicorn's own protocol waits without end for the head of a request, answers what is no HTTP in plain text, and hangs up
on a client that has closed its half. Here a slow head costs its connection, an error has OpenAI's body, and whoever
still listens gets the answer.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Callable
from http import HTTPStatus
from typing import Any

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

from core.server.door.middleware import answer_headers
from core.server.errors import error_body
from core.words import T, Text

HEAD_SECONDS = 30.0  # for the head of a request, from its first byte or from the connection's begin


class Connection(H11Protocol):
    """What uvicorn makes for each connection; `most` may be open at once."""

    most = sys.maxsize
    _head_timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        if len(self.connections) > self.most:
            self._refuse(503, T("Too many connections are open. Close some, or ask again in a moment."))
        else:
            self._expect_head()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self.cycle is None or self.cycle.response_complete:
            self._expect_head()
        elif self._head_timer is not None:
            self._forget_head()

    def connection_lost(self, exc: Exception | None) -> None:
        self._forget_head()
        super().connection_lost(exc)

    def eof_received(self) -> bool | None:  # type: ignore[override]
        """True keeps the other half open, where an answer is still due."""
        if self.cycle is None or self.cycle.response_complete or self.cycle.more_body:
            return None
        self.cycle.keep_alive = False
        return True

    def send_400_response(self, msg: str) -> None:
        status = getattr(sys.exc_info()[1], "error_status_hint", 400)
        self._refuse(status, T("This is no HTTP request that the server understands."))

    def _unsupported_upgrade_warning(self) -> None:
        """Nothing: whoever asks for a web socket gets a plain answer, and the log stays short."""

    def _expect_head(self) -> None:
        if self._head_timer is None and not self.transport.is_closing():
            self._head_timer = self.loop.call_later(HEAD_SECONDS, self._give_up)

    def _forget_head(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    def _give_up(self) -> None:
        self._head_timer = None
        if self.conn.trailing_data[0]:
            self._refuse(408, T("The request took too long to arrive."))
        else:
            self.transport.close()

    def _refuse(self, status: int, message: Text) -> None:
        """Answers and hangs up; only hangs up where an answer has begun already."""
        if self.cycle is not None:
            self.cycle.disconnected = True
            self.cycle.message_event.set()
        if self.conn.our_state in (h11.IDLE, h11.SEND_RESPONSE):
            body = json.dumps(error_body(str(message), status=status)).encode()
            head = [f"HTTP/1.1 {status} {HTTPStatus(status).phrase}", f"content-length: {len(body)}"]
            lines = [line.encode() for line in (*head, "content-type: application/json", "connection: close")]
            lines += [b": ".join(header) for header in answer_headers()]
            self.transport.write(b"\r\n".join([*lines, b"", body]))
        self.transport.close()


def limited_to(most: int) -> Callable[..., Connection]:
    """The protocol of a server with at most so many open connections."""
    return type("Connection", (Connection,), {"most": most})
