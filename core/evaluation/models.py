"""The models that are asked: one client a connection, temperature 0, patience where a provider asks for it."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from core.errors import AppError, ProviderError
from core.evaluation.asking import Messages, Said
from core.evaluation.calls import Offered, readable
from core.provider.connection import Connection
from core.provider.outcome import Outcome, Reply
from core.settings import Settings
from core.store import Store
from core.store.evaluations import ModelRef
from core.words import T

if TYPE_CHECKING:
    from core.provider.client import Answer, Client

# Seconds before a question is asked again that certainly was not answered: never sent, or put off by the provider.
WAITS = (0.5, 1.0, 2.0, 4.0, 8.0)
LONGEST_WAIT = 60.0
ALTERNATIVES = 5


def ask(
    store: Store,
    settings: Settings,
    ref: ModelRef,
    messages: Messages,
    offered: Offered | None = None,
    *,
    max_tokens: int = 512,
) -> Said:
    """What one model says to these messages; where it knows them, with the next best answers."""
    connection = store.jobs.connection(ref.connection_id)
    likely = {"logprobs": True, "top_logprobs": ALTERNATIVES} if connection.is_local else {}
    models = Models(settings, lambda _id: connection, max_tokens=max_tokens, waits=WAITS[:2], **likely)
    try:
        return models(ref, messages, offered or {})
    finally:
        models.close()


def asker_for(store: Store, settings: Settings, *, max_tokens: int) -> Models:
    """What asks the models of the connections that the store knows."""
    return Models(settings, store.jobs.connection, max_tokens=max_tokens)


class Models:
    """Asks models; shared by threads. An error comes back as part of the answer, it is not raised."""

    def __init__(
        self,
        settings: Settings,
        connection_of: Callable[[str], Connection],
        *,
        max_tokens: int,
        waits: tuple[float, ...] = WAITS,
        **params: Any,
    ) -> None:
        self._settings = settings
        self._connection_of = connection_of
        self._params = {"temperature": 0, "max_tokens": max_tokens, **params}
        self._waits = waits
        self._clients: dict[str, Client] = {}
        self._lock = threading.Lock()
        self._closed = False

    def __call__(self, ref: ModelRef, messages: Messages, offered: Offered) -> Said:
        """Ask once; again only where the question did not arrive or the provider asked to wait."""
        if not messages:
            return Said(error=AppError(T("This row holds no question."), T("Look at it in the dataset.")))
        started = time.monotonic()
        try:
            reply = self._patiently(ref, messages, offered)
            answer = reply.unwrap()
        except AppError as error:
            return Said(error=error, seconds=time.monotonic() - started)
        return Said(readable(answer.text), None, time.monotonic() - started, _alternatives(answer.logprobs))

    def close(self) -> None:
        """Close the connections and ask nothing again."""
        self._closed = True
        with self._lock:
            for client in self._clients.values():
                client.close()
            self._clients.clear()

    def _patiently(self, ref: ModelRef, messages: Messages, offered: Offered) -> Reply[Answer]:
        for wait in (*self._waits, None):
            client = self._client(ref.connection_id)
            started = time.monotonic()
            reply = client.chat(messages, ref.model, **self._fitting(ref), **offered)
            if reply.outcome == Outcome.UNREACHABLE:
                self._forget(ref.connection_id, client)  # the local provider may have come back at another port
            if reply.outcome not in (Outcome.UNREACHABLE, Outcome.RATE_LIMITED) or wait is None or self._closed:
                break
            time.sleep(max(0.0, min(max(reply.retry_after or 0.0, wait), LONGEST_WAIT) - (time.monotonic() - started)))
        return reply

    def _fitting(self, ref: ModelRef) -> dict[str, Any]:
        """The parameters in the words of this model: models that think first know only `max_completion_tokens`."""
        params = dict(self._params)
        if _thinks(ref.model):
            params["max_completion_tokens"] = params.pop("max_tokens")
            del params["temperature"]  # refused there; nothing else than their own is possible
        return params

    def _client(self, connection_id: str) -> Client:
        from core.provider import connect

        with self._lock:
            if self._closed:
                raise ProviderError(T("The evaluation was stopped."))
            if connection_id not in self._clients:
                self._clients[connection_id] = connect(self._settings, self._connection_of(connection_id))
            return self._clients[connection_id]

    def _forget(self, connection_id: str, client: Client) -> None:
        with self._lock:
            if self._clients.get(connection_id) is client:
                del self._clients[connection_id]


def _thinks(model: str) -> bool:
    base = model.removeprefix("ft:").split(":")[0]
    return base.startswith(("o1", "o3", "o4", "gpt-5"))


def _alternatives(logprobs: list[Any]) -> tuple[tuple[str, float], ...]:
    """Other whole answers with their probability: known where the answer is one piece."""
    if len(logprobs) != 1 or not isinstance(logprobs[0], dict):
        return ()
    listed = logprobs[0].get("top_logprobs")
    found = [
        (entry["token"], math.exp(min(0.0, entry["logprob"])))
        for entry in (listed if isinstance(listed, list) else [])
        if isinstance(entry, dict)
        and isinstance(entry.get("token"), str)
        and isinstance(entry.get("logprob"), int | float)
    ]
    return tuple(found)
