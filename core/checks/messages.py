"""Rules of a list of messages, the same in every format that holds one."""

from __future__ import annotations

import re
from typing import Any

from core.checks.issues import Findings
from core.checks.parts import check_parts
from core.checks.tools import check_calls

ROLES = ("system", "user", "assistant", "tool", "function", "developer")
_KEYS = {"role", "content", "name", "weight", "tool_calls", "tool_call_id", "function_call"}
_NAME = re.compile(r"[^\s<|\\/>]{1,64}")


def check_messages(messages: Any, found: Findings, *, weights: bool = True) -> list[dict[str, Any]]:
    """Check each message of the list at the current path; returns those that are objects."""
    if messages is None:
        found.add("messages_missing")
    elif not isinstance(messages, list):
        found.add("messages_not_a_list", "", messages)
    elif not messages:
        found.add("messages_empty")
    else:
        for at, message in enumerate(messages):
            with found.inside(f"[{at}]"):
                if isinstance(message, dict):
                    _check_message(message, found, weights)
                else:
                    found.add("message_not_an_object", "", message)
        return [message for message in messages if isinstance(message, dict)]
    return []


def _check_message(message: dict[str, Any], found: Findings, weights: bool) -> None:
    role = message.get("role")
    if role is None:
        found.add("role_missing")
    elif role not in ROLES:
        found.add("unknown_role", "role", role)
    for key in message:
        if key not in _KEYS:
            found.add("unknown_key", str(key), message[key], key=key)
    _check_content(message, found)
    check_calls(message, found)
    name = message.get("name")
    if name is not None and not (isinstance(name, str) and _NAME.fullmatch(name)):
        found.add("name_invalid", "name", name)
    if weights and "weight" in message:
        _check_weight(message, found)


def _check_content(message: dict[str, Any], found: Findings) -> None:
    content, role = message.get("content"), message.get("role")
    if content is None:
        if not (role == "assistant" and (message.get("tool_calls") or message.get("function_call"))):
            found.add("content_missing", "content", role=role)
    elif isinstance(content, list) and content:
        with found.inside("content"):
            check_parts(content, role, found)
    elif content == "" and role in ("tool", "function"):
        found.add("answer_empty", "content")
    elif content == "" or content == []:
        if not (role == "assistant" and (message.get("tool_calls") or message.get("function_call"))):
            found.add("content_empty", "content", role=role)
    elif not isinstance(content, str):
        found.add("content_not_text", "content", content)
    elif content.isspace():
        found.add("content_blank", "content", content, role=role)


def _check_weight(message: dict[str, Any], found: Findings) -> None:
    weight, role = message["weight"], message.get("role")
    if role != "assistant":
        found.add("weight_misplaced", "weight", weight, role=role)
    elif isinstance(weight, bool) or not isinstance(weight, int) or weight not in (0, 1):
        found.add("weight_invalid", "weight", weight)
