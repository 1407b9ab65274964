"""Tool calls in what a model writes, in the three ways that are common:

<tool_call>{"name": …, "arguments": {…}}</tool_call>                             Qwen, Hermes and many
<tool_call><function=…><parameter=…>…</parameter></function></tool_call>         Qwen 3.5, Nemotron
{"name": …, "parameters": {…}}                                                   Llama, as its whole answer
"""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from core.server.engines.base import Piece

Call = tuple[str, Any]  # the name of a function, and its arguments
_CALL = re.compile(r"<tool_call>\s*(.*?)\s*(?:</tool_call>|$)", re.DOTALL)
_FUNCTION = re.compile(r"<function=([^>\n]+)>(.*?)(?:</function>|$)", re.DOTALL)
_PARAMETER = re.compile(r"<parameter=([^>\n]+)>\n?(.*?)\n?</parameter>", re.DOTALL)


@dataclass(frozen=True)
class Format:
    """How a family of models calls: what a call begins with, what an answer that must be one begins with, and whether
    the answer is the call and nothing else."""

    begin: str
    opening: str
    alone: bool = False


TAGGED = Format("<tool_call>", "<tool_call>\n")
BARE = Format("{", '{"name": "', alone=True)


def format_of(written: str, call: Call) -> Format | None:
    """The way in which a chat template has written this call; None where it is none of ours."""
    return next((form for form in (TAGGED, BARE) if calls_in(written, form) == [call]), None)


def calls_in(text: str, form: Format) -> list[Call]:
    """The calls of an answer; those that make no sense are none."""
    parts = [text.strip()] if form.alone else _CALL.findall(text)
    return [call for part in parts if (call := _call(part)) is not None]


def with_calls(pieces: Iterator[Piece], form: Format, opening: str = "") -> Iterator[Piece]:
    """The pieces of an answer, its tool calls read and put into one piece at the end. `opening` is what the answer
    began with before the model wrote. Text passes as it comes while no call can have begun."""
    held = [Piece(opening, tokens=0)] if opening else []
    begun = False  # whether text has passed: a call that stands alone cannot come any more
    for piece in pieces:
        held.append(piece)
        text = "".join(part.text for part in held)
        keep = 0 if form.alone and begun else _beginning(text, form)
        while held and len(text) - len(held[0].text) >= keep:
            text = text[len(held[0].text) :]
            begun = begun or bool(held[0].text.strip())
            yield held.pop(0)
    yield from _read(held, form)


def _beginning(text: str, form: Format) -> int:
    """How many characters at the end are a call, or could be the beginning of one."""
    if form.alone:
        return len(text) if text.lstrip()[:1] in ("", form.begin) else 0
    if form.begin in text:
        return len(text)
    return next((n for n in range(len(form.begin) - 1, 0, -1) if text.endswith(form.begin[:n])), 0)


def _read(held: list[Piece], form: Format) -> Iterator[Piece]:
    text = "".join(piece.text for piece in held)
    calls = calls_in(text, form) if form.begin in text else []
    if not calls:
        yield from held  # nothing that could be called: it stays what it is, a text
        return
    before = "" if form.alone else text.partition(form.begin)[0].rstrip()
    if before:
        yield replace(held[0], text=before, tokens=0, logprob=None, top=())
    told = [_told(name, arguments) for name, arguments in calls]
    tokens = sum(piece.tokens for piece in held)
    yield Piece(json.dumps(told, ensure_ascii=False), kind="tool_calls", tokens=tokens)


def _call(text: str) -> Call | None:
    if found := _FUNCTION.search(text):
        return found[1].strip(), {name.strip(): _value(value) for name, value in _PARAMETER.findall(found[2])}
    try:
        call = json.loads(text)
    except (ValueError, RecursionError):
        return None
    if not isinstance(call, dict) or not isinstance(call.get("name"), str):
        return None
    return call["name"], call.get("arguments", call.get("parameters", {}))


def _value(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text


def _told(name: str, arguments: Any) -> dict[str, Any]:
    text = arguments if isinstance(arguments, str) else json.dumps(arguments, ensure_ascii=False)
    call_id = f"call_{uuid.uuid4().hex[:24]}"
    return {"id": call_id, "type": "function", "function": {"name": name, "arguments": text}}
