"""What can come of a call to a provider, and the plain sentence for each."""

from __future__ import annotations

import json
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Generic, TypeVar

from core.errors import ProviderError
from core.provider.keys import Key
from core.words import T, Text

V = TypeVar("V")
_DEPTH = 64
_SAID = 600  # characters of a server's own words that are shown


class Outcome(StrEnum):
    """ok: done. refused: not done, and said so. unreachable: never sent. The rest: it may have been done."""

    OK = "ok"
    REFUSED = "refused"
    RATE_LIMITED = "rate_limited"
    UNKNOWN = "unknown"
    UNREACHABLE = "unreachable"
    MALFORMED = "malformed"


@dataclass(frozen=True)
class Reply(Generic[V]):
    """The outcome of one call: its value where it is ok, else a sentence and the next step."""

    outcome: Outcome
    value: V | None = None
    http_status: int | None = None
    code: str = ""
    message: Text | str = ""
    hint: Text | str = ""
    retry_after: float | None = None

    @property
    def ok(self) -> bool:
        return self.outcome == Outcome.OK

    @property
    def is_missing(self) -> bool:
        """Whether the provider said that it does not know this thing, or this kind of call."""
        return self.outcome == Outcome.REFUSED and self.http_status in (404, 405, 501)

    @property
    def training_refused(self) -> bool:
        """Whether this organisation may not train here any more: worth remembering for the connection."""
        return self.code == "training_not_available"

    def unwrap(self) -> V:
        """The value. Raises ProviderError with the sentence where the call did not succeed."""
        if not self.ok or self.value is None:
            raise ProviderError(self.message, self.hint)
        return self.value


_REFUSING = {400, 401, 402, 403, 404, 405, 410, 413, 415, 422, 501}


def outcome_of_status(status: int, *, writes: bool) -> Outcome:
    """The outcome of an HTTP error status; `writes`: the call may have changed something (POST, DELETE)."""
    if status == 429:
        return Outcome.RATE_LIMITED
    if status in _REFUSING or (not writes and 400 <= status < 500):
        return Outcome.REFUSED
    return Outcome.UNKNOWN if writes else Outcome.UNREACHABLE


def parse(content: bytes) -> dict[str, Any]:
    """The JSON object of a reply. Raises ValueError for anything else, also for what nests too deeply."""
    try:
        value = _clean(json.loads(content, parse_constant=lambda _name: None), _DEPTH)
    except RecursionError:
        raise ValueError("nested too deeply") from None
    if not isinstance(value, dict):
        raise ValueError("no JSON object")
    return value


def _clean(value: Any, depth: int) -> Any:
    """The value with strings that any database can hold (no lone surrogates, no NUL). Raises ValueError when deep."""
    if depth == 0:
        raise ValueError("nested too deeply")
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode().replace("\x00", "")
    if isinstance(value, list):
        return [_clean(item, depth - 1) for item in value]
    if isinstance(value, dict):
        return {_clean(key, depth): _clean(item, depth - 1) for key, item in value.items()}
    return value


@dataclass(frozen=True)
class Said:
    """What a server said of an error: the shape of OpenAI, of FastAPI, or a flat one."""

    message: str = ""
    code: str = ""
    param: str = ""


def said(content: bytes, key: Key) -> Said:
    """The server's own words about an error, without keys; empty where there are none to show."""
    try:
        body = parse(content)
    except (ValueError, UnicodeDecodeError):
        return Said()
    error = body.get("error", body)
    if not isinstance(error, dict):
        return Said(key.redact(str(error))[:_SAID])
    message = error.get("message") or error.get("detail") or ""
    if not isinstance(message, str):
        message = json.dumps(message, ensure_ascii=False)
    code, param = error.get("code"), error.get("param")
    words = [key.redact(str(word))[:_SAID] if word is not None else "" for word in (message, code, param)]
    return Said(*words)


def refusal(status: int, words: Said, *, training: bool) -> tuple[Text, Text]:
    """Sentence and next step for a call that was refused; `training`: it was about fine-tuning jobs."""
    told = words.message or f"HTTP {status}"
    if words.code == "training_not_available":
        return (
            T("This organisation may not create training jobs at this provider any more."),
            T("Nothing was created and nothing is billed. Send the same data to the local provider or another one."),
        )
    if status == 401:
        return (
            T("The provider does not accept this key."),
            T("Check the key in Settings, Connections: every provider has its own."),
        )
    if status == 402:
        return T("The provider wants its bill settled first: {told}", told=told), T("Look at billing at the provider.")
    if status == 403:
        return (
            T("The provider does not allow this: {told}", told=told),
            T("Ask the owner of the key for the right, or choose another provider."),
        )
    if status in (404, 405, 501) and training:
        return (
            T("No fine-tuning was found at this address: {told}", told=told),
            T("Check the address (it usually ends in /v1), or choose another provider."),
        )
    if status in (404, 405, 410, 501):
        return T("The provider does not know this: {told}", told=told), T("It may have been deleted there.")
    if status == 413:
        return T("The file is too large for this provider: {told}", told=told), T("Train with fewer examples.")
    if words.param:
        return (
            T("The provider refused “{param}”: {told}", param=words.param, told=told),
            T("Change {param} and try again. Nothing was created.", param=words.param),
        )
    return T("The provider refused: {told}", told=told), T("Change what it names and try again. Nothing was created.")


def failure(outcome: Outcome, host: str, what: str) -> tuple[Text, Text]:
    """Sentence and next step where no usable answer came."""
    if outcome == Outcome.RATE_LIMITED:
        return (
            T("{host} asks to slow down ({what}).", host=host, what=what),
            T("Wait a little, then try again."),
        )
    if outcome == Outcome.UNREACHABLE:
        return (
            T("{host} cannot be reached ({what}).", host=host, what=what),
            T("Check the address and the network; nothing was changed there."),
        )
    if outcome == Outcome.MALFORMED:
        return (
            T("The answer of {host} is not what the protocol says ({what}).", host=host, what=what),
            T("Check that the address belongs to an OpenAI-compatible provider; it usually ends in /v1."),
        )
    return (
        T("The answer of {host} was lost ({what}): it is not known whether the work was done.", host=host, what=what),
        T("Look at the provider before you try again."),
    )
