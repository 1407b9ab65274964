"""Responses as they are answered, for the OpenAPI document."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import ConfigDict

from core.server.answering import ResponseUsage
from core.server.openapi import Reply
from core.server.schemas import Page


class IncompleteDetails(Reply):
    """Why a response is incomplete."""

    reason: Literal["max_output_tokens"]


class ResponseError(Reply):
    """Why a response failed."""

    code: str
    message: str


class ResponseReply(Reply):
    """A response; `output` holds messages and function calls."""

    id: str
    object: Literal["response"]
    created_at: int
    completed_at: int | None
    status: Literal["in_progress", "completed", "incomplete", "failed"]
    background: Literal[False]
    error: ResponseError | None
    incomplete_details: IncompleteDetails | None
    instructions: str | None
    max_output_tokens: int | None
    metadata: dict[str, str]
    model: str
    output: list[dict[str, Any]]
    parallel_tool_calls: bool
    previous_response_id: str | None
    store: bool
    temperature: float
    text: dict[str, Any]
    tool_choice: str | dict[str, Any]
    tools: list[dict[str, Any]]
    top_logprobs: int
    top_p: float
    truncation: Literal["disabled"]
    usage: ResponseUsage | None


class ResponseEvent(Reply):
    """An event of a response; the other keys follow from its type, as in OpenAI's client."""

    model_config = ConfigDict(extra="allow")

    type: str
    sequence_number: int


class ItemPage(Page):
    """The items that a response answered."""

    data: list[dict[str, Any]]


class InputTokens(Reply):
    """How many tokens the model reads."""

    object: Literal["response.input_tokens"]
    input_tokens: int
