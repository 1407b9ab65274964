"""What stands before every route: who may ask, from where, and what every answer carries."""

from __future__ import annotations

import secrets
from functools import lru_cache
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from core import words
from core.server.door.bodies import Bodies
from core.server.errors import ApiError, unexpected
from core.words import T

HOSTS = frozenset({"127.0.0.1", "localhost", "::1"})
BODILESS = frozenset({"GET", "HEAD", "OPTIONS"})
OPEN_PATHS = frozenset({"/health", "/openapi.json"})
HEADERS = (
    (b"cache-control", b"no-store"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"referrer-policy", b"no-referrer"),
    (b"x-content-type-options", b"nosniff"),
    (b"openai-version", b"2020-10-01"),
)


class Doorkeeper:
    """Checks the Host header (against DNS rebinding) and the bearer token; marks every answer with its request id.
    No CORS header is ever sent, so no web page can read an answer."""

    def __init__(self, app: ASGIApp, key: str) -> None:
        self.app = app
        self.key = key.encode()
        self._bodies = Bodies()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        words.use(words.best_language(headers.get("accept-language")))
        marks = answer_headers()
        started = False

        async def send_marked(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                message["headers"] = [*message["headers"], *marks]
            await send(message)

        refusal = self._refusal(scope["path"], headers)
        try:
            if refusal:
                await refusal.response()(scope, receive, send_marked)
            elif scope["method"] in BODILESS:
                await self.app(scope, receive, send_marked)
            else:
                with self._bodies.of(scope["path"], receive) as watched:
                    await self.app(scope, watched, send_marked)
        except Exception as error:
            if started:
                raise
            await unexpected(scope["method"], scope["path"], error)(scope, receive, send_marked)

    def _refusal(self, path: str, headers: Headers) -> ApiError | None:
        if not known_host(headers.getlist("host")):
            message = T("This server answers only to 127.0.0.1, localhost and [::1].")
            return ApiError(421, message, code="unknown_host")
        if path in OPEN_PATHS:
            return None
        scheme, _, token = headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not secrets.compare_digest(token.strip().encode(), self.key):
            message = T(
                "Incorrect API key. The key of the local provider is in the file called key in its data folder."
            )
            return ApiError(401, message, code="invalid_api_key", headers={"www-authenticate": "Bearer"})
        return None


def answer_headers() -> list[tuple[bytes, bytes]]:
    """What every answer carries; the id in it is new each time."""
    return [*HEADERS, (b"x-request-id", b"req_" + secrets.token_hex(12).encode())]


def known_host(values: list[str]) -> bool:
    """Whether a request names this machine's loopback, once, with or without a port."""
    return len(values) == 1 and _is_loopback(values[0])


@lru_cache(256)
def _is_loopback(host: str) -> bool:
    try:
        parts = urlsplit(f"//{host}")
        _ = parts.port  # raises where the port is no number
    except ValueError:
        return False
    return parts.hostname in HOSTS and parts.username is None and not (parts.path or parts.query or parts.fragment)
