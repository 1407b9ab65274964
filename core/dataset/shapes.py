"""Other tools' training files, told by their keys and converted: ShareGPT, Alpaca with a history, chosen/rejected."""

from __future__ import annotations

import json
from collections.abc import Callable
from enum import StrEnum
from typing import Any

import orjson

from core.dataset.examples import Body, Kind, dump
from core.words import T, Text


class Shape(StrEnum):
    """A format that is not the provider's own."""

    SHAREGPT = "sharegpt"
    ALPACA = "alpaca"
    CHOSEN = "chosen"
    TABLE = "luopan-table"  # our own export to CSV or Excel
    CHATGPT = "chatgpt"


class Unfit(Exception):
    """A body that cannot be converted: where, and why."""

    def __init__(self, field: str, reason: Text) -> None:
        super().__init__(field)
        self.field = field
        self.reason = reason


KINDS = {
    Shape.SHAREGPT: Kind.CHAT,
    Shape.ALPACA: Kind.CHAT,
    Shape.CHOSEN: Kind.PREFERENCE,
    Shape.CHATGPT: Kind.CHAT,
}
TABLE_COLUMNS = ("id", "system", "user", "assistant", "label", "split", "messages")
_TURNS = ("conversations", "conversation")
_BETTER = ("chosen", "preferred_completion")
_PROMPTS = ("prompt", "messages", *_TURNS, "question", "instruction", "input")
_WORSE = ("rejected", "non_preferred_completion")
_WRITTEN = {
    "user": "user human prompter customer client 用户 客户 人类 顾客 提问者",
    "assistant": "assistant gpt chatgpt bot model ai agent bing bard claude 助手 客服 机器人 回答者 坐席",
    "system": "system developer 系统",
    "call": "function_call function-call tool_call",
    "result": "tool observation function_response function function-response tool_response",
}
SPEAKERS = {name: role for role, names in _WRITTEN.items() for name in names.split()}


def shape_of(body: Body) -> Shape | None:
    """The format that a body (or a row) is in, by its keys; None where it fits none (or is the provider's own)."""
    if body.keys() == set(TABLE_COLUMNS):
        return Shape.TABLE
    if "messages" in body and not any(key in body for key in _BETTER):
        return None
    if any(key in body for key in _BETTER) and any(key in body for key in _WORSE):
        return Shape.CHOSEN
    if any(isinstance(body.get(key), list) for key in _TURNS):
        return Shape.SHAREGPT
    if isinstance(body.get("history"), list) and "instruction" in body and "output" in body:
        return Shape.ALPACA
    if isinstance(body.get("mapping"), dict) and "current_node" in body:
        return Shape.CHATGPT
    return None


def convert(shape: Shape, body: Body) -> Body:
    """The same example in the provider's own format. Raises Unfit."""
    converters: dict[Shape, Callable[[Body], Body]] = {
        Shape.SHAREGPT: _sharegpt,
        Shape.ALPACA: _alpaca,
        Shape.CHOSEN: _chosen,
        Shape.CHATGPT: _chatgpt,
    }
    return converters[shape](body)


def _sharegpt(body: Body) -> Body:
    key = next((key for key in _TURNS if isinstance(body.get(key), list)), _TURNS[0])
    turns = body.get(key)
    if not isinstance(turns, list) or not turns:
        raise Unfit(key, T("There is no conversation in it."))
    messages = _system(body)
    for place, turn in enumerate(turns):
        where = f"{key}[{place}]"
        if not isinstance(turn, dict):
            raise Unfit(where, T("A turn must be an object with from and value."))
        messages += _pair(turn, where) if {"human", "assistant"} & turn.keys() else [_turn(turn, where, messages)]
    if not any(message["role"] == "assistant" for message in messages):
        raise Unfit(key, T("Nobody answers in this conversation."))
    return {"messages": messages, **_tools(body)}


def _chatgpt(body: Body) -> Body:
    """A conversation of ChatGPT's export: a tree of messages, of which the last branch counts."""
    nodes, place = body.get("mapping"), body.get("current_node")
    messages: list[Body] = []
    seen: set[str] = set()
    while isinstance(nodes, dict) and isinstance(place, str) and place not in seen:
        seen.add(place)
        node = nodes.get(place)
        message, place = (node.get("message"), node.get("parent")) if isinstance(node, dict) else (None, None)
        if isinstance(message, dict) and (said := _said(message)):
            messages.append(said)
    if not any(message["role"] == "assistant" for message in messages):
        raise Unfit("mapping", T("Nobody answers in this conversation."))
    return {"messages": messages[::-1]}


def _said(message: Body) -> Body | None:
    """A message of the export with text; None for pictures, tools and empty ones."""
    author, content = message.get("author"), message.get("content")
    role = author.get("role") if isinstance(author, dict) else None
    parts = content.get("parts") if isinstance(content, dict) else None
    text = "".join(part for part in parts if isinstance(part, str)) if isinstance(parts, list) else ""
    return {"role": role, "content": text} if role in ("system", "user", "assistant") and text.strip() else None


def _system(body: Body) -> list[Body]:
    text = body.get("system")
    return [{"role": "system", "content": text}] if isinstance(text, str) and text.strip() else []


def _pair(turn: Body, where: str) -> list[Body]:
    """A turn of the kind {"human": …, "assistant": …}."""
    names = {"human": "user", "assistant": "assistant"}
    return [{"role": role, "content": _text(turn[k], f"{where}.{k}")} for k, role in names.items() if k in turn]


def _turn(turn: Body, where: str, before: list[Body]) -> Body:
    name_key = "from" if "from" in turn else "role"
    text_key = "value" if "value" in turn else "content"
    seen = turn.get(name_key)
    role = SPEAKERS.get(seen.strip().casefold()) if isinstance(seen, str) else None
    if role is None:
        raise Unfit(f"{where}.{name_key}", unknown_speaker(seen))
    if text_key == "content" and role in ("user", "assistant", "system", "result") and "from" not in turn:
        return {**turn, "role": "tool" if role == "result" else role}  # the provider's own message already
    text = _text(turn.get(text_key), f"{where}.{text_key}")
    if role == "call":
        return {"role": "assistant", "tool_calls": _calls(text, f"{where}.{text_key}", len(before))}
    if role == "result":
        return {"role": "tool", "tool_call_id": _last_call(before, where), "content": text}
    weight = turn.get("weight")
    return {"role": role, "content": text} | ({"weight": weight} if weight in (0, 1) else {})


def unknown_speaker(seen: Any) -> Text:
    """The reason for a turn whose speaker has no role."""
    shown = seen if isinstance(seen, str) else json.dumps(seen, ensure_ascii=False, default=str)
    return T('Who speaks is "{seen}". Write user, assistant or system.', seen=shown[:60])


def _text(value: Any, where: str) -> str:
    if not isinstance(value, str):
        raise Unfit(where, T("There must be a text here."))
    return value


def _calls(text: str, where: str, number: int) -> list[Body]:
    try:
        found = orjson.loads(text)
    except orjson.JSONDecodeError:
        found = None
    calls = found if isinstance(found, list) else [found]
    if not calls or not all(isinstance(call, dict) and isinstance(call.get("name"), str) for call in calls):
        raise Unfit(where, T("A function call must be JSON with name and arguments."))
    return [
        {
            "id": f"call_{number}_{place}",
            "type": "function",
            "function": {"name": call["name"], "arguments": _arguments(call)},
        }
        for place, call in enumerate(calls)
    ]


def _arguments(call: Body) -> str:
    arguments = call.get("arguments", call.get("parameters", {}))
    return arguments if isinstance(arguments, str) else orjson.dumps(arguments).decode()


def _last_call(before: list[Body], where: str) -> str:
    """The first call that has no result yet."""
    answered = {message.get("tool_call_id") for message in before}
    for message in before:
        for call in message.get("tool_calls", ()):
            if isinstance(call, dict) and isinstance(call.get("id"), str) and call["id"] not in answered:
                return str(call["id"])
    raise Unfit(where, T("A tool answers here, but no call came before."))


def _tools(body: Body) -> Body:
    """The tools, which ShareGPT files hold as a list or as the JSON text of one."""
    tools = body.get("tools")
    if isinstance(tools, str) and tools.strip():
        try:
            tools = orjson.loads(tools)
        except orjson.JSONDecodeError:
            raise Unfit("tools", T("The tools are no valid JSON.")) from None
    if not tools:
        return {}
    if not isinstance(tools, list) or not all(isinstance(tool, dict) for tool in tools):
        raise Unfit("tools", T("The tools must be a list of objects."))
    return {"tools": [tool if "function" in tool else {"type": "function", "function": tool} for tool in tools]}


def _alpaca(body: Body) -> Body:
    messages = _system(body)
    history = body.get("history")
    for place, pair in enumerate(history if isinstance(history, list) else ()):
        where = f"history[{place}]"
        if not isinstance(pair, list) or len(pair) != 2:
            raise Unfit(where, T("A turn of the history must be a question and its answer."))
        for role, text in zip(("user", "assistant"), pair, strict=True):
            messages.append({"role": role, "content": _text(text, where)})
    asked = [_text(body.get("instruction"), "instruction"), body.get("input")]
    question = "\n".join(part for part in asked if isinstance(part, str) and part.strip())
    answer = _text(body.get("output"), "output")
    if not question.strip() or not answer.strip():
        raise Unfit("output" if question.strip() else "instruction", T("There must be a text here."))
    messages += [{"role": "user", "content": question}, {"role": "assistant", "content": answer}]
    return {"messages": messages}


def _chosen(body: Body) -> Body:
    better_key = next((key for key in _BETTER if key in body), _BETTER[0])
    worse_key = next((key for key in _WORSE if key in body), _WORSE[0])
    better, worse = _answers(body.get(better_key), better_key), _answers(body.get(worse_key), worse_key)
    given = body.get("input")
    if isinstance(given, dict) and isinstance(given.get("messages"), list):
        asked: Body = given
    else:
        prompt = next((body[key] for key in _PROMPTS if body.get(key)), None)
        asked = {"messages": _system(body) + _asked(prompt, better, worse)} | _tools(body)
    better, worse = better[-1:], worse[-1:]
    for key, answer in ((better_key, better), (worse_key, worse)):
        if answer[0].get("role") != "assistant":
            raise Unfit(key, T("It must end with the assistant's answer."))
    return {"input": asked, "preferred_output": better, "non_preferred_output": worse}


def _answers(value: Any, where: str) -> list[Body]:
    """An answer as messages: a text, one message, or a list of them."""
    if isinstance(value, str) and value.strip():
        return [{"role": "assistant", "content": value}]
    if isinstance(value, dict):
        value = [value]
    if isinstance(value, list) and value and all(isinstance(message, dict) for message in value):
        return [
            message if "role" in message else _turn(message, f"{where}[{n}]", []) for n, message in enumerate(value)
        ]
    raise Unfit(where, T("There must be a text here."))


def _asked(prompt: Any, better: list[Body], worse: list[Body]) -> list[Body]:
    """What was asked: the prompt, or the turns that both answers begin with."""
    if isinstance(prompt, str):
        return [{"role": "user", "content": prompt}]
    if isinstance(prompt, list) and prompt and all(isinstance(message, dict) for message in prompt):
        messages: list[Body] = []
        for place, message in enumerate(prompt):
            messages.append(message if "role" in message else _turn(message, f"prompt[{place}]", messages))
        return messages
    if len(better) > 1 and [dump(m) for m in better[:-1]] == [dump(m) for m in worse[:-1]]:
        return better[:-1]
    raise Unfit("prompt", T("What was asked is missing: there is no prompt, and the two answers begin differently."))
