"""Tool calls in what a model writes: `<tool_call>{"name": …, "arguments": {…}}</tool_call>`, as Qwen and many do."""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from core.server.engines.base import Piece

OPEN, CLOSE = "<tool_call>", "</tool_call>"
_CALL = re.compile(rf"{OPEN}\s*(.*?)\s*(?:{CLOSE}|$)", re.DOTALL)


def with_calls(pieces: Iterator[Piece], opening: str = "") -> Iterator[Piece]:
    """The pieces of an answer, its tool calls read and put into one piece at the end. `opening` is what the answer
    began with before the model wrote. Text passes as it comes while no call can have begun."""
    held = [Piece(opening, tokens=0)] if opening else []
    for piece in pieces:
        held.append(piece)
        text = "".join(part.text for part in held)
        if OPEN in text:
            continue
        keep = _beginning(text)
        while held and len(text) - len(held[0].text) >= keep:
            text = text[len(held[0].text) :]
            yield held.pop(0)
    yield from _read(held)


def _beginning(text: str) -> int:
    """How many characters at the end could be the beginning of a call."""
    return next((n for n in range(len(OPEN) - 1, 0, -1) if text.endswith(OPEN[:n])), 0)


def _read(held: list[Piece]) -> Iterator[Piece]:
    text = "".join(piece.text for piece in held)
    calls = [call for found in _CALL.findall(text) if (call := _call(found)) is not None]
    if not calls:
        yield from held  # nothing that could be called: it stays what it is, a text
        return
    before = text.partition(OPEN)[0].rstrip()
    tokens = sum(piece.tokens for piece in held)
    if before:
        yield replace(held[0], text=before, tokens=0, logprob=None, top=())
    yield Piece(json.dumps(calls, ensure_ascii=False), kind="tool_calls", tokens=tokens)


def _call(text: str) -> dict[str, Any] | None:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return None
    if not isinstance(found, dict) or not isinstance(found.get("name"), str):
        return None
    arguments = found.get("arguments", found.get("parameters", {}))
    told = arguments if isinstance(arguments, str) else json.dumps(arguments, ensure_ascii=False)
    return {
        "id": f"call_{uuid.uuid4().hex[:24]}",
        "type": "function",
        "function": {"name": found["name"], "arguments": told},
    }
