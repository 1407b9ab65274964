"""Idempotency-Key as Stripe has it: the same key and body get the first answer again, whatever happened in between.

A route that makes something wraps its work:

    def work(claim: Claim) -> Json:
        ...                                    # what is refused here does not use the key up
        with database.write() as connection:
            ...                                # makes the thing
            claim.keep(connection, reply)      # in the same transaction: both are on disk, or neither
        return reply

    return await idempotency.answer(request, digest_of(request, body), work)

Work that cannot be one transaction calls `claim.begin()` first: from then on its errors are answers too.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from core.server.database import Connection, Database
from core.server.errors import ApiError, bad_request, unexpected
from core.server.replies import JSONResponse
from core.words import T

Json = dict[str, Any]
KEEP = 14 * 86_400  # seconds; Stripe promises a day
KEY_LIMIT = 255  # characters, as at Stripe
REPLAYED = {"idempotent-replayed": "true"}


@dataclass
class Claim:
    """The hold of one request on its key."""

    key: str | None
    digest: str
    began: bool = False
    kept: bool = False

    def begin(self) -> None:
        """From here on an error is an answer, which a second request gets again."""
        self.began = True

    def keep(self, connection: Connection, reply: Json, status: int = 200) -> None:
        """Stores the answer within the transaction that makes what it tells of."""
        if self.key is None:
            return
        moment = time.time()
        _expire(connection)
        connection.execute(
            "INSERT INTO idempotency VALUES (?,?,?,?,?)", (self.key, self.digest, status, json.dumps(reply), moment)
        )
        self.kept = True


class Idempotency:
    """The keys of this data folder."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._in_flight: set[str] = set()
        self._lock = threading.Lock()

    def expire(self) -> None:
        """Forgets the keys, with their answers, that were kept for long enough."""
        with self._database.write() as connection:
            _expire(connection)

    async def answer(self, request: Request, digest: str, work: Callable[[Claim], Json]) -> Response:
        """The answer of `work`, which runs in a thread, or the first answer that this key got. Raises ApiError 409
        where the key is being worked on, 422 where it came with another body."""
        key = request.headers.get("idempotency-key") or None
        if key is not None and len(key) > KEY_LIMIT:
            raise bad_request(T("Idempotency-Key may have at most {most} characters.", most=KEY_LIMIT))
        return await run_in_threadpool(self._once, key, digest, work)

    def _once(self, key: str | None, digest: str, work: Callable[[Claim], Json]) -> Response:
        claim = Claim(key, digest)
        if key is None:
            return JSONResponse(work(claim))
        self._enter(key)
        try:
            return self._stored(key, digest) or self._first(claim, work)
        finally:
            with self._lock:
                self._in_flight.discard(key)

    def _first(self, claim: Claim, work: Callable[[Claim], Json]) -> Response:
        try:
            reply = work(claim)
        except Exception as error:
            if claim.began and not claim.kept:
                told = error if isinstance(error, ApiError) else None
                response = told.response() if told else unexpected("POST", "(with a key)", error)
                with contextlib.suppress(Exception):  # the error itself matters more
                    self._keep(claim, json.loads(bytes(response.body)), response.status_code)
            raise
        if not claim.kept:
            self._keep(claim, reply, 200)
        return JSONResponse(reply)

    def _keep(self, claim: Claim, reply: Json, status: int) -> None:
        with self._database.write() as connection:
            claim.keep(connection, reply, status)

    def _enter(self, key: str) -> None:
        with self._lock:
            if key in self._in_flight:
                message = T("A request with this Idempotency-Key is being worked on. Ask again in a moment.")
                raise ApiError(409, message, code="idempotency_in_flight")
            self._in_flight.add(key)

    def _stored(self, key: str, digest: str) -> Response | None:
        with self._database.read() as connection:
            row = connection.execute("SELECT * FROM idempotency WHERE key = ?", (key,)).fetchone()
        if row is None or row["created"] < time.time() - KEEP:
            return None
        if row["body_sha"] != digest:
            message = T("This Idempotency-Key was used before with another body. Use a new key for a new request.")
            raise ApiError(422, message, param="Idempotency-Key", code="idempotency_mismatch")
        return JSONResponse(json.loads(row["reply"]), row["status"], headers=REPLAYED)


def _expire(connection: Connection) -> None:
    connection.execute("DELETE FROM idempotency WHERE created < ?", (time.time() - KEEP,))


def digest_of(request: Request, body: Any) -> str:
    """The SHA-256 of what a request means: its path, and its body without regard to the order of keys or blanks."""
    text = json.dumps([request.method, request.url.path, body], sort_keys=True)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def hash_of(request: Request, path: Path) -> str:
    """The SHA-256 of a file, where the request has a key to compare it for; else nothing."""
    if not request.headers.get("idempotency-key"):
        return ""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
