"""How a model is asked, and the pieces it answers with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from core.words import Text


@dataclass(frozen=True)
class SampleParams:
    """How to answer. `temperature` 0 gives the likeliest answer; `top_logprobs` is how many alternatives to name;
    the same `seed` gives the same answer (None: another each time). `tools`, `tool_choice` ("required": one of the
    tools must be called), `response_format` and the penalties differ from their defaults only where the model has the
    ability for them."""

    temperature: float = 1.0
    top_p: float = 1.0
    max_tokens: int | None = None
    top_logprobs: int = 0
    seed: int | None = None
    stop: tuple[str, ...] = ()
    tools: tuple[dict[str, Any], ...] = ()
    tool_choice: Literal["auto", "none", "required"] = "auto"
    response_format: dict[str, Any] | None = None
    presence_penalty: float = 0.0
    frequency_penalty: float = 0.0
    logit_bias: tuple[tuple[int, float], ...] = ()


class AskError(Exception):
    """A wish that this model cannot meet, raised before the first piece of an answer: the parameter at fault as the
    request names it ("response_format", "tools" …), and a sentence."""

    def __init__(self, param: str, message: Text) -> None:
        super().__init__(param, message)
        self.param = param
        self.message = message

    def __str__(self) -> str:
        return str(self.message)


class EngineError(Exception):
    """A model that cannot answer now, with a sentence; the same question may be answered another time."""

    def __init__(self, message: Text) -> None:
        super().__init__(message)
        self.message = message

    def __str__(self) -> str:
        return str(self.message)


# What a model may be able to do beyond answering text; a request for anything else is refused with its parameter.
Ability = Literal["tools", "response_format", "penalties", "logit_bias", "embed"]


@dataclass(frozen=True)
class Piece:
    """A part of an answer: text, or with `kind` "tool_calls" the JSON list of the message's tool_calls. `logprob` is
    None where the engine has no probability to give; `tokens` is what the piece counts as."""

    text: str
    logprob: float | None = None
    top: tuple[tuple[str, float], ...] = ()
    kind: Literal["text", "tool_calls"] = "text"
    tokens: int = 1
