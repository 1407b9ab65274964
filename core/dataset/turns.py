"""The turns of other tools' conversations as messages: who speaks by many names, texts wherever they are put."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

import orjson

from core.dataset import transcripts
from core.dataset.examples import Body
from core.words import T, Text

# Where a conversation is told, best first.
TURNS = (
    "messages", "conversations", "conversation", "items", "chat_messages", "contents", "dialogue", "dialog", "data",
    "turns", "chat",
)  # fmt: skip
_SURE = ("conversations", "conversation")  # a list with these names is one, whatever is in it
_TALKS = (*_SURE, "messages", "dialogue", "dialog", "turns")  # in others, questions with answers are rows of a table
_NAMES, _TEXTS = ("from", "role", "sender", "speaker", "author"), ("value", "content", "parts", "text", "message")
# Two turns in one object: names of what is asked and of what is answered.
_PAIRED = {"human": "assistant", "Human": "MOSS", "input": "output", "prompt": "response", "question": "answer"}
_SYSTEMS = (
    "system", "system_prompt", "system_message", "systemPrompt", "systemInstruction", "system_instruction",
    "meta_instruction",
)  # fmt: skip
_OWN = ("system", "developer", "user", "assistant", "tool", "function")  # roles in the provider's messages
_KEYS = ("role", "content", "name", "weight", "tool_calls", "tool_call_id", "function_call")
_WRITTEN = {
    "user": "user human prompter customer client usr 用户 客户 人类 顾客 提问者",
    "assistant": "assistant gpt chatgpt chatbot bot model ai agent bing bard claude moss 助手 客服 机器人 回答者 坐席",
    "system": "system developer 系统",
    "call": "function_call function-call tool_call",
    "result": "tool observation function_response function function-response tool_response",
}
SPEAKERS = {name: role for role, names in _WRITTEN.items() for name in names.split()}
_MOSS = re.compile(r"^<\|\w+\|>:|<eo[a-z]>$")


class Unfit(Exception):
    """A body that cannot be converted: where, and why."""

    def __init__(self, field: str, reason: Text) -> None:
        super().__init__(field)
        self.field = field
        self.reason = reason


def turns_key(body: Body) -> str | None:
    """Under which name a body tells a conversation, if it does."""
    for key in TURNS:
        value = body.get(key)
        if isinstance(value, dict) and key == "chat" and value.keys() & {"turn_1"}:
            return key
        if not isinstance(value, list):
            continue
        told = [turn for turn in value if is_turn(turn) or (key in _TALKS and _is_pair(turn))]
        texts = len(value) > 1 and key != "items" and all(isinstance(turn, str) for turn in value)
        nested = any(isinstance(turn, dict) and turns_key(turn) for turn in value[:3])
        if (value and len(told) == len(value)) or texts or (key in _SURE and not nested):
            return key
    return None


def is_turn(turn: Any) -> bool:
    """Whether an object says who speaks, by a name that we know, and what."""
    return isinstance(turn, dict) and role_of(_speaker(turn)) is not None and any(text in turn for text in _TEXTS)


def _is_pair(turn: Any) -> bool:
    return isinstance(turn, dict) and any(ask in turn and answer in turn for ask, answer in _PAIRED.items())


def is_foreign(body: Body) -> bool:
    """Whether messages are not quite the provider's own: other names for who speaks, a system text beside them."""
    messages = body.get("messages")
    if not isinstance(messages, list) or not messages or not all(isinstance(message, dict) for message in messages):
        return False
    roles = [message.get("role") for message in messages]
    if any(role not in _OWN and role_of(_speaker(message)) for role, message in zip(roles, messages, strict=True)):
        return True
    parts = [part for message in messages if isinstance(message.get("content"), list) for part in message["content"]]
    if any(isinstance(part, dict) and "text" in part and "type" not in part for part in parts):
        return True
    return not {"system", "developer"} & {role for role in roles if isinstance(role, str)} and bool(system(body))


def conversation(body: Body) -> Body:
    """A conversation of another tool in the provider's own format. Raises Unfit."""
    key = turns_key(body) or next((key for key in TURNS if isinstance(body.get(key), list)), "conversations")
    turns = body.get(key)
    if isinstance(turns, dict):
        turns = list(turns.values())
    if not isinstance(turns, list) or not turns:
        raise Unfit(key, T("There is no conversation in it."))
    if len(turns) > 1 and all(isinstance(turn, str) for turn in turns):
        turns = [{"role": ("user", "assistant")[place % 2], "content": turn} for place, turn in enumerate(turns)]
    messages: list[Body] = []
    for place, turn in enumerate(turns):
        messages += turn_of(turn, f"{key}[{place}]", messages)
    if not any(message["role"] == "assistant" for message in messages):
        raise Unfit(key, T("Nobody answers in this conversation."))
    if messages[0]["role"] not in ("system", "developer"):
        messages = system(body) + messages
    return {"messages": messages, **tools(body)}


def system(body: Body) -> list[Body]:
    """The instruction that stands beside a conversation, as the message it becomes."""
    found = next((body[key] for key in _SYSTEMS if body.get(key)), None)
    said = plain_text(found)
    text = _clean(said) if said else ""
    return [{"role": "system", "content": text}] if text.strip() else []


def turn_of(turn: Any, where: str, before: list[Body]) -> list[Body]:
    """The messages of one turn. Raises Unfit."""
    if not isinstance(turn, dict):
        raise Unfit(where, T("A turn must be an object with from and value."))
    speaks = any(turn.get(name) is not None for name in _NAMES)
    pair = next((names for names in _PAIRED.items() if turn.keys() & set(names)), None)
    if not pair or speaks:
        return [_spoken(turn, where, before)]
    told = system(turn) if not before else []
    for role, name in zip(("user", "assistant"), pair, strict=True):
        if name in turn:
            text = _clean(_said(turn[name], f"{where}.{name}"))
            told += [{"role": role, "content": text}] if text.strip() or role == "assistant" else []
    return told


def _speaker(turn: Body) -> Any:
    return next((turn[name] for name in _NAMES if turn.get(name) is not None), None)


def role_of(name: Any) -> str | None:
    """The role that a speaker's name stands for: user, assistant, system, call or result."""
    return SPEAKERS.get(name.strip().casefold()) if isinstance(name, str) else None


def _spoken(turn: Body, where: str, before: list[Body]) -> Body:
    name_key = next((name for name in _NAMES if turn.get(name) is not None), "from" if "from" in turn else "role")
    text_key = next((name for name in _TEXTS if turn.get(name) is not None), "value" if "from" in turn else "content")
    seen = turn.get(name_key)
    role = role_of(seen)
    if role is None:
        raise Unfit(f"{where}.{name_key}", unknown_speaker(seen))
    if text_key == "content" and name_key == "role" and role in ("user", "assistant", "system", "result"):
        return _own(turn, "tool" if role == "result" else role)
    text = _said(turn.get(text_key), f"{where}.{text_key}")
    if role == "call":
        return {"role": "assistant", "tool_calls": _calls(text, f"{where}.{text_key}", len(before))}
    if role == "result":
        return {"role": "tool", "tool_call_id": _last_call(before, where), "content": text}
    if role == "assistant" and (called := _called(text, len(before))):
        return called
    return {"role": role, "content": text} | _weight(turn, role)


def _called(text: str, number: int) -> Body | None:
    """An answer in whose text calls stand as Hermes and Qwen write them."""
    pieces = text.split("<tool_call>")
    written = [piece.partition("</tool_call>")[0] for piece in pieces[1:]]
    try:
        found = orjson.loads(f"[{','.join(written)}]") if written else []
        calls = _calls(orjson.dumps(found).decode(), "", number) if found else []
    except (Unfit, orjson.JSONDecodeError):
        return None
    said = pieces[0].strip()
    return {"role": "assistant", **({"content": said} if said else {}), "tool_calls": calls} if calls else None


def _own(turn: Body, role: str) -> Body:
    """A message that is the provider's own but for some of its keys."""
    content = turn.get("content")
    if isinstance(content, list) and content and all(isinstance(p, dict) and "type" not in p for p in content):
        content = plain_text(content) or content
    kept = {key: turn[key] for key in _KEYS if key in turn and (turn[key] is not None or key == "content")}
    kept.pop("weight", None)
    return kept | {"role": role, "content": content} | _weight(turn, role)


def _weight(turn: Body, role: str) -> Body:
    """Whether an answer is learnt, where the turn says so."""
    weight = turn.get("weight", turn.get("loss"))
    return {"weight": int(weight)} if role == "assistant" and weight in (0, 1) else {}


def unknown_speaker(seen: Any) -> Text:
    """The reason for a turn whose speaker has no role."""
    shown = seen if isinstance(seen, str) else json.dumps(seen, ensure_ascii=False, default=str)
    return T('Who speaks is "{seen}". Write user, assistant or system.', seen=shown[:60])


def plain_text(value: Any) -> str | None:
    """The text of a value: itself, of the objects around it, or of a list's parts; None where there is none."""
    if isinstance(value, str):
        return value
    if isinstance(value, Mapping):
        found = (plain_text(value.get(key)) for key in ("text", "value", "content", "parts"))
        return next(filter(None, found), None)
    if isinstance(value, list) and value:
        texts = [plain_text(part) for part in value[:1_000]]
        return "".join(filter(None, texts)) if all(text is not None for text in texts) else None
    return None


def _said(value: Any, where: str) -> str:
    found = plain_text(value) if isinstance(value, list | dict) else value
    if not isinstance(found, str):
        raise Unfit(where, T("There must be a text here."))
    return found


def text_at(value: Any, where: str) -> str:
    """A text as it stands. Raises Unfit."""
    if not isinstance(value, str):
        raise Unfit(where, T("There must be a text here."))
    return value


def _clean(text: str) -> str:
    """Without the marks that MOSS writes around each turn."""
    cut = _MOSS.sub("", bare := text.strip()) if "<" in text else text
    return text if cut is text or cut == bare else cut.strip()


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


def tools(body: Body) -> Body:
    """The tools, which ShareGPT files hold as a list or as the JSON text of one."""
    found = body.get("tools")
    if isinstance(found, str) and found.strip():
        try:
            found = orjson.loads(found)
        except orjson.JSONDecodeError:
            raise Unfit("tools", T("The tools are no valid JSON.")) from None
    if not found:
        return {}
    if not isinstance(found, list) or not all(isinstance(tool, dict) for tool in found):
        raise Unfit("tools", T("The tools must be a list of objects."))
    return {"tools": [tool if "function" in tool else {"type": "function", "function": tool} for tool in found]}


def asked_of(prompt: Any, where: str = "prompt") -> list[Body]:
    """What was asked as messages: a text, a transcript that leaves the answer open, or a list. Raises Unfit."""
    if isinstance(prompt, str) and prompt.strip():
        told = transcripts.split(prompt)
        return transcripts.messages(told) if told else [{"role": "user", "content": prompt}]
    if isinstance(prompt, list) and prompt:
        messages: list[Body] = []
        for place, message in enumerate(prompt):
            messages += turn_of(message, f"{where}[{place}]", messages)
        return messages
    raise Unfit(where, T("There must be a text here."))
