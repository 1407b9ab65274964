"""Other tools' training files, told by their keys and converted: ShareGPT, Alpaca with a history, chosen/rejected."""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import Any

import orjson

from core.dataset import annotated, preferring, transcripts, turns
from core.dataset.examples import Body, Kind
from core.dataset.turns import SPEAKERS, Unfit, unknown_speaker
from core.dataset.vocabulary import Role, rank
from core.words import T

__all__ = ["KINDS", "SPEAKERS", "TABLE_COLUMNS", "Shape", "Unfit", "convert", "opened", "shape_of", "unknown_speaker"]


class Shape(StrEnum):
    """A format that is not the provider's own."""

    SHAREGPT = "sharegpt"
    ALPACA = "alpaca"
    CHOSEN = "chosen"
    TABLE = "luopan-table"  # our own export to CSV or Excel
    CHATGPT = "chatgpt"
    MESSAGES = "messages"  # with other names for who speaks, or in the cell of a table
    TRANSCRIPT = "transcript"  # a conversation in one text
    TREE = "tree"  # OpenAssistant
    JUDGED = "kto"
    ANNOTATED = "annotated"


KINDS = {
    Shape.SHAREGPT: Kind.CHAT,
    Shape.ALPACA: Kind.CHAT,
    Shape.CHOSEN: Kind.PREFERENCE,
    Shape.CHATGPT: Kind.CHAT,
    Shape.MESSAGES: Kind.CHAT,
    Shape.TRANSCRIPT: Kind.CHAT,
    Shape.TREE: Kind.CHAT,
    Shape.JUDGED: Kind.CHAT,
    Shape.ANNOTATED: Kind.CHAT,
}
TABLE_COLUMNS = ("id", "system", "user", "assistant", "label", "split", "messages")
_ASKED = ("instruction", "query", "question", "prompt", "input")
_ANSWERED = ("output", "response", "answer", "target", "completion")
_TRANSCRIPTS = ("text", "conversation", "chat", "dialogue", "dialog", "transcript", "plain_text", "messages", "input")
_MESSAGES = ("messages", "conversations", "conversation", "prompt", "chosen", "rejected", "completion")
_LONGEST_CELL = 1 << 20  # characters of a cell that is opened
_LONGEST_LITERAL = 200_000


def shape_of(given: Mapping[str, Any]) -> Shape | None:
    """The format that a body (or a row) is in, by its keys; None where it fits none (or is the provider's own)."""
    if given.keys() == set(TABLE_COLUMNS):
        return Shape.TABLE
    body = _written_out(given)
    if preferring.is_pair(body):
        return Shape.CHOSEN
    if annotated.is_judged(body):
        return Shape.JUDGED
    if isinstance(body.get("messages"), list):
        return Shape.MESSAGES if turns.is_foreign(body) or isinstance(given["messages"], str) else None
    if isinstance(body.get("mapping"), dict) and ("current_node" in body or "root" in body["mapping"]):
        return Shape.CHATGPT
    if annotated.is_annotated(body):
        return Shape.ANNOTATED
    if turns.turns_key(body):
        return Shape.SHAREGPT
    if annotated.is_prompted(body):
        return Shape.MESSAGES
    if isinstance(body.get("history"), list) and _first(body, _ASKED) and _first(body, _ANSWERED):
        return Shape.ALPACA
    if isinstance(prompt := body.get("prompt"), dict) and isinstance(prompt.get("replies"), list):
        return Shape.TREE
    return Shape.TRANSCRIPT if _transcript(body) or _open_transcript(body) else None


def convert(shape: Shape, body: Body) -> Body:
    """The same example in the provider's own format. Raises Unfit."""
    converters: dict[Shape, Callable[[Body], Body]] = {
        Shape.SHAREGPT: turns.conversation,
        Shape.ALPACA: _alpaca,
        Shape.CHOSEN: preferring.pair,
        Shape.CHATGPT: _chatgpt,
        Shape.MESSAGES: _messages,
        Shape.TRANSCRIPT: _of_transcript,
        Shape.TREE: _tree,
        Shape.JUDGED: annotated.judged,
        Shape.ANNOTATED: annotated.annotated,
    }
    return converters[shape](_written_out(body))


def _written_out(body: Mapping[str, Any]) -> Body:
    """A body whose messages are these, where they stand in it as the text of their JSON."""
    told = dict(body)
    for key in _MESSAGES:
        if isinstance(text := body.get(key), str) and text[:1] == "[":
            value = _opened(text)
            if isinstance(value, list) and value and all(isinstance(one, dict) for one in value):
                told[key] = value
    return told


def opened(cells: Mapping[str, str]) -> Body:
    """A row whose cells that hold lists or objects are these: JSON, or as Python writes them."""
    return {name: _opened(cell) for name, cell in cells.items()}


def _opened(cell: str) -> Any:
    text = cell.strip()
    if text[:1] + text[-1:] not in ("[]", "{}") or len(text) > _LONGEST_CELL:
        return cell
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        pass
    try:
        value = ast.literal_eval(text) if len(text) < _LONGEST_LITERAL else cell
        orjson.dumps(value)
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        return cell
    return value


def _first(body: Body, names: tuple[str, ...]) -> str | None:
    return next((name for name in names if body.get(name)), None) or next((n for n in names if n in body), None)


def _messages(body: Body) -> Body:
    return turns.conversation(body) if "messages" in body else annotated.prompted(body)


def _transcript(body: Body) -> str | None:
    """The name of the text that is a conversation, where nothing beside it is an answer or a class."""
    key = next((key for key in _TRANSCRIPTS if isinstance(body.get(key), str)), None)
    others = [name for name in body if name != key]
    if key is None or any(rank(name, role) is not None for name in others for role in (Role.ASSISTANT, Role.LABEL)):
        return None
    return key if transcripts.is_whole(transcripts.split(body[key])) else None


def _open_transcript(body: Body) -> Body | None:
    """The conversation of a question that tells it up to the answer, which stands beside it (BELLE)."""
    asked, answered = body.get("instruction"), _first(body, ("output", "response"))
    said = transcripts.split(asked) if isinstance(asked, str) else None
    if not said or not answered or said[-1] != ("assistant", "") or not isinstance(body[answered], str):
        return None
    messages = transcripts.messages(said)
    return {"messages": [*turns.system(body), *messages, {"role": "assistant", "content": body[answered]}]}


def _of_transcript(body: Body) -> Body:
    if told := _open_transcript(body):
        return told
    key = next((key for key in _TRANSCRIPTS if isinstance(body.get(key), str)), _TRANSCRIPTS[0])
    said = transcripts.split(turns.text_at(body.get(key), key))
    if not said or not transcripts.is_whole(said):
        raise Unfit(key, T("There is no conversation in it."))
    messages = transcripts.messages(said)
    return {"messages": messages if said[0][0] == "system" else turns.system(body) + messages}


def _chatgpt(body: Body) -> Body:
    """A conversation of ChatGPT's export (or DeepSeek's): a tree of messages, of which the last branch counts."""
    nodes = body.get("mapping")
    place = body.get("current_node", _last_leaf(nodes))
    messages: list[Body] = []
    seen: set[str] = set()
    while isinstance(nodes, dict) and isinstance(place, str) and place not in seen:
        seen.add(place)
        node = nodes.get(place)
        message, place = (node.get("message"), node.get("parent")) if isinstance(node, dict) else (None, None)
        if isinstance(message, dict):
            messages += reversed(_fragments(message) if "fragments" in message else _said(message))
    if not any(message["role"] == "assistant" for message in messages):
        raise Unfit("mapping", T("Nobody answers in this conversation."))
    return {"messages": messages[::-1]}


def _last_leaf(nodes: Any) -> str | None:
    """The newest message that has no answer, in an export that does not say which branch was shown."""
    if not isinstance(nodes, dict):
        return None
    leaves = [name for name, node in nodes.items() if isinstance(node, dict) and not node.get("children")]
    return leaves[-1] if leaves else None


def _fragments(message: Body) -> list[Body]:
    """The texts of a message of DeepSeek's export; what the model thought is left out."""
    roles = {"REQUEST": "user", "RESPONSE": "assistant"}
    fragments = message.get("fragments")
    told = [part for part in fragments if isinstance(part, dict)] if isinstance(fragments, list) else []
    return [
        {"role": roles[part["type"]], "content": part["content"]}
        for part in told
        if part.get("type") in roles and isinstance(part.get("content"), str) and part["content"].strip()
    ]


def _said(message: Body) -> list[Body]:
    """A message of the export with text; none for pictures, tools and empty ones."""
    author, content = message.get("author"), message.get("content")
    role = author.get("role") if isinstance(author, dict) else None
    parts = content.get("parts") if isinstance(content, dict) else None
    text = "".join(part for part in parts if isinstance(part, str)) if isinstance(parts, list) else ""
    return [{"role": role, "content": text}] if role in ("system", "user", "assistant") and text.strip() else []


def _tree(body: Body) -> Body:
    """A tree of OpenAssistant: its best answer to each message."""
    node, messages = body.get("prompt"), list[Body]()
    while isinstance(node, dict):
        role, text = turns.role_of(node.get("role")), node.get("text")
        if role not in ("user", "assistant") or not isinstance(text, str):
            raise Unfit("prompt", turns.unknown_speaker(node.get("role")))
        messages.append({"role": role, "content": text})
        replies = node.get("replies")
        good = [r for r in replies if isinstance(r, dict) and not r.get("deleted")] if isinstance(replies, list) else []
        node = min(good, key=_placed, default=None)
    while messages and messages[-1]["role"] != "assistant":
        messages.pop()
    if not messages:
        raise Unfit("prompt", T("Nobody answers in this conversation."))
    return {"messages": messages}


def _placed(reply: Body) -> float:
    place = reply.get("rank")
    return place if isinstance(place, int | float) else float("inf")


def _alpaca(body: Body) -> Body:
    asked, answered = (_first(body, names) or names[0] for names in (_ASKED, _ANSWERED))
    history = body.get("history")
    messages = preferring.before(history if isinstance(history, list) else ())
    if not messages or messages[0]["role"] != "system":
        messages = turns.system(body) + messages
    extra = body.get("input") if asked == "instruction" else None
    told = [turns.text_at(body.get(asked), asked), extra]
    question = "\n".join(part for part in told if isinstance(part, str) and part.strip())
    answer = turns.plain_text(body.get(answered))
    if not question.strip() or not answer or not answer.strip():
        raise Unfit(answered if question.strip() else asked, T("There must be a text here."))
    messages += [{"role": "user", "content": question}, {"role": "assistant", "content": answer}]
    return {"messages": messages}
