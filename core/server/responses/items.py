"""The items of /v1/responses: from what a client sends to the messages of a conversation, and back to items."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from core.server import wire
from core.server.errors import bad_request
from core.words import T

Json = dict[str, Any]
FindItem = Callable[[str], Json | None]

_TEXTS = ("input_text", "output_text", "text", "refusal")
_ROLES = ("system", "developer", "user", "assistant")


def items_of(asked: str | list[Json], find: FindItem) -> list[Json]:
    """The items of a request, whole and each with an id of its own. `find` looks up what is referred to. Raises
    ApiError 400."""
    if isinstance(asked, str):
        asked = [{"role": "user", "content": asked}]
    items, seen = [], set[str]()
    for index, given in enumerate(asked):
        item = _whole(given, f"input[{index}]", find)
        if item["id"] in seen:
            item["id"] = wire.new_id(_prefix(item["type"]))
        seen.add(item["id"])
        items.append(item)
    return items


def _whole(given: Json, param: str, find: FindItem) -> Json:
    kind = given.get("type", "message" if "role" in given else "item_reference")
    own = given.get("id")
    id = own if isinstance(own, str) and 0 < len(own) <= 200 else wire.new_id(_prefix(str(kind)))
    if kind == "message":
        return _message(given, id, param)
    if kind == "function_call":
        found = {name: _text(given.get(name), f"{param}.{name}") for name in ("call_id", "name", "arguments")}
        return {"id": id, "type": kind, "status": "completed", **found}
    if kind == "function_call_output":
        output = given.get("output")
        parts = output if isinstance(output, str) else _parts(output, "input_text", f"{param}.output")
        call_id = _text(given.get("call_id"), f"{param}.call_id")
        return {"id": id, "type": kind, "status": "completed", "call_id": call_id, "output": parts}
    if kind == "reasoning":
        return {"id": id, "type": kind, "summary": []}  # what another model thought is no part of the conversation
    if kind == "item_reference":
        item = find(own) if isinstance(own, str) else None
        if item is None:
            message = T("{param}.id names no item that is stored here.", param=param)
            raise bad_request(message, f"{param}.id", "item_not_found")
        return dict(item)
    message = T("{param}.type: this server reads messages, function calls and their outputs.", param=param)
    raise bad_request(message, f"{param}.type")


def _message(given: Json, id: str, param: str) -> Json:
    role = given.get("role")
    if role not in _ROLES:
        known = ", ".join(_ROLES)
        raise bad_request(T("{param}.role must be one of {known}.", param=param, known=known), f"{param}.role")
    kind = "output_text" if role == "assistant" else "input_text"
    content = given.get("content")
    parts = [_part(content, kind)] if isinstance(content, str) else _parts(content, kind, f"{param}.content")
    return {"id": id, "type": "message", "status": "completed", "role": role, "content": parts}


def _parts(content: object, kind: str, param: str) -> list[Json]:
    if not isinstance(content, list):
        raise bad_request(T("{param} must be text.", param=param), param)
    parts = []
    for index, part in enumerate(content):
        if not isinstance(part, dict) or part.get("type") not in _TEXTS:
            message = T("{param}: this server reads text only.", param=f"{param}[{index}]")
            raise bad_request(message, f"{param}[{index}].type")
        name = "refusal" if part["type"] == "refusal" else "text"
        parts.append(_part(_text(part.get(name), f"{param}[{index}].{name}"), kind))
    return parts


def _part(text: str, kind: str) -> Json:
    return output_text(text, []) if kind == "output_text" else {"type": kind, "text": text}


def _text(value: object, param: str) -> str:
    if not isinstance(value, str):
        raise bad_request(T("{param} must be text.", param=param), param)
    return value


def _prefix(kind: str) -> str:
    return {"message": "msg_", "function_call": "fc_", "function_call_output": "fco_"}.get(kind, "item_")


def messages_of(items: list[Json]) -> list[Json]:
    """The conversation that these items are; calls that follow each other are one message."""
    messages: list[Json] = []
    for item in items:
        if item["type"] == "message":
            text = "\n".join(part["text"] for part in item["content"])
            messages.append({"role": item["role"], "content": text})
        elif item["type"] == "function_call":
            function = {"name": item["name"], "arguments": item["arguments"]}
            call = {"id": item["call_id"], "type": "function", "function": function}
            if messages and messages[-1]["role"] == "assistant" and "tool_calls" in messages[-1]:
                messages[-1]["tool_calls"].append(call)
            else:
                messages.append({"role": "assistant", "content": None, "tool_calls": [call]})
        elif item["type"] == "function_call_output":
            output = item["output"]
            text = output if isinstance(output, str) else "\n".join(part["text"] for part in output)
            messages.append({"role": "tool", "tool_call_id": item["call_id"], "content": text})
    return messages


def output_text(text: str, logprobs: list[Json]) -> Json:
    """The part of a message that holds what the model said."""
    return {"type": "output_text", "text": text, "annotations": [], "logprobs": logprobs}


def output_message(id: str, content: list[Json], status: str) -> Json:
    """What the model said, as an item."""
    return {"id": id, "type": "message", "status": status, "role": "assistant", "content": content}


def output_call(call: Json) -> Json:
    """A tool call of the model, as an item."""
    function = call.get("function") or {}
    return {
        "id": wire.new_id("fc_"),
        "type": "function_call",
        "status": "completed",
        "call_id": str(call.get("id") or wire.new_id("call_")),
        "name": str(function.get("name") or ""),
        "arguments": str(function.get("arguments") or "{}"),
    }
