"""What models answer, as pydantic models, for the OpenAPI document; a test holds real answers against them."""

from __future__ import annotations

from typing import Literal

from core.server.openapi import Reply

Finish = Literal["stop", "length", "tool_calls"]


class Usage(Reply):
    """Tokens, as the engine counts them."""

    prompt_tokens: int
    completion_tokens: int
    total_tokens: int


class Token(Reply):
    """A token with its log probability; null where the engine has none."""

    token: str
    logprob: float | None
    bytes: list[int]


class LikelyToken(Token):
    """A token and the alternatives to it."""

    top_logprobs: list[Token]


class ChatLogprobs(Reply):
    """The log probabilities of a choice."""

    content: list[LikelyToken]
    refusal: None


class Function(Reply):
    """What is called, with JSON as text."""

    name: str
    arguments: str


class ToolCall(Reply):
    """A tool call."""

    id: str
    type: Literal["function"]
    function: Function


class ToolCallDelta(ToolCall):
    """A tool call in a stream; each comes whole."""

    index: int


class ChatMessage(Reply):
    """What the model says."""

    role: Literal["assistant"]
    content: str | None
    refusal: None
    tool_calls: list[ToolCall] | None = None


class ChatChoice(Reply):
    """One answer."""

    index: int
    message: ChatMessage
    logprobs: ChatLogprobs | None
    finish_reason: Finish


class _Completion(Reply):
    id: str
    created: int
    model: str
    system_fingerprint: str


class ChatReply(_Completion):
    """A chat completion."""

    object: Literal["chat.completion"]
    choices: list[ChatChoice]
    usage: Usage


class ChatDelta(Reply):
    """What a chunk adds."""

    role: Literal["assistant"] | None = None
    content: str | None = None
    refusal: None = None
    tool_calls: list[ToolCallDelta] | None = None


class ChatChunkChoice(Reply):
    """A part of an answer."""

    index: int
    delta: ChatDelta
    logprobs: ChatLogprobs | None
    finish_reason: Finish | None


class ChatChunk(_Completion):
    """A chunk of a stream; the one with the usage has no choices."""

    object: Literal["chat.completion.chunk"]
    choices: list[ChatChunkChoice]
    usage: Usage | None = None


class TextLogprobs(Reply):
    """The log probabilities of a completion; those of an echoed prompt are null."""

    tokens: list[str]
    token_logprobs: list[float | None]
    top_logprobs: list[dict[str, float] | None]
    text_offset: list[int]


class TextChoice(Reply):
    """One completion."""

    index: int
    text: str
    logprobs: TextLogprobs | None
    finish_reason: Literal["stop", "length"] | None


class TextReply(_Completion):
    """A completion, whole or as a chunk of a stream."""

    object: Literal["text_completion"]
    choices: list[TextChoice]
    usage: Usage | None = None


class EmbeddingReply(Reply):
    """A vector: numbers, or their four bytes each (little-endian) in base64."""

    object: Literal["embedding"]
    index: int
    embedding: list[float] | str


class EmbeddingUsage(Reply):
    """Tokens, as the engine counts them."""

    prompt_tokens: int
    total_tokens: int


class EmbeddingsReply(Reply):
    """Vectors, in the order of the texts."""

    object: Literal["list"]
    data: list[EmbeddingReply]
    model: str
    usage: EmbeddingUsage


class ResponseUsage(Reply):
    """Tokens, as the engine counts them."""

    input_tokens: int
    input_tokens_details: dict[str, int]
    output_tokens: int
    output_tokens_details: dict[str, int]
    total_tokens: int
