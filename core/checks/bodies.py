"""Rules of one example, by the format it is in."""

from __future__ import annotations

from typing import Any

from core.checks.hygiene import check_values
from core.checks.issues import Findings, Issue, visible
from core.checks.messages import check_messages
from core.checks.parts import MAX_IMAGES, count_images
from core.checks.tools import check_talk, check_tools
from core.dataset.examples import Body, Kind, kind_of
from core.tokens.tools import functions_of

_CHAT_KEYS = {"messages", "tools", "functions", "parallel_tool_calls"}
_OLD_OUTPUTS = {"preferred_completion": "preferred_output", "non_preferred_completion": "non_preferred_output"}


def check_body(body: Any, kind: Kind | None = None) -> list[Issue]:
    """Every issue of one example, by the rules of `kind`, or of the format that its keys show."""
    found = Findings()
    if not isinstance(body, dict):
        found.add("not_an_object", "", body)
        return found
    check_values(body, found)
    if any(issue.code == "too_deep" for issue in found):
        return found
    format_ = kind or format_of(body)
    if format_ is None:
        found.add("unknown_format", "", ", ".join(visible(key, 30) for key in list(body)[:8]) or "{}")
    else:
        _RULES[format_](body, found)
    return found


def format_of(body: Body) -> Kind | None:
    """The format that the keys show; also where the older names or a wrong type hide it."""
    if any(key in body for key in _OLD_OUTPUTS):
        return Kind.PREFERENCE
    return kind_of(body) or (Kind.CHAT if "messages" in body else None)


def _chat(body: Body, found: Findings) -> None:
    _unknown_keys(body, _CHAT_KEYS, found)
    messages = _talk(body, found)
    if messages:
        roles = [message.get("role") for message in messages]
        for at, role in enumerate(roles):
            if role == "developer":
                found.add("developer_role", f"messages[{at}].role", role)
        _check_learning(messages, found)
        if "system" not in roles and "developer" not in roles:
            found.add("missing_system", "messages")
        if "user" not in roles:
            found.add("missing_user", "messages")


def _talk(body: Body, found: Findings, *, weights: bool = True) -> list[dict[str, Any]]:
    """Check the messages of `body`, its tools, and how they fit together."""
    with found.inside("messages"):
        messages = check_messages(body.get("messages"), found, weights=weights)
    check_tools(body, found)
    names = {name for function in functions_of(body) if isinstance(name := function.get("name"), str)}
    with found.inside("messages"):
        check_talk(body.get("messages"), names or None, found)
        if not names and any(message.get("tool_calls") or message.get("function_call") for message in messages):
            found.add("tools_missing")
        images = count_images(messages)
        if images > MAX_IMAGES:
            found.add("too_many_images", "", images, number=images)
    return messages


def _check_learning(messages: list[dict[str, Any]], found: Findings) -> None:
    answers = [message for message in messages if message.get("role") == "assistant"]
    if not answers:
        found.add("no_assistant", "messages", ", ".join(visible(m.get("role"), 20) for m in messages[:6]))
        return
    weights = [message.get("weight") for message in answers]
    if all(isinstance(weight, int) and weight == 0 for weight in weights):
        found.add("all_weights_zero", "messages")
    if messages[-1].get("role") != "assistant":
        found.add("last_not_assistant", f"messages[{len(messages) - 1}].role", messages[-1].get("role"))


def _completion(body: Body, found: Findings) -> None:
    _unknown_keys(body, {"prompt", "completion"}, found)
    for key in ("prompt", "completion"):
        text = body.get(key)
        if text is None:
            found.add(f"{key}_missing", key)
        elif not isinstance(text, str):
            found.add(f"{key}_not_text", key, text)
        elif not text.strip():
            found.add(f"{key}_empty", key, text)


def _preference(body: Body, found: Findings) -> None:
    _unknown_keys(body, {"input", "preferred_output", "non_preferred_output", *_OLD_OUTPUTS}, found)
    given = body.get("input")
    with found.inside("input"):
        if isinstance(given, dict):
            _unknown_keys(given, _CHAT_KEYS, found)
            messages = _talk(given, found)
            if count_images(messages):
                found.add("text_only", "messages")
            if any(message.get("role") == "assistant" for message in messages):
                found.add("several_turns", "messages")
        else:
            found.add("input_invalid", "", given)
    outputs = []
    for old, key in _OLD_OUTPUTS.items():
        if old in body:
            found.add("old_preference_keys", old, key=old, new=key)
        name = old if old in body and key not in body else key
        outputs.append(_output(name, body.get(name), found))
    if outputs[0] and outputs[0] == outputs[1]:
        found.add("outputs_equal", "preferred_output", outputs[0][0].get("content"))


def _output(key: str, output: Any, found: Findings) -> list[dict[str, Any]]:
    if not isinstance(output, list) or not output:
        found.add("output_invalid", key, output, key=key)
        return []
    with found.inside(key):
        messages = check_messages(output, found)
        roles = [message.get("role") for message in messages]
        for at, role in enumerate(roles):
            if role not in ("assistant", "tool"):
                found.add("output_role", f"[{at}].role", role, key=key)
        answers = roles.count("assistant")
        if not answers:
            found.add("output_without_answer", "", key=key)
        elif answers > 1:
            found.add("output_several", "", answers, key=key, number=answers)
        if count_images(messages):
            found.add("text_only")
    return messages


def _reinforcement(body: Body, found: Findings) -> None:
    messages = _talk(body, found)
    if messages and messages[-1].get("role") != "user":
        found.add("last_not_user", f"messages[{len(messages) - 1}].role", messages[-1].get("role"))
    if any(message.get("role") == "system" for message in messages):
        found.add("reinforcement_system", "messages")
    if count_images(messages):
        found.add("reinforcement_images", "messages")


def _unknown_keys(body: Body, known: set[str], found: Findings) -> None:
    for key in body:
        if key not in known:
            found.add("unknown_key", str(key), body[key], key=key)


_RULES = {
    Kind.CHAT: _chat,
    Kind.COMPLETION: _completion,
    Kind.PREFERENCE: _preference,
    Kind.REINFORCEMENT: _reinforcement,
}
