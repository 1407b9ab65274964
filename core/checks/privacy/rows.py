"""Whole examples: every text of a line looked through, and the line written anew with other texts."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import orjson

from core.checks.privacy.characters import odd
from core.checks.privacy.garbled import garbled
from core.checks.privacy.scanning import scan
from core.checks.privacy.scripts import script_or_mixed
from core.checks.privacy.tongues import latin_language
from core.checks.privacy.values import Span

# Keys whose values are names of the format, not words of a person; pictures are no text.
_SKIPPED = frozenset({"role", "type", "id", "tool_call_id", "image_url", "input_audio", "detail", "data", "weight"})
_DEPTH = 64
# One word such as "sports" or "card_arrival": the name of a class, which says nothing of a text's own language.
_CLASS = re.compile(r"[A-Za-z][\w&+./-]{0,39}", re.ASCII)


@dataclass(frozen=True)
class RowScan:
    """What one example holds: how often each kind, and the script that it is written in ("mixed": in several).

    `language` is that of Latin letters, where it is sure.
    """

    kinds: dict[str, int]
    script: str = ""
    language: str = ""


def load_any(raw: str) -> Any:
    """The value of a JSON line, lone surrogates included; None where it is no JSON."""
    try:
        return orjson.loads(raw)
    except ValueError:
        try:
            return json.loads(raw)
        except (ValueError, RecursionError):
            return None


def texts_of(body: Any, path: str = "", depth: int = 0) -> Iterator[tuple[str, str]]:
    """Every text of an example with its field, such as ("messages[1].content", "Hello")."""
    if isinstance(body, str):
        yield path, body
    elif depth > _DEPTH:
        return
    elif isinstance(body, dict):
        for key, value in body.items():
            if key not in _SKIPPED and isinstance(value, str | dict | list):
                yield from texts_of(value, f"{path}.{key}" if path else str(key), depth + 1)
    elif isinstance(body, list):
        for at, value in enumerate(body):
            if isinstance(value, str | dict | list):
                yield from texts_of(value, f"{path}[{at}]", depth + 1)


def findings(text: str) -> list[Span]:
    """All that is found in one text: what it gives away, odd characters, mistaken encodings."""
    found = [*scan(text), *odd(text), *garbled(text)]
    return sorted(found, key=lambda span: span.start) if len(found) > 1 else found


@lru_cache(maxsize=2048)
def _instruction(text: str) -> list[Span]:
    """What is found in an instruction: the same one stands in many rows."""
    return findings(text)


def scan_row(raw: str, label: str = "") -> RowScan:
    """Look through one line and its label."""
    body = load_any(raw)
    counts: Counter[str] = Counter()
    said: list[str] = []
    for text, is_instruction in _spoken(body):
        spans = _instruction(text) if is_instruction else findings(text)
        if spans:
            counts.update(span.kind for span in spans)
        if not is_instruction:
            said.append(text)
    if label and label not in said:
        counts.update(span.kind for span in findings(label))
    named = label.strip() if label.isascii() else ""
    prose = [text for text in said if not _CLASS.fullmatch(text.strip()) and text.strip() != named]
    text = " ".join(prose or said)
    script = script_or_mixed(text)
    return RowScan(dict(counts), script, latin_language(text) if script == "latin" else "")


def said(raw: str) -> str:
    """What is said in a line, instructions left out."""
    return " ".join(text for text, is_instruction in _spoken(load_any(raw)) if not is_instruction)


def _spoken(body: Any) -> Iterator[tuple[str, bool]]:
    """The texts of an example; True beside those of instructions. A plain chat is read the short way."""
    messages = body.get("messages") if isinstance(body, dict) and len(body) == 1 else None
    if isinstance(messages, list):
        for message in messages:
            if isinstance(message, dict) and len(message) == 2 and isinstance(message.get("content"), str):
                yield message["content"], message.get("role") in ("system", "developer")
            else:
                yield from ((text, False) for _path, text in texts_of(message))
    else:
        yield from ((text, False) for _path, text in texts_of(body))


def rewritten(raw: str, change: Callable[[str], str]) -> str:
    """The line with every text changed; the same line where nothing did. Numbers stay as they were written."""
    body = json.loads(raw, parse_int=orjson.Fragment, parse_float=orjson.Fragment)
    changed = _changed(body, change)
    return raw if changed is body else orjson.dumps(changed).decode()


def _changed(value: Any, change: Callable[[str], str], key: str = "", depth: int = 0) -> Any:
    """The value with its texts changed; the very same object where none did."""
    if isinstance(value, str):
        return _changed_arguments(value, change) if key == "arguments" else _or_same(value, change(value))
    if depth > _DEPTH or not isinstance(value, dict | list):
        return value
    if isinstance(value, dict):
        made = {k: v if k in _SKIPPED else _changed(v, change, k, depth + 1) for k, v in value.items()}
        return made if any(made[k] is not v for k, v in value.items()) else value
    items = [_changed(item, change, key, depth + 1) for item in value]
    return items if any(new is not old for new, old in zip(items, value, strict=True)) else value


def _or_same(old: str, new: str) -> str:
    return old if new == old else new


def _changed_arguments(text: str, change: Callable[[str], str]) -> str:
    """The arguments of a tool call are JSON in a text: it stays JSON, so a bare number becomes a text."""
    if change(text) == text:
        return text
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return change(text)
    return json.dumps(_in_arguments(value, change), ensure_ascii=False)


def _in_arguments(value: Any, change: Callable[[str], str]) -> Any:
    if isinstance(value, dict):
        return {key: _in_arguments(item, change) for key, item in value.items()}
    if isinstance(value, list):
        return [_in_arguments(item, change) for item in value]
    if isinstance(value, int) and not isinstance(value, bool):
        new = change(str(value))
        return value if new == str(value) else new
    return change(value) if isinstance(value, str) else value
