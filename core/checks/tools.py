"""Rules of tools: those offered, those called, and what they answer."""

from __future__ import annotations

import re
from typing import Any

import orjson

from core.checks.issues import Findings

MAX_FUNCTIONS = 128
_FUNCTION_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")


def check_tools(body: dict[str, Any], found: Findings) -> None:
    """Check `tools`, the older `functions` and `parallel_tool_calls` beside the messages."""
    tools, functions, parallel = (body.get(key) for key in ("tools", "functions", "parallel_tool_calls"))
    offered: set[str] = set()
    if functions is not None:
        found.add("functions_are_legacy", "functions", key="functions")
    for key, entries in (("tools", tools), ("functions", functions)):
        if entries is None or (entries == [] and key == "tools"):
            continue
        if not isinstance(entries, list) or not 1 <= len(entries) <= MAX_FUNCTIONS:
            found.add("tools_invalid", key, entries, key=key)
            continue
        for at, entry in enumerate(entries):
            with found.inside(join_index(key, at)):
                _check_offer(entry, key == "tools", offered, found)
    if parallel is not None and not isinstance(parallel, bool):
        found.add("parallel_tool_calls_invalid", "parallel_tool_calls", parallel)


def join_index(key: str, at: int) -> str:
    """The path of an entry of a list."""
    return f"{key}[{at}]"


def _check_offer(entry: Any, wrapped: bool, offered: set[str], found: Findings) -> None:
    if wrapped:
        function = entry.get("function") if isinstance(entry, dict) else None
        if not isinstance(function, dict) or entry.get("type") != "function":
            found.add("tool_invalid", "", entry)
            return
    else:
        function = entry
        if not isinstance(function, dict):
            found.add("tool_invalid", "", entry)
            return
    with found.inside("function" if wrapped else ""):
        name = _check_name(function, found)
        if name in offered:
            found.add("tool_twice", "name", name)
        offered.add(name)
        parameters = function.get("parameters")
        if parameters is not None and not isinstance(parameters, dict):
            found.add("parameters_invalid", "parameters", parameters)


def _check_name(function: dict[str, Any], found: Findings) -> str:
    """Check the name of a function that is called or offered; "" where there is none."""
    name = function.get("name")
    if name is None:
        found.add("function_name_missing", "name")
    elif not isinstance(name, str) or not _FUNCTION_NAME.fullmatch(name):
        found.add("function_name_invalid", "name", name)
    return name if isinstance(name, str) else ""


def check_calls(message: dict[str, Any], found: Findings) -> None:
    """Check the calls that one message makes."""
    role = message.get("role")
    calls, legacy = message.get("tool_calls"), message.get("function_call")
    if legacy is not None:
        found.add("functions_are_legacy", "function_call", key="function_call")
        with found.inside("function_call"):
            _check_called(legacy, found)
    if calls is None:
        return
    if role != "assistant":
        found.add("tool_calls_misplaced", "tool_calls", role=role)
    if not isinstance(calls, list) or not calls:
        found.add("tool_calls_invalid", "tool_calls", calls)
        return
    for at, call in enumerate(calls):
        with found.inside(join_index("tool_calls", at)):
            _check_call(call, found)


def _check_call(call: Any, found: Findings) -> None:
    if not isinstance(call, dict):
        found.add("tool_calls_invalid", "", call)
        return
    if not isinstance(call.get("id"), str) or not call["id"]:
        found.add("tool_call_id_missing", "id", call.get("id"))
    if call.get("type") != "function":
        found.add("tool_call_type_invalid", "type", call.get("type"))
    with found.inside("function"):
        _check_called(call.get("function"), found)


def _check_called(function: Any, found: Findings) -> None:
    if not isinstance(function, dict):
        found.add("function_name_missing", "", function)
        return
    _check_name(function, found)
    arguments = function.get("arguments")
    if not isinstance(arguments, str):
        found.add("arguments_not_text", "arguments", arguments)
    elif not _is_object(arguments):
        found.add("arguments_not_json", "arguments", arguments)


def _is_object(text: str) -> bool:
    try:
        return isinstance(orjson.loads(text), dict)
    except orjson.JSONDecodeError:
        return False


def check_talk(messages: Any, offered: set[str] | None, found: Findings) -> None:
    """Check how calls and answers fit together; `offered` None: the example offers no tools to compare with."""
    made: set[str] = set()
    waiting: dict[str, str] = {}  # id of a call -> path
    for at, message in enumerate(messages if isinstance(messages, list) else ()):
        if not isinstance(message, dict):
            continue
        with found.inside(f"[{at}]"):
            role = message.get("role")
            if role == "tool":
                _check_answer(message, made, waiting, found)
            elif waiting:
                _report_unanswered(waiting, found)
            for key, call in _calls(message):
                function = call.get("function") if key else call
                name = function.get("name") if isinstance(function, dict) else None
                if offered is not None and isinstance(name, str) and name not in offered:
                    found.add("tool_not_offered", key or "function_call", name)
                if key and isinstance(call.get("id"), str):
                    made.add(call["id"])
                    waiting[call["id"]] = f"{found.path}.{key}"


def _calls(message: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    calls = message.get("tool_calls")
    listed = [(join_index("tool_calls", at), call) for at, call in enumerate(calls)] if isinstance(calls, list) else []
    legacy = message.get("function_call")
    return [(key, call) for key, call in [*listed, ("", legacy)] if isinstance(call, dict)]


def _check_answer(message: dict[str, Any], made: set[str], waiting: dict[str, str], found: Findings) -> None:
    answered = message.get("tool_call_id")
    if answered is None:
        found.add("tool_answer_without_id", "tool_call_id")
    elif not isinstance(answered, str) or answered not in made:
        found.add("tool_call_id_unknown", "tool_call_id", answered)
    else:
        waiting.pop(answered, None)


def _report_unanswered(waiting: dict[str, str], found: Findings) -> None:
    here = found.path
    for call_id, path in waiting.items():
        found.path = path
        found.add("tool_answer_missing", "", call_id)
    waiting.clear()
    found.path = here
