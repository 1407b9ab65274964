"""What of an example is compared with other examples: its instruction, what is asked, and the answer."""

from __future__ import annotations

import hashlib
from typing import Any, NamedTuple

from core.dataset.examples import Body, dump, text_of


class RowTexts(NamedTuple):
    """The instruction, all that the model reads before its answer, and the answer.

    `among` holds the two answers of a preference, whichever is the better one.
    """

    system: str
    asked: str
    answer: str
    among: str = ""


def row_texts(body: Body) -> RowTexts:
    """The three texts of an example of any kind; images and tool calls take part by their content."""
    if isinstance(body.get("messages"), list):
        return _chat(body)
    given = body.get("input")
    if isinstance(given, dict) and isinstance(given.get("messages"), list):
        system, asked = _prompt(given["messages"])
        answers = [_said(body.get(name)) for name in ("preferred_output", "non_preferred_output")]
        return RowTexts(system, asked, "\n".join(answers), "\n".join(sorted(answers)))
    return RowTexts("", _text(body.get("prompt")), _text(body.get("completion")))


def _chat(body: Body) -> RowTexts:
    messages = body["messages"]
    rest = {name: value for name, value in body.items() if name not in ("messages", "tools", "functions")}
    answers = [at for at, said in enumerate(messages) if isinstance(said, dict) and said.get("role") == "assistant"]
    if rest and _asks(messages):
        answers = []  # reinforcement: what was said before is part of the question
    last = answers[-1] if answers else len(messages)
    system, asked = _prompt(messages[:last])
    return RowTexts(system, asked, _said(messages[last:]) if answers or not rest else _dumped(rest))


def _asks(messages: list[Any]) -> bool:
    """Whether a conversation ends with a question."""
    return bool(messages) and isinstance(messages[-1], dict) and messages[-1].get("role") == "user"


def _prompt(messages: list[Any]) -> tuple[str, str]:
    system: list[str] = []
    asked: list[str] = []
    for message in messages:
        if isinstance(message, dict):
            (system if message.get("role") in ("system", "developer") else asked).append(_message(message))
    return "\n".join(system), "\n".join(asked)


def _said(messages: Any) -> str:
    if not isinstance(messages, list):
        return ""
    return "\n".join(_message(message) for message in messages if isinstance(message, dict))


def _message(message: dict[str, Any]) -> str:
    calls = message.get("tool_calls") or message.get("function_call")
    text = _text(message.get("content"))
    return f"{text}{_name_of(calls)}" if calls else text


def _text(content: Any) -> str:
    if isinstance(content, str):
        return content
    if not isinstance(content, list):
        return ""
    others = [part for part in content if not (isinstance(part, dict) and isinstance(part.get("text"), str))]
    return text_of(content) + (_name_of(others) if others else "")


def _name_of(value: Any) -> str:
    """A short name of a value that is no text: the same for the same value only."""
    return " " + hashlib.blake2b(_dumped({"value": value}).encode(), digest_size=16).hexdigest()


def _dumped(body: Body) -> str:
    try:
        return dump(body)
    except (ValueError, TypeError, RecursionError):
        return ""  # nested too deeply: the checks name such a row, and nothing else can be said of it
