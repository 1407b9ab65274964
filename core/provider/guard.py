"""The guarded way to the network: nothing of the environment leaves, nothing endless comes in."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from functools import cache
from ipaddress import ip_address
from typing import Any

import httpx2
import openai

from core.provider.endpoint import Endpoint, is_denied
from core.provider.keys import Key

CONNECT_SECONDS = 5.0
READ_SECONDS = 30.0
_CAP = 8 << 20  # bytes of a reply
_FILE_CAP = 512 << 20  # bytes of a file's content
# Whatever else the SDK takes from the environment (organisation, project, custom headers) stays here.
_HEADERS = frozenset(
    b"host connection accept accept-encoding content-type content-length transfer-encoding user-agent "
    b"idempotency-key".split()
)


class DeniedAddress(httpx2.ConnectError):
    """The name leads to an address that is never spoken to; nothing was sent."""


class CappedStream(httpx2.SyncByteStream):
    """A reply that ends with an error when it grows too large or takes too long."""

    def __init__(self, inner: Any, cap: int, deadline: float) -> None:
        self.inner, self.cap, self.deadline = inner, cap, deadline

    def __iter__(self) -> Iterator[bytes]:
        seen = 0
        for block in self.inner:
            seen += len(block)
            if seen > self.cap:
                raise httpx2.RemoteProtocolError("reply larger than the cap")
            if time.monotonic() > self.deadline:
                raise httpx2.ReadTimeout("the reply took too long")
            yield block

    def close(self) -> None:
        self.inner.close()


class GuardTransport(httpx2.HTTPTransport):
    """Sends only what we mean to send, to an address that was looked at, and reads only so much for so long."""

    def __init__(self, key: Key) -> None:
        super().__init__(verify=_certificates(), trust_env=False, limits=httpx2.Limits(keepalive_expiry=2))
        self._key = key

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        reply = self._send(request)
        if reply.headers.get("content-encoding", "identity") != "identity":
            reply.close()
            raise httpx2.RemoteProtocolError("compressed reply refused")
        cap = _FILE_CAP if request.url.path.endswith("/content") else _CAP
        wall = (request.extensions.get("timeout") or {}).get("read") or READ_SECONDS
        reply.stream = CappedStream(reply.stream, cap, time.monotonic() + wall)
        return reply

    def _only_our_headers(self, request: httpx2.Request) -> httpx2.Headers:
        """What goes out; the SDK's own marks on its request stay on it, because it reads them later."""
        kept = [(name, value) for name, value in request.headers.raw if name.lower() in _HEADERS]
        if self._key:
            kept.append((b"Authorization", b"Bearer " + self._key.reveal().encode()))
        return httpx2.Headers(kept)

    def _send(self, request: httpx2.Request) -> httpx2.Response:
        """Connect to the addresses that were checked, one after the other, under the name that was asked for."""
        host, url = request.url.host, request.url
        failed: Exception | None = None
        for address in _addresses(host, url.port or (443 if url.scheme == "https" else 80)):
            pinned = httpx2.Request(
                request.method,
                url.copy_with(host=address),
                headers=self._only_our_headers(request),
                stream=request.stream,
                extensions={**request.extensions, "sni_hostname": host},
            )
            try:
                return super().handle_request(pinned)
            except (httpx2.ConnectError, httpx2.ConnectTimeout) as error:  # not a byte was sent
                failed = error
        raise failed or httpx2.ConnectError("the name has no address")


def _addresses(host: str, port: int) -> list[str]:
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise httpx2.ConnectError(f"the name cannot be looked up: {error}") from error
    addresses = list(dict.fromkeys(str(entry[4][0]) for entry in found))
    for address in addresses:
        if is_denied(ip_address(address.split("%")[0])):
            raise DeniedAddress("the name leads to a reserved address")
    return addresses


@cache
def _certificates() -> Any:
    return httpx2.create_ssl_context(trust_env=False)


def guarded_client(endpoint: Endpoint) -> openai.OpenAI:
    """The SDK without retries, redirects, proxies and environment; the key is known to the transport alone."""
    http = httpx2.Client(
        transport=GuardTransport(endpoint.key),
        follow_redirects=False,
        trust_env=False,
        timeout=httpx2.Timeout(READ_SECONDS, connect=CONNECT_SECONDS),
    )
    return openai.OpenAI(
        base_url=endpoint.base_url,
        api_key="set-by-the-transport",
        admin_api_key="",
        organization="",
        project="",
        webhook_secret="",
        max_retries=0,
        http_client=http,
        default_headers={"Accept-Encoding": "identity"},
    )
