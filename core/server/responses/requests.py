"""What POST /v1/responses may say, and the same as a chat."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from core.server.answering import ChatRequest, ModelId, refuse_first
from core.server.errors import ApiError, bad_request
from core.server.reading import Metadata, parse
from core.server.wire import Json
from core.words import T

LOGPROBS = "message.output_text.logprobs"
# The names of a chat's parameters as a response has them.
_RENAMED = (
    (r"^response_format\.json_schema", "text.format"),
    (r"^response_format", "text.format"),
    (r"^max_completion_tokens", "max_output_tokens"),
    (r"^(tools\[\d+\])\.function\.", r"\1."),
    (r"^messages.*", "input"),
)


class ResponseRequest(BaseModel):
    """POST /v1/responses."""

    model_config = ConfigDict(strict=True)

    model: ModelId
    input: str | list[Json] = ""
    instructions: str | None = None
    previous_response_id: Annotated[str, Field(max_length=200)] | None = None
    store: bool | None = None
    stream: bool | None = None
    max_output_tokens: Annotated[int, Field(ge=1)] | None = None
    temperature: Annotated[float, Field(ge=0, le=2)] | None = None
    top_p: Annotated[float, Field(ge=0, le=1)] | None = None
    top_logprobs: Annotated[int, Field(ge=0, le=20)] | None = None
    include: list[str] | None = None
    text: Json | None = None
    tools: list[Json] | None = None
    tool_choice: str | Json | None = None
    parallel_tool_calls: bool | None = None
    metadata: Metadata | None = None
    background: bool | None = None
    conversation: str | Json | None = None
    prompt: Json | None = None
    moderation: Json | None = None

    @property
    def with_logprobs(self) -> bool:
        """Whether the log probabilities are wanted."""
        return LOGPROBS in (self.include or ()) or bool(self.top_logprobs)

    def check(self) -> None:
        """Raises ApiError 400 for what this server cannot do."""
        refuse_first(
            (
                bool(self.background),
                "background",
                T("This server answers at once; for later there are batches."),
            ),
            (
                bool(self.conversation),
                "conversation",
                T("This server keeps no conversations; go on with previous_response_id."),
            ),
            (bool(self.prompt), "prompt", T("This server keeps no prompt templates; send the text itself.")),
            (bool(self.moderation), "moderation", T("This server moderates nothing.")),
        )

    def as_chat(self, messages: list[Json]) -> ChatRequest:
        """The same as a chat with these messages. Raises ApiError 400, with the parameter as it is called here."""
        wanted = {
            "model": self.model,
            "messages": messages,
            "max_completion_tokens": self.max_output_tokens,
            "temperature": self.temperature,
            "top_p": self.top_p,
            "logprobs": self.with_logprobs,
            "top_logprobs": self.top_logprobs,
            "tools": [_tool(index, tool) for index, tool in enumerate(self.tools or ())] or None,
            "tool_choice": _choice(self.tool_choice),
            "parallel_tool_calls": self.parallel_tool_calls,
            "response_format": _format(self.text),
        }
        with renamed():
            chat = parse(ChatRequest, wanted)
            chat.check()
        return chat


@contextmanager
def renamed() -> Iterator[None]:
    """Errors of the block name the parameters as a response has them."""
    try:
        yield
    except ApiError as error:
        for pattern, name in _RENAMED:
            error.param = re.sub(pattern, name, error.param) if error.param else None
        raise


def _tool(index: int, tool: Json) -> Json:
    if tool.get("type") != "function":
        param = f"tools[{index}]"
        raise bad_request(T("{param}.type: this server knows functions only.", param=param), f"{param}.type")
    function = {name: tool[name] for name in ("name", "description", "parameters", "strict") if name in tool}
    return {"type": "function", "function": function}


def _choice(choice: str | Json | None) -> str | Json | None:
    if not isinstance(choice, dict):
        return choice
    if choice.get("type") == "allowed_tools":
        tools: Any = choice.get("tools")
        named = [_choice(tool) for tool in tools if isinstance(tool, dict)] if isinstance(tools, list) else []
        return {"type": "allowed_tools", "allowed_tools": {"mode": choice.get("mode"), "tools": named}}
    return {"type": choice.get("type"), "function": {"name": choice.get("name")}}


def _format(text: Json | None) -> Json | None:
    wanted = (text or {}).get("format")
    if not wanted:
        return None
    if not isinstance(wanted, dict):
        raise bad_request(T("text.format must be an object."), "text.format")
    if wanted.get("type") != "json_schema":
        return wanted
    return {"type": "json_schema", "json_schema": {name: wanted[name] for name in wanted if name != "type"}}
