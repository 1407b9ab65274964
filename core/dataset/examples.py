"""The example: one line of a training file, and the few ways to look into it.

An example's `raw` is exactly the text of its JSON line. It is what is stored, hashed and exported, so an example
that nobody changed leaves as it came, unknown keys and number formats included.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property
from typing import Any

import orjson

Body = dict[str, Any]


class Kind(StrEnum):
    """What a line trains: named after the field's own formats."""

    CHAT = "chat"
    COMPLETION = "completion"
    PREFERENCE = "preference"
    REINFORCEMENT = "reinforcement"


class Split(StrEnum):
    """Which part of a dataset an example belongs to."""

    NONE = ""
    TRAIN = "train"
    VALIDATION = "validation"
    TEST = "test"


class Status(StrEnum):
    """What a person said of an example."""

    NEW = ""
    APPROVED = "approved"
    NEEDS_WORK = "needs_work"


@dataclass(frozen=True)
class Origin:
    """Where an example came from: the file, its sheet, and the row as the person sees it (1 is the first line)."""

    file: str = ""
    row: int = 0
    sheet: str = ""
    fields: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Draft:
    """An example that is not stored yet."""

    raw: str
    kind: Kind
    label: str = ""
    split: Split = Split.NONE
    origin: Origin = Origin()
    status: Status = Status.NEW

    @cached_property
    def body(self) -> Body:
        return load(self.raw)


@dataclass(frozen=True)
class Example:
    """A stored example. `tokens` counts the whole example, `answer_tokens` its assistant messages (-1: not counted)."""

    id: int
    dataset_id: int
    position: int
    kind: Kind
    raw: str
    label: str
    split: Split
    status: Status
    revision: int
    tokens: int
    answer_tokens: int
    issues: tuple[str, ...]
    content_hash: str
    origin: Origin = Origin()

    @cached_property
    def body(self) -> Body:
        return load(self.raw)


def load(raw: str) -> Body:
    """The object of a JSON line. Raises ValueError where it is no JSON object."""
    body = orjson.loads(raw)
    if not isinstance(body, dict):
        raise ValueError("a line must hold one JSON object")
    return body


def dump(value: Any) -> str:
    """One JSON line without its line break: keys in their order, text as it is (lone surrogates escaped)."""
    try:
        return orjson.dumps(value).decode()
    except (orjson.JSONEncodeError, UnicodeEncodeError):
        return json.dumps(value, separators=(",", ":"), allow_nan=False)


def chat_line(messages: list[dict[str, Any]]) -> str:
    """A chat made from a table as one line, spaced as Python's own json writes it: what scripts of old have made."""
    turns = ("{" + ", ".join(f'"{key}": {dump(value)}' for key, value in turn.items()) + "}" for turn in messages)
    return '{"messages": [' + ", ".join(turns) + "]}"


def content_hash(raw: str) -> str:
    """128-bit BLAKE2b of a line, in hexadecimal: the name of its content."""
    import hashlib  # takes longer to load than a small table to read

    return hashlib.blake2b(raw.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()


def kind_of(body: Body) -> Kind | None:
    """The format a body is in, by its keys; None where it fits none."""
    if "preferred_output" in body or "non_preferred_output" in body:
        return Kind.PREFERENCE
    messages = body.get("messages")
    if isinstance(messages, list):
        last = messages[-1] if messages else None
        role = last.get("role") if isinstance(last, dict) else None
        extra = set(body) - {"messages", "tools", "functions", "parallel_tool_calls"}
        return Kind.REINFORCEMENT if role == "user" and extra else Kind.CHAT
    if "prompt" in body or "completion" in body:
        return Kind.COMPLETION
    return None


def text_of(content: Any) -> str:
    """The text of a message's content: a string as it is, the text parts of a list joined, else nothing."""
    if isinstance(content, str):
        return content
    if isinstance(content, list):
        parts = [part.get("text") for part in content if isinstance(part, dict)]
        return "\n".join(part for part in parts if isinstance(part, str))
    return ""


def messages_of(body: Body) -> list[dict[str, Any]]:
    """The messages of a chat body that are objects; an empty list elsewhere."""
    messages = body.get("messages")
    return [m for m in messages if isinstance(m, dict)] if isinstance(messages, list) else []


def as_chat(body: Body) -> Body:
    """A preference as the conversation with its better answer; every other body as it is."""
    asked = body.get("input")
    if not isinstance(asked, dict) or kind_of(body) != Kind.PREFERENCE:
        return body
    better = body.get("preferred_output")
    return {"messages": [*messages_of(asked), *messages_of({"messages": better})]}


def system_text(body: Body) -> str:
    """The first system (or developer) message."""
    turns = messages_of(as_chat(body))
    return next((text_of(m.get("content")) for m in turns if m.get("role") in ("system", "developer")), "")


def user_text(body: Body) -> str:
    """What the model is asked: the last user message, or the prompt."""
    prompt = body.get("prompt")
    if isinstance(prompt, str):
        return prompt
    content = _last(body, "user").get("content")
    return content if isinstance(content, str) else text_of(content)


def answer_text(body: Body) -> str:
    """What the model should say: the last assistant message (its tool calls as JSON), the completion, or the better
    answer of two."""
    completion = body.get("completion")
    if isinstance(completion, str):
        return completion
    message = _last(body, "assistant")
    content = message.get("content")
    text = content if isinstance(content, str) else text_of(content)
    calls = message.get("tool_calls") or message.get("function_call")
    return text or (json.dumps(calls, ensure_ascii=False) if calls else "")


def _last(body: Body, role: str) -> dict[str, Any]:
    """The last message of a role; an empty one where there is none."""
    messages = (as_chat(body) if "input" in body else body).get("messages")
    for message in reversed(messages) if isinstance(messages, list) else ():
        if isinstance(message, dict) and message.get("role") == role:
            return message
    return {}


def prompt_messages(body: Body) -> list[dict[str, Any]]:
    """The messages before the last assistant message: what is sent to a model that is being evaluated."""
    messages = messages_of(body)
    if not messages and isinstance(body.get("prompt"), str):
        return [{"role": "user", "content": body["prompt"]}]
    last = max((i for i, m in enumerate(messages) if m.get("role") == "assistant"), default=len(messages))
    return messages[:last]
