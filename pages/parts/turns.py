"""A conversation as the form edits it: turns that can be changed, added, moved and removed, and back to its line.

Only what a person changed is changed: unknown keys stay, and numbers stay written as they were.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count, zip_longest
from typing import Any

import orjson

from core.dataset.examples import Body, load
from core.errors import BadInput
from core.words import T

ROLES = ("system", "developer", "user", "assistant", "tool")
_numbers = count(1)


@dataclass
class Turn:
    """One message. `uid` names its widgets; `rest` holds the keys that the form does not show."""

    role: str
    text: str
    calls: str = ""
    is_json: bool = False
    rest: Body = field(default_factory=dict)
    uid: int = field(default_factory=lambda: next(_numbers))


def exact(raw: str) -> Body:
    """The object of a line with each number kept as it is written."""
    body = _loads(raw)
    if not isinstance(body, dict):
        raise ValueError("not an object")
    return body


def _loads(text: str) -> Any:
    return json.loads(text, parse_int=orjson.Fragment, parse_float=orjson.Fragment, parse_constant=_refuse)


def _refuse(name: str) -> Any:
    raise ValueError(f"{name} is no JSON value")


def turns_of(raw: str) -> list[Turn] | None:
    """The turns of a line; None where it is no conversation and is edited as JSON."""
    try:
        messages = exact(raw).get("messages")
    except (ValueError, RecursionError):
        return None
    if not isinstance(messages, list) or not all(isinstance(message, dict) for message in messages):
        return None
    return [_turn(message) for message in messages]


def _turn(message: Body) -> Turn:
    content, calls = message.get("content"), message.get("tool_calls")
    rest = {key: value for key, value in message.items() if key not in ("role", "content", "tool_calls")}
    is_json = content is not None and not isinstance(content, str)
    text = _pretty(content) if is_json else str(content or "")
    return Turn(str(message.get("role", "")), text, _pretty(calls) if calls is not None else "", is_json, rest)


def _pretty(value: Any) -> str:
    return orjson.dumps(value, option=orjson.OPT_INDENT_2).decode()


def line_of(raw: str, turns: Sequence[Turn]) -> str:
    """The line with these turns as its messages. Raises BadInput where a part that is JSON cannot be read."""
    body = exact(raw)
    originals = body.get("messages", [])
    body["messages"] = [_message(turn, number) for number, turn in enumerate(turns, start=1)]
    if len(originals) == len(turns):
        body["messages"] = [_as_ordered(new, old) for new, old in zip(body["messages"], originals, strict=True)]
    try:
        return orjson.dumps(body).decode()
    except (TypeError, ValueError) as error:
        raise BadInput(T("The text holds half a character (a lone surrogate). Remove it and save again.")) from error


def _message(turn: Turn, number: int) -> Body:
    message: Body = {"role": turn.role}
    calls = _parsed(turn.calls, number) if turn.calls.strip() else None
    if turn.is_json:
        message["content"] = _parsed(turn.text, number)
    elif turn.text or calls is None:
        message["content"] = turn.text
    if calls is not None:
        message["tool_calls"] = calls
    return {**message, **turn.rest}


def _parsed(text: str, number: int) -> Any:
    try:
        return _loads(text)
    except (ValueError, RecursionError) as error:
        raise BadInput(
            T("Turn {n}: this is not valid JSON ({reason}).", n=number, reason=str(error)),
            T("Nothing was saved. Correct the JSON and it is saved."),
        ) from error


def _as_ordered(new: Body, old: Body) -> Body:
    """The new message with its keys in the order of the old one, and an absent or null content left so."""
    kept = {key: new[key] for key in old if key in new}
    if "content" in old and "content" not in new:
        kept = {key: new.get(key) for key in old if key in new or key == "content"}
    return {**kept, **{key: value for key, value in new.items() if key not in kept}}


def moved(turns: Sequence[Turn], place: int, by: int) -> list[Turn]:
    """The turns with one of them moved up (-1) or down (1)."""
    changed = list(turns)
    other = place + by
    if 0 <= other < len(changed):
        changed[place], changed[other] = changed[other], changed[place]
    return changed


def next_role(turns: Sequence[Turn]) -> str:
    """The role that a new turn at the end most likely has."""
    return "assistant" if turns and turns[-1].role in ("user", "tool") else "user"


def one_object(text: str) -> str:
    """A JSON object written over several lines, on one line. Raises BadInput where it is none."""
    try:
        line = orjson.dumps(exact(text)).decode()
        load(line)
    except (ValueError, TypeError, RecursionError) as error:
        raise BadInput(
            T("This is not a JSON object: {reason}.", reason=str(error)),
            T("Nothing was saved. Correct the JSON and it is saved."),
        ) from error
    return line


def pretty(raw: str) -> str:
    """A line as JSON over several lines."""
    try:
        return _pretty(exact(raw))
    except (ValueError, TypeError, RecursionError):
        return raw


def differences(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[tuple[str, str]]:
    """What a change did to a row, as pairs of texts: of a conversation only the turns that are not the same."""
    pairs = []
    for name in dict.fromkeys((*before, *after)):
        old, new = before.get(name), after.get(name)
        if old == new:
            continue
        if name == "raw":
            pairs += _turn_pairs(str(old or ""), str(new or ""))
        else:
            pairs.append((str(old or ""), str(new or "")))
    return list(dict.fromkeys(pairs))


def _turn_pairs(old: str, new: str) -> list[tuple[str, str]]:
    first, second = (turns_of(old) or [] if old else []), (turns_of(new) or [] if new else [])
    texts = [[f"{turn.role}: {turn.text}{turn.calls}" for turn in turns] for turns in (first, second)]
    pairs = [(a, b) for a, b in zip_longest(*texts, fillvalue="") if a != b]
    return pairs or [(old, new)]


def changes(old: str, new: str) -> list[tuple[str, str, str]]:
    """What differs between two lines, as (role, before, after); no role where the turns are not the same in kind."""
    first, second = turns_of(old) or [], turns_of(new) or []
    if [turn.role for turn in first] != [turn.role for turn in second]:
        return [("", before, after) for before, after in _turn_pairs(old, new)]
    pairs = [(a.role, a.text + a.calls, b.text + b.calls) for a, b in zip(first, second, strict=True)]
    return [pair for pair in pairs if pair[1] != pair[2]] or [("", old, new)]
