"""Calls of functions as answers: what is offered with a question, and one form in which two calls can be compared."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from core.dataset.examples import Body

Offered = Mapping[str, Any]

OFFERED = ("tools", "functions")


def offered_by(body: Body) -> Offered:
    """What a row offers the model to call: without it a model could only answer in words."""
    found = {name: body[name] for name in OFFERED if body.get(name)}
    if "tools" in found and isinstance(body.get("parallel_tool_calls"), bool):
        found["parallel_tool_calls"] = body["parallel_tool_calls"]
    return found


def readable(text: str) -> str:
    """Calls as `name({"argument": …})`, one a line, without ids, which are new each time; any other text as it is."""
    if not text.lstrip().startswith(("[{", "{")):
        return text
    try:
        value = json.loads(text)
    except ValueError:
        return text
    calls = [_call(entry) for entry in (value if isinstance(value, list) else [value])]
    return text if None in calls else "\n".join(filter(None, calls))


def _call(entry: Any) -> str | None:
    """One call; None for what is none."""
    if isinstance(entry, dict) and isinstance(entry.get("function"), dict):
        entry = entry["function"]
    elif not isinstance(entry, dict) or set(entry) != {"name", "arguments"}:
        return None
    name, arguments = entry.get("name"), entry.get("arguments", "")
    if not isinstance(name, str):
        return None
    try:
        told = json.loads(arguments) if isinstance(arguments, str) else arguments
        arguments = json.dumps(told, ensure_ascii=False, sort_keys=True)
    except ValueError:
        pass  # a model may write arguments that are no JSON
    return f"{name}({arguments})"
