"""One address for all models: what is asked of a model that a vLLM server answers for is handed on to it, streams too.

Which models those are, the other server says; it is asked every few seconds, and never while somebody waits, but for
the first time. Everything else goes on to the routes of this server.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Mapping
from typing import TYPE_CHECKING, Any

from starlette.middleware import Middleware
from starlette.responses import JSONResponse, StreamingResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from core.server import wire
from core.server.errors import ApiError
from core.settings import Settings
from core.words import T

if TYPE_CHECKING:
    import httpx2

HANDED_ON = frozenset({"/v1/chat/completions", "/v1/completions"})
LIMIT = 16 << 20  # bytes of a request
FRESH = 5.0  # seconds for which a list of models is believed
LOOK_SECONDS, ANSWER_SECONDS = 3.0, 600.0


def gateway(environment: Mapping[str, str]) -> list[Middleware]:
    """The gateway, where the settings name a server behind it. Raises BadInput where that is no address."""
    settings = Settings.from_env(environment)
    if not settings.vllm_url:
        return []
    from core.server.engines.lora.publishing import root_of

    return [Middleware(Gateway, root=root_of(settings.vllm_url), key=settings.vllm_key)]


class Gateway:
    """Stands between the door and the routes."""

    def __init__(self, app: ASGIApp, root: str, key: str = "") -> None:
        self.app = app
        self._root = root
        self._headers = {"authorization": f"Bearer {key}"} if key else {}
        self._client: httpx2.AsyncClient | None = None
        self._models: dict[str, wire.Json] = {}
        self._looked = float("-inf")
        self._looking: asyncio.Task[None] | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
            if self._client is not None:
                await self._client.aclose()
        elif scope["type"] == "http" and scope["method"] == "POST" and scope["path"] in HANDED_ON:
            await self._asked(scope, receive, send)
        elif scope["type"] == "http" and scope["method"] == "GET" and scope["path"].startswith("/v1/models"):
            await self._listed(scope, receive, send)
        else:
            await self.app(scope, receive, send)

    async def _asked(self, scope: Scope, receive: Receive, send: Send) -> None:
        messages, body = await _read(receive)
        if body is not None and _model_of(body) in await self._there():
            await self._hand_on(body, scope, receive, send)
            return

        async def again() -> Message:
            return messages.pop(0) if messages else await receive()

        await self.app(scope, again, send)

    async def _hand_on(self, body: bytes, scope: Scope, receive: Receive, send: Send) -> None:
        import httpx2

        headers = {**self._headers, "content-type": "application/json", "accept-encoding": "identity"}
        client = self._open()
        request = client.build_request("POST", self._root + scope["path"], content=body, headers=headers)
        try:
            reply = await client.send(request, stream=True)
        except httpx2.HTTPError as error:
            message = T(
                "The server at {url}, which answers for {model}, cannot be reached: {why}.",
                url=self._root,
                model=str(_model_of(body))[:120],
                why=str(error)[:200] or type(error).__name__,
            )
            failed = ApiError(502, message, param="model", code="upstream_unreachable")
            await failed.response()(scope, receive, send)
            return

        async def parts() -> AsyncIterator[bytes]:
            try:
                async for part in reply.aiter_raw():
                    yield part
            finally:
                await reply.aclose()

        kept = {"content-type": reply.headers.get("content-type", "application/json")}
        await StreamingResponse(parts(), reply.status_code, headers=kept)(scope, receive, send)

    async def _listed(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The models of both; this server's own word comes first."""
        there, told = await self._there(), list[Message]()

        async def keep(message: Message) -> None:
            told.append(message)

        await self.app(scope, receive, keep)
        status, wanted = told[0]["status"], scope["path"].removeprefix("/v1/models").removeprefix("/")
        if status == 404 and wanted in there:
            await JSONResponse(there[wanted])(scope, receive, send)
        elif status == 200 and not wanted and there:
            own = json.loads(b"".join(message.get("body", b"") for message in told))["data"]
            known = {model["id"] for model in own}
            items = [*own, *(model for name, model in there.items() if name not in known)]
            await JSONResponse(wire.page(items, has_more=False))(scope, receive, send)
        else:
            for message in told:
                await send(message)

    async def _there(self) -> dict[str, wire.Json]:
        """The models that the other server answers for, as far as is known."""
        if time.monotonic() - self._looked > FRESH and (self._looking is None or self._looking.done()):
            self._looking = asyncio.create_task(self._look())
            if self._looked == float("-inf"):
                await asyncio.shield(self._looking)
        return self._models

    async def _look(self) -> None:
        import httpx2

        try:
            reply = await self._open().get(f"{self._root}/v1/models", headers=self._headers, timeout=LOOK_SECONDS)
            listed = reply.json()["data"] if reply.status_code == 200 else []
            self._models = {str(model["id"]): _shown(model) for model in listed}
        except (httpx2.HTTPError, ValueError, KeyError, TypeError):
            pass  # what was known stays true; who asks for one of them hears that the server is away
        finally:
            self._looked = time.monotonic()

    def _open(self) -> httpx2.AsyncClient:
        if self._client is None:
            import httpx2

            timeout = httpx2.Timeout(ANSWER_SECONDS, connect=LOOK_SECONDS)
            limits = httpx2.Limits(max_connections=None, max_keepalive_connections=32)
            self._client = httpx2.AsyncClient(timeout=timeout, limits=limits, trust_env=False)
        return self._client


async def _read(receive: Receive) -> tuple[list[Message], bytes | None]:
    """The messages of a request, and its body where that is whole and of bearable size."""
    messages: list[Message] = []
    size = 0
    while True:
        message = await receive()
        messages.append(message)
        size += len(message.get("body", b""))
        if message["type"] != "http.request" or size > LIMIT:
            return messages, None
        if not message.get("more_body"):
            return messages, b"".join(message.get("body", b"") for message in messages)


def _model_of(body: bytes) -> str | None:
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        return None
    model = found.get("model") if isinstance(found, dict) else None
    return model if isinstance(model, str) else None


def _shown(model: Mapping[str, Any]) -> wire.Json:
    created = model.get("created")
    more = {"parent": model["parent"]} if isinstance(model.get("parent"), str) else {}
    owner = str(model.get("owned_by") or "vllm")
    return wire.model(str(model["id"]), created if isinstance(created, int) else 0, owner, **more)
