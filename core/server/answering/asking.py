"""What a question to a model may say, as pydantic models, and what of it the engine is told.

What cannot change the answer is read over; what would change it and cannot be done is refused with its parameter.
"""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from core.server.engines.base import Ability, AskError, Predictor, SampleParams
from core.server.engines.formats import fits
from core.server.errors import ApiError, bad_request
from core.words import T, Text

ROLES = ("system", "developer", "user", "assistant", "tool", "function")
_TOOL_NAME = re.compile(r"[a-zA-Z0-9_.-]{1,128}")
_TOOLS = 128
_STOPS = 4

ModelId = Annotated[str, Field(min_length=1, max_length=300)]
Count = Annotated[int, Field(ge=1, le=128)]
Penalty = Annotated[float, Field(ge=-2, le=2)]
Json = dict[str, Any]


class Sampling(BaseModel):
    """What every kind of question can say about how to answer."""

    model_config = ConfigDict(strict=True)

    model: ModelId
    temperature: Annotated[float, Field(ge=0, le=2)] | None = None
    top_p: Annotated[float, Field(ge=0, le=1)] | None = None
    n: Count | None = None
    stop: str | list[str] | None = None
    seed: int | None = None
    presence_penalty: Penalty | None = None
    frequency_penalty: Penalty | None = None
    logit_bias: dict[str, Annotated[float, Field(ge=-100, le=100)]] | None = None
    stream: bool | None = None
    stream_options: Json | None = None

    @property
    def stops(self) -> tuple[str, ...]:
        """The texts before which an answer ends."""
        return (self.stop,) if isinstance(self.stop, str) else tuple(self.stop or ())

    @property
    def with_usage(self) -> bool:
        """Whether a stream ends with its usage."""
        return bool((self.stream_options or {}).get("include_usage"))

    def sampling(self, index: int) -> Json:
        """The fields of SampleParams that follow from these, for the choice of this number."""
        return {
            "temperature": 1.0 if self.temperature is None else self.temperature,
            "top_p": 1.0 if self.top_p is None else self.top_p,
            "seed": None if self.seed is None else (self.seed + index) % 2**63,
            "stop": self.stops,
            "presence_penalty": self.presence_penalty or 0.0,
            "frequency_penalty": self.frequency_penalty or 0.0,
            "logit_bias": tuple((int(token), bias) for token, bias in (self.logit_bias or {}).items()),
        }

    def check(self) -> None:
        """Raises ApiError 400 for what no model here could do."""
        refuse_first(
            (
                len(self.stops) > _STOPS or not all(self.stops),
                "stop",
                T("stop takes up to four texts that are not empty."),
            ),
            (
                any(not re.fullmatch(r"[0-9]{1,9}", token) for token in self.logit_bias or {}),
                "logit_bias",
                T("logit_bias takes token numbers, each with a bias from -100 to 100."),
            ),
        )

    def check_model(self, predictor: Predictor) -> None:
        """Raises ApiError 400 for what this model cannot do."""
        able = predictor.abilities
        penalties = T("This model cannot weigh down what it has said already.")
        refuse_first(
            ("penalties" not in able and bool(self.presence_penalty), "presence_penalty", penalties),
            ("penalties" not in able and bool(self.frequency_penalty), "frequency_penalty", penalties),
            (
                "logit_bias" not in able and bool(self.logit_bias),
                "logit_bias",
                T("This model cannot weigh single tokens."),
            ),
        )


class ChatRequest(Sampling):
    """POST /v1/chat/completions."""

    messages: Annotated[list[Json], Field(min_length=1, max_length=4096)]
    max_completion_tokens: Annotated[int, Field(ge=1)] | None = None
    max_tokens: Annotated[int, Field(ge=1)] | None = None
    logprobs: bool | None = None
    top_logprobs: Annotated[int, Field(ge=0, le=20)] | None = None
    tools: Annotated[list[Json], Field(max_length=_TOOLS)] | None = None
    tool_choice: str | Json | None = None
    parallel_tool_calls: bool | None = None
    response_format: Json | None = None
    modalities: list[str] | None = None
    audio: Json | None = None
    web_search_options: Json | None = None
    moderation: Json | None = None
    functions: list[Json] | None = None
    function_call: str | Json | None = None

    @property
    def limit(self) -> int | None:
        """The most tokens that an answer may have."""
        return self.max_completion_tokens or self.max_tokens

    def params(self, index: int, abilities: frozenset[Ability]) -> SampleParams:
        """What the engine is told for the choice of this number."""
        tools, choice = chosen_tools(self.tools, self.tool_choice)
        able = "tools" in abilities
        return SampleParams(
            max_tokens=self.limit,
            top_logprobs=self.top_logprobs or 0,
            tools=tuple(tools) if able else (),
            tool_choice=choice if able else "auto",
            response_format=self.response_format if "response_format" in abilities else None,
            **self.sampling(index),
        )

    def check(self) -> None:
        super().check()
        old = T('Use "tools" and "tool_choice"; "functions" and "function_call" are their former names.')
        speech = T("This server answers with text only.")
        refuse_first(
            (
                bool(self.top_logprobs) and not self.logprobs,
                "top_logprobs",
                T("top_logprobs needs logprobs to be true."),
            ),
            (any(m != "text" for m in self.modalities or ()), "modalities", speech),
            (bool(self.audio), "audio", speech),
            (bool(self.web_search_options), "web_search_options", T("This server searches nothing on the web.")),
            (bool(self.moderation), "moderation", T("This server moderates nothing.")),
            (bool(self.functions), "functions", old),
            (self.function_call is not None, "function_call", old),
        )
        for index, message in enumerate(self.messages):
            _check_message(f"messages[{index}]", message)
        for index, tool in enumerate(self.tools or ()):
            _check_tool(f"tools[{index}]", tool)
        chosen_tools(self.tools, self.tool_choice)
        check_format(self.response_format)

    def check_model(self, predictor: Predictor) -> None:
        super().check_model(predictor)
        text_only = (self.response_format or {"type": "text"})["type"] == "text"
        refuse_first(
            (
                not text_only and "response_format" not in predictor.abilities,
                "response_format",
                T("This model cannot be held to a format; train it on answers in that format."),
            ),
            (
                chosen_tools(self.tools, self.tool_choice)[1] == "required" and "tools" not in predictor.abilities,
                "tool_choice",
                T('This model cannot be made to call a tool; "auto" and "none" are fine.'),
            ),
        )


class CompletionRequest(Sampling):
    """POST /v1/completions."""

    prompt: str | list[Any] | None = None
    max_tokens: Annotated[int, Field(ge=0)] | None = None
    logprobs: Annotated[int, Field(ge=0, le=5)] | None = None
    best_of: Count | None = None
    echo: bool | None = None
    suffix: str | None = None

    @property
    def limit(self) -> int:
        """The most tokens that an answer may have: 16 where nothing is said, as ever in this part of the API."""
        return 16 if self.max_tokens is None else self.max_tokens

    @property
    def prompts(self) -> list[str]:
        """The texts to go on from."""
        return [self.prompt or ""] if not isinstance(self.prompt, list) else self.prompt

    def params(self, index: int) -> SampleParams:
        """What the engine is told for the choice of this number."""
        return SampleParams(max_tokens=self.limit, top_logprobs=self.logprobs or 0, **self.sampling(index))

    def check(self) -> None:
        super().check()
        candidates = self.best_of or self.n or 1
        refuse_first(
            (not self.prompts, "prompt", T("prompt must not be an empty list.")),
            (not texts(self.prompts), "prompt", NO_TOKENS),
            (bool(self.suffix), "suffix", T("The models of this server cannot write towards a suffix.")),
            (candidates < (self.n or 1), "best_of", T("best_of must be at least n.")),
            (bool(self.stream) and candidates > (self.n or 1), "best_of", T("best_of cannot be streamed.")),
            (
                len(self.prompts) * candidates > MOST_INPUTS,
                "prompt",
                T("One request may ask for at most {most} texts.", most=MOST_INPUTS),
            ),
        )


class EmbeddingRequest(BaseModel):
    """POST /v1/embeddings."""

    model_config = ConfigDict(strict=True)

    model: ModelId
    input: str | list[Any]
    encoding_format: Literal["float", "base64"] | None = None
    dimensions: Annotated[int, Field(ge=1)] | None = None

    @property
    def inputs(self) -> list[str]:
        """The texts to be put into vectors."""
        return self.input if isinstance(self.input, list) else [self.input]

    def check(self) -> None:
        """Raises ApiError 400 for what no model here could do."""
        refuse_first(
            (
                not 1 <= len(self.inputs) <= MOST_INPUTS,
                "input",
                T("input takes from 1 to {most} texts.", most=MOST_INPUTS),
            ),
            (not texts(self.inputs), "input", NO_TOKENS),
            (not all(self.inputs), "input", T("input must not hold an empty text.")),
        )


MOST_INPUTS = 2048
NO_TOKENS = T("Send texts; token numbers belong to the vocabulary of another model.")


def texts(values: list[Any]) -> bool:
    """Whether all are texts."""
    return all(isinstance(value, str) for value in values)


def refuse_first(*wishes: tuple[bool, str, Text]) -> None:
    """Raises ApiError 400 for the first wish (wrong, parameter, sentence) that is wrong."""
    for wrong, param, message in wishes:
        if wrong:
            raise bad_request(message, param)


def check_format(response_format: Json | None) -> None:
    """Raises ApiError 400 for a format that means nothing."""
    try:
        fits(response_format)
    except AskError as error:
        raise bad_request(error.message, error.param) from None


def chosen_tools(
    tools: list[Json] | None, choice: str | Json | None
) -> tuple[list[Json], Literal["auto", "none", "required"]]:
    """The tools that may be called, and whether one must be. Raises ApiError 400."""
    tools = tools or []
    if choice is None:
        return tools, "auto"
    if isinstance(choice, str):
        if choice not in ("none", "auto", "required"):
            raise bad_request(T('tool_choice must be "none", "auto", "required" or a tool.'), "tool_choice")
        if choice == "required" and not tools:
            raise _no_such_tool()
        return tools, choice  # type: ignore[return-value]
    if choice.get("type") == "allowed_tools":
        found = choice.get("allowed_tools")
        allowed = found if isinstance(found, dict) else {}
        wanted = allowed.get("tools")
        names = [_name(tool) for tool in wanted] if isinstance(wanted, list) else []
        mode: Literal["auto", "required"] = "required" if allowed.get("mode") == "required" else "auto"
    else:
        names, mode = [_name(choice)], "required"
    kept = [tool for tool in tools if _name(tool) in names]
    if not kept or None in names or len(kept) < len(names):
        raise _no_such_tool()
    return kept, mode


def _no_such_tool() -> ApiError:
    return bad_request(T("tool_choice names a tool that is not among tools."), "tool_choice")


def _name(tool: object) -> str | None:
    function = tool.get("function") if isinstance(tool, dict) else None
    name = function.get("name") if isinstance(function, dict) else None
    return name if isinstance(name, str) else None


def _check_tool(param: str, tool: Json) -> None:
    if tool.get("type") != "function":
        raise bad_request(T("{param}.type: this server knows functions only.", param=param), f"{param}.type")
    if not _TOOL_NAME.fullmatch(_name(tool) or ""):
        message = T("{param}.function.name must be made of letters, digits, _ and -.", param=param)
        raise bad_request(message, f"{param}.function.name")


def _check_message(param: str, message: Json) -> None:
    if message.get("role") not in ROLES:
        known = ", ".join(ROLES)
        raise bad_request(T("{param}.role must be one of {known}.", param=param, known=known), f"{param}.role")
    content = message.get("content")
    if content is None and (message["role"] == "assistant" or message["role"] == "function"):
        return
    if isinstance(content, list):
        for part in content:
            if not isinstance(part, dict) or part.get("type") not in ("text", "refusal"):
                raise bad_request(T("{param}.content: this server reads text only.", param=param), f"{param}.content")
    elif not isinstance(content, str):
        raise bad_request(T("{param}.content must be text.", param=param), f"{param}.content")
