"""The client of a provider: every call of the protocol, each with a typed outcome instead of an exception.

POST and DELETE are tried exactly once. GET is tried again while `patience` (seconds) lasts.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

import httpx2
import openai

from core.errors import ProviderError
from core.provider.connection import Connection
from core.provider.endpoint import START_LOCAL, resolve
from core.provider.guard import DeniedAddress, guarded_client
from core.provider.outcome import Outcome, Reply, failure, outcome_of_status, parse, refusal, said
from core.settings import Settings
from core.words import T

V = TypeVar("V")
Remote = dict[str, Any]

_PAGE, _PAGES = 100, 100
_UPLOAD_SECONDS, _CHAT_SECONDS, _STREAM_SECONDS = 300.0, 120.0, 600.0
_WAITS = (0.5, 1.0, 2.0, 4.0)
_LONGEST_WAIT = 10.0


@dataclass(frozen=True)
class Answer:
    """A model's answer. finish: "stop", "length" …; tokens are None where the provider does not count."""

    text: str
    finish: str = ""
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    logprobs: list[Any] = field(default_factory=list)
    raw: Remote = field(default_factory=dict, repr=False)


def connect(settings: Settings, connection: Connection, *, patience: float = 8.0) -> Client:
    """A client for a connection as it stands now. Raises ProviderError or BadInput with what to do."""
    return Client(settings, connection, patience=patience)


class Client:
    """One provider, spoken to with one key. May be shared by threads; close it when done."""

    def __init__(self, settings: Settings, connection: Connection, *, patience: float = 8.0) -> None:
        self.connection = connection
        self.patience = patience
        endpoint = resolve(settings, connection)
        self._key = endpoint.key
        self.host = urlsplit(endpoint.base_url).netloc
        self._sdk = guarded_client(endpoint)

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *_exception: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"Client({self.connection.id!r}, {self.host!r}, key={self._key!r})"

    def close(self) -> None:
        self._sdk.close()

    # Files

    def upload(self, path: Path, purpose: str = "fine-tune") -> Reply[Remote]:
        """Send a file, once."""
        files = self._sdk.files.with_raw_response

        def send() -> Any:
            with path.open("rb") as opened:
                return files.create(file=(path.name, opened), purpose=purpose, timeout=_UPLOAD_SECONDS)  # type: ignore[arg-type]

        return self._once(send, with_id=True)

    def files(self, purpose: str = "fine-tune") -> Reply[list[Remote]]:
        """The files that lie at the provider."""
        return self._all(lambda query: self._sdk.files.with_raw_response.list(purpose=purpose, extra_query=query))

    def content(self, file_id: str) -> Reply[bytes]:
        """The bytes of a file."""
        return self._patiently(
            lambda: self._call(lambda: self._sdk.files.with_raw_response.content(file_id), writes=False, read=bytes)
        )

    def delete_file(self, file_id: str) -> Reply[Remote]:
        return self._once(lambda: self._sdk.files.with_raw_response.delete(file_id))

    # Jobs

    def create_job(self, body: Mapping[str, Any], idempotency_key: str = "") -> Reply[Remote]:
        """Create a training job from the fields of the protocol, with exactly one request."""
        headers = {"Idempotency-Key": idempotency_key} if idempotency_key else None
        jobs = self._sdk.fine_tuning.jobs.with_raw_response
        required = {"model": body["model"], "training_file": body["training_file"]}
        return self._once(
            lambda: jobs.create(**required, extra_body=dict(body), extra_headers=headers), with_id=True, training=True
        )

    def list_jobs(self, limit: int | None = None) -> Reply[list[Remote]]:
        """The jobs at the provider (all, or the first `limit` as it lists them)."""
        jobs = self._sdk.fine_tuning.jobs.with_raw_response
        return self._all(lambda query: jobs.list(extra_query=query), limit=limit, training=True)

    def get_job(self, id: str) -> Reply[Remote]:
        return self._get(lambda: self._sdk.fine_tuning.jobs.with_raw_response.retrieve(id))

    def cancel(self, id: str) -> Reply[Remote]:
        return self._once(lambda: self._sdk.fine_tuning.jobs.with_raw_response.cancel(id))

    def pause(self, id: str) -> Reply[Remote]:
        return self._once(lambda: self._sdk.fine_tuning.jobs.with_raw_response.pause(id))

    def resume(self, id: str) -> Reply[Remote]:
        return self._once(lambda: self._sdk.fine_tuning.jobs.with_raw_response.resume(id))

    def events(self, id: str, known: Callable[[str], bool] = lambda _id: False) -> Reply[list[Remote]]:
        """The events of a job that are not known yet, as the provider lists them (newest first, as a rule)."""
        jobs = self._sdk.fine_tuning.jobs.with_raw_response
        return self._all(lambda query: jobs.list_events(id, extra_query=query), known=known)

    def checkpoints(self, id: str) -> Reply[list[Remote]]:
        raw = self._sdk.fine_tuning.jobs.checkpoints.with_raw_response
        return self._all(lambda query: raw.list(id, extra_query=query))

    # Models

    def models(self) -> Reply[list[Remote]]:
        """The models of this provider; never paged."""
        reply = self._get(lambda: self._sdk.models.with_raw_response.list())
        return _with_value(reply, _entries(reply.value or {}))

    def model(self, id: str, size: Mapping[str, object]) -> Reply[Remote]:
        """One model, and at the local provider what a training of this size would take."""
        models = self._sdk.models.with_raw_response
        return self._get(lambda: models.retrieve(id, extra_query=dict(size)))

    def delete_model(self, id: str) -> Reply[Remote]:
        return self._once(lambda: self._sdk.models.with_raw_response.delete(id))

    # Answers

    def chat(self, messages: Sequence[Mapping[str, Any]], model: str, **params: Any) -> Reply[Answer]:
        """One answer of a model, asked once. Parameters are those of the chat protocol."""
        chat = self._sdk.chat.completions.with_raw_response
        body = {"model": model, "messages": list(messages), **params}
        reply = self._once(
            lambda: chat.create(model=model, messages=[], extra_body=body, timeout=_CHAT_SECONDS), with_id=False
        )
        if not reply.ok:
            return _with_value(reply, None)
        answer = _answer(reply.value or {})
        return _with_value(reply, answer) if answer else self._failed(Outcome.MALFORMED, "no choices")

    def stream(self, messages: Sequence[Mapping[str, Any]], model: str, **params: Any) -> Iterator[str]:
        """An answer piece by piece. Raises ProviderError where it fails or is cut before its end."""
        body = {"model": model, "messages": list(messages), **params}
        finished = False
        try:
            chunks = self._sdk.chat.completions.create(
                model=model, messages=[], stream=True, extra_body={**body, "stream": True}, timeout=_STREAM_SECONDS
            )
            for chunk in chunks:
                for choice in chunk.choices or []:
                    finished = finished or bool(choice.finish_reason)
                    if choice.delta and choice.delta.content:
                        yield choice.delta.content
        except GeneratorExit:
            raise
        except Exception as error:
            failed: Reply[None] = self._failure(error, writes=True)
            raise ProviderError(failed.message, failed.hint) from None
        if not finished:
            raise ProviderError(T("The answer was cut before its end."), T("Ask again."))

    # How a call is made

    def _get(self, call: Callable[[], Any]) -> Reply[Remote]:
        return self._patiently(lambda: self._call(call, writes=False, read=parse))

    def _once(self, call: Callable[[], Any], *, with_id: bool = False, training: bool = False) -> Reply[Remote]:
        reply = self._call(call, writes=True, read=parse, training=training)
        if reply.ok and with_id and not _id(reply.value or {}):
            return self._failed(Outcome.MALFORMED, "an answer without an id", reply.http_status)
        return reply

    def _patiently(self, attempt: Callable[[], Reply[V]]) -> Reply[V]:
        """Try a reading call again, with growing pauses, while patience lasts."""
        deadline = time.monotonic() + self.patience
        for wait in _WAITS:
            reply = attempt()
            if reply.outcome not in (Outcome.UNREACHABLE, Outcome.RATE_LIMITED):
                return reply
            wait = min(reply.retry_after or wait, _LONGEST_WAIT)
            if time.monotonic() + wait > deadline:
                return reply
            time.sleep(wait)
        return attempt()

    def _call(
        self, call: Callable[[], Any], *, writes: bool, read: Callable[[bytes], V], training: bool = False
    ) -> Reply[V]:
        """Make a call; whatever goes wrong becomes an outcome."""
        try:
            response = call().http_response
        except Exception as error:
            return self._failure(error, writes=writes, training=training)
        try:
            return Reply(Outcome.OK, read(response.read()), response.status_code)
        except Exception as error:
            what = f"HTTP {response.status_code}, {type(error).__name__}"
            return self._failed(Outcome.MALFORMED, what, response.status_code)

    def _failure(self, error: Exception, *, writes: bool, training: bool = False) -> Reply[V]:
        if isinstance(error, openai.APIStatusError):
            return self._status(error.response, writes=writes, training=training)
        cause = error.__cause__ if isinstance(error, openai.APIConnectionError) else error
        if isinstance(cause, httpx2.ConnectError | httpx2.ConnectTimeout):  # not a byte was sent
            return self._unreachable(cause)
        if isinstance(error, openai.APIConnectionError):
            return self._failed(
                Outcome.UNKNOWN if writes else Outcome.UNREACHABLE, type(cause or error).__name__.lower()
            )
        if isinstance(error, openai.APIError):  # an error told in the middle of a stream
            return Reply(
                Outcome.UNKNOWN, message=T("The provider broke off: {told}", told=self._key.redact(str(error)))
            )
        if isinstance(error, OSError) and writes:  # the file to be sent cannot be read: nothing was sent
            return Reply(Outcome.REFUSED, message=T("The file cannot be read: {reason}", reason=str(error)))
        return self._failed(Outcome.UNKNOWN if writes else Outcome.MALFORMED, type(error).__name__)

    def _status(self, response: httpx2.Response, *, writes: bool, training: bool) -> Reply[V]:
        status = response.status_code
        outcome = outcome_of_status(status, writes=writes)
        try:
            words = said(response.read(), self._key)
        except Exception:  # the error's body was cut: its status is enough
            words = said(b"", self._key)
        if outcome == Outcome.REFUSED:
            message, hint = refusal(status, words, training=training)
            return Reply(outcome, None, status, words.code, message, hint)
        what = f"HTTP {status}: {words.message}" if words.message else f"HTTP {status}"
        if 300 <= status < 400:
            message = T("{host} points to another address, which is not followed.", host=self.host)
            hint = T("Enter the new address of the provider, if you trust it.")
        else:
            message, hint = failure(outcome, self.host, what)
        return Reply(outcome, None, status, words.code, message, hint, _seconds(response.headers.get("retry-after")))

    def _unreachable(self, cause: Exception) -> Reply[V]:
        if isinstance(cause, DeniedAddress):
            return self._failed(Outcome.UNREACHABLE, "reserved address")
        if self.connection.is_local:
            return Reply(Outcome.UNREACHABLE, message=T("The local provider is not running."), hint=START_LOCAL)
        return self._failed(Outcome.UNREACHABLE, self._key.redact(str(cause)) or "no connection")

    def _failed(self, outcome: Outcome, what: str, status: int | None = None) -> Reply[V]:
        message, hint = failure(outcome, self.host, what)
        return Reply(outcome, None, status, "", message, hint)

    def _all(
        self,
        call: Callable[[dict[str, Any]], Any],
        *,
        limit: int | None = None,
        known: Callable[[str], bool] = lambda _id: False,
        training: bool = False,
    ) -> Reply[list[Remote]]:
        """Walk the pages by hand: a server that ignores `after` or forgets `has_more` must not trap us."""
        found: list[Remote] = []
        seen: set[str] = set()
        query: dict[str, Any] = {"limit": min(limit or _PAGE, _PAGE)}
        for _page in range(_PAGES):
            reply = self._patiently(
                lambda q=dict(query): self._call(lambda: call(q), writes=False, read=parse, training=training)  # type: ignore[misc]
            )
            if not reply.ok:
                return _with_value(reply, None)
            page = reply.value or {}
            entries = _entries(page)
            new = [entry for entry in entries if not _id(entry) or _id(entry) not in seen]
            seen.update(_id(entry) for entry in entries)
            found += [entry for entry in new if not known(_id(entry))]
            if not new or (any(known(_id(entry)) for entry in entries) and not _oldest_first(entries)):
                break
            full = page.get("has_more") if isinstance(page.get("has_more"), bool) else len(entries) >= query["limit"]
            if not full or not entries or not _id(entries[-1]) or (limit and len(found) >= limit):
                break
            query["after"] = _id(entries[-1])
        return _with_value(reply, found)


def _with_value(reply: Reply[Any], value: V | None) -> Reply[V]:
    kept = value if reply.ok else None
    return Reply(reply.outcome, kept, reply.http_status, reply.code, reply.message, reply.hint, reply.retry_after)


def _entries(page: Remote) -> list[Remote]:
    data = page.get("data")
    return [entry for entry in data if isinstance(entry, dict)] if isinstance(data, list) else []


def _id(entry: Remote) -> str:
    id = entry.get("id")
    return str(id) if isinstance(id, str | int) and not isinstance(id, bool) else ""


def _oldest_first(entries: list[Remote]) -> bool:
    times = [entry.get("created_at") for entry in (entries[0], entries[-1])]
    first, last = (time if isinstance(time, int | float) else 0 for time in times)
    return first < last


def _seconds(header: str | None) -> float | None:
    try:
        return max(0.0, float(header)) if header else None
    except ValueError:
        return None


def _answer(body: Remote) -> Answer | None:
    choices = body.get("choices")
    choice = choices[0] if isinstance(choices, list) and choices and isinstance(choices[0], dict) else None
    if choice is None:
        return None
    message, usage, logprobs = _object(choice, "message"), _object(body, "usage"), _object(choice, "logprobs")
    content = message.get("content")
    if not isinstance(content, str):
        calls = message.get("tool_calls")
        content = json.dumps(calls, ensure_ascii=False) if calls else ""
    return Answer(
        text=content,
        finish=str(choice.get("finish_reason") or ""),
        prompt_tokens=_count(usage.get("prompt_tokens")),
        completion_tokens=_count(usage.get("completion_tokens")),
        logprobs=logprobs.get("content") or [],
        raw=body,
    )


def _object(body: Remote, name: str) -> Remote:
    value = body.get(name)
    return value if isinstance(value, dict) else {}


def _count(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None


__all__ = ["Answer", "Client", "Remote", "connect"]
