"""An open-weight model's own tokenizer and chat template: examples are counted as the model itself will read them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, NamedTuple

from core.dataset.examples import Body, messages_of, text_of
from core.errors import BadInput
from core.tokens.counting import Count, Counter
from core.tokens.folders import config_of, files_of
from core.tokens.templates import Template
from core.words import T, Text

Span = tuple[int, int]
MANY = 64  # messages up to which the template is asked for each beginning of the talk
_HALVES = re.compile("[\ud800-\udfff]")
_CONSTANTS = ("bos_token", "eos_token", "unk_token", "pad_token", "sep_token", "cls_token")


@dataclass(frozen=True)
class Reading:
    """A text that the model reads, and where in it the turns begin and the answers stand."""

    text: str
    turns: tuple[tuple[int, str], ...]  # (begin, role)
    answers: tuple[Span, ...]
    weights: tuple[bool, ...]  # of each answer: whether it is learnt from
    skip: int = 0  # characters at the beginning that were counted elsewhere
    framed: bool = True  # False: the tokenizer adds its own signs at the ends
    refused: Text | str = ""


class OwnTokenizer:
    """A tokenizer.json with the settings beside it. Raises BadInput where they cannot be used.
    `variables` are what the chat template may ask for beside the conversation, such as enable_thinking."""

    def __init__(self, files: dict[str, bytes], **variables: Any) -> None:
        from tokenizers import Tokenizer

        try:
            tokenizer = Tokenizer.from_buffer(files["tokenizer.json"])
            tokenizer.no_truncation()
            tokenizer.no_padding()
        except (KeyboardInterrupt, SystemExit):
            raise
        except BaseException as error:  # the reader of the file stops in panic at some broken ones
            told = T("tokenizer.json cannot be read: {reason}.", reason=str(error)[:120])
            raise BadInput(told, T("Get it anew from where the model is published.")) from None
        self.tokenizer = tokenizer
        config = config_of(files)
        constants = {name: _word(config.get(name)) for name in _CONSTANTS if _word(config.get(name))} | variables
        separate = files.get("chat_template.jinja", b"").decode("utf-8", "replace")
        sources = {"default": separate} if separate else _sources(config.get("chat_template"))
        self._templates = {name: Template(source, constants) for name, source in sources.items()}

    @property
    def has_template(self) -> bool:
        """Whether chats are counted with the model's own template."""
        return bool(self._templates)

    @cached_property
    def special(self) -> frozenset[str]:
        """The tokens that steer the model."""
        return frozenset(token.content for token in self.tokenizer.get_added_tokens_decoder().values() if token.special)

    def _template(self, tools: Any) -> Template | None:
        return self._templates.get("tool_use" if tools else "default") or self._templates.get("default")

    def render(self, messages: list[dict[str, Any]], tools: Any = None, *, ask: bool = False) -> str:
        """A conversation as the template writes it; `ask` opens the answer. Raises BadInput where it refuses."""
        template = self._template(tools)
        if template is None:
            told = T("The model has no chat template.")
            raise BadInput(told, T("Take a chat model, whose tokenizer_config.json holds one."))
        return template.render([_message(message) for message in messages], tools, ask=ask)

    def read(self, messages: list[dict[str, Any]], tools: Any = None, *, ask: bool = False) -> Reading:
        """A conversation as the model reads it: by the template, or plainly one message a line where there is none."""
        template = self._template(tools)
        given = [_message(message) for message in messages]
        if template is None:
            return _plain(messages, given)
        try:
            text = template.render(given, tools, ask=ask)
        except BadInput as error:
            return _plain(messages, given, error.message)
        turns, answers, weights = [], [], []
        for message, place in zip(messages, _places(template, given, tools, text), strict=True):
            turns.append((place.begin, str(message.get("role"))))
            if message.get("role") == "assistant":
                answers.append((place.said, place.end))
                weights.append(message.get("weight") != 0)  # 0 is read, not learnt
        return Reading(text, tuple(turns), tuple(answers), tuple(weights))

    def completion(self, prompt: str, completion: str) -> Reading:
        """A prompt and its completion as the model reads them."""
        edge, end = len(prompt), len(prompt) + len(completion)
        turns = ((0, "prompt"), (edge, "completion"))
        return Reading(prompt + completion, turns, ((edge, end),), (True,), framed=False)

    def ids(self, text: str, *, framed: bool = True) -> list[int]:
        """The tokens of a text; where it is not `framed` by a template, with the tokenizer's own signs at its ends."""
        return list(self.tokenizer.encode(_whole(text), add_special_tokens=not framed).ids)

    def tokens(self, reading: Reading) -> list[Span]:
        """Where each token of a text stands in it, in characters; tokens that stand for nothing there are empty."""
        encoded = self.tokenizer.encode(_whole(reading.text), add_special_tokens=not reading.framed)
        return [(int(begin), int(end)) for begin, end in encoded.offsets]


def _whole(text: str) -> str:
    """The text with a sign of the same length for each half of a character, which no tokenizer takes."""
    return text if text.isascii() else _HALVES.sub("\ufffd", text)


def _word(value: Any) -> str:
    """A special token, which is a text or an object that holds it."""
    value = value.get("content") if isinstance(value, dict) else value
    return value[:200] if isinstance(value, str) else ""


def _sources(value: Any) -> dict[str, str]:
    """The chat templates of a model by name: one text, or a list of named ones."""
    if isinstance(value, str):
        return {"default": value}
    entries = [entry for entry in value if isinstance(entry, dict)] if isinstance(value, list) else []
    named = {str(entry.get("name")): entry.get("template") for entry in entries[:8]}
    return {name: source for name, source in named.items() if isinstance(source, str)}


def _message(message: dict[str, Any]) -> dict[str, Any]:
    """A message as templates expect it: no weight, a text as content, the arguments of calls as objects."""
    kept = {name: value for name, value in message.items() if name != "weight"}
    kept["content"] = text_of(message.get("content"))
    if isinstance(message.get("tool_calls"), list):
        kept["tool_calls"] = [_call(call) for call in message["tool_calls"] if isinstance(call, dict)]
    return kept


def _call(call: dict[str, Any]) -> dict[str, Any]:
    function = call.get("function")
    if not isinstance(function, dict) or not isinstance(function.get("arguments"), str):
        return call
    try:
        arguments = json.loads(function["arguments"])
    except (ValueError, RecursionError):
        return call
    return {**call, "function": {**function, "arguments": arguments}}


def _plain(messages: list[dict[str, Any]], given: list[dict[str, Any]], refused: Text | str = "") -> Reading:
    text, turns, answers = "", [], []
    weights = [message.get("weight") != 0 for message in messages if message.get("role") == "assistant"]
    for message in given:
        turns.append((len(text), str(message.get("role"))))
        calls = message.get("tool_calls")
        said = message["content"] + "".join(json.dumps(call) for call in (calls if isinstance(calls, list) else ()))
        if message.get("role") == "assistant":
            answers.append((len(text), len(text) + len(said)))
        text += said + "\n"
    return Reading(text, tuple(turns), tuple(answers), tuple(weights), framed=False, refused=refused)


class _Place(NamedTuple):
    """Where a turn begins, and where in it the model would begin and end to write."""

    begin: int
    said: int
    end: int


def _places(template: Template, messages: list[dict[str, Any]], tools: Any, text: str) -> Iterator[_Place]:
    """Where each message stands: between what the template writes without it and what it writes with it."""

    def written(number: int, ask: bool = False) -> str | None:
        """What comes of the first messages, where the whole text begins with that."""
        if number == 0 and not ask:
            return ""
        try:
            part = template.render(messages[:number], tools, ask=ask) if len(messages) <= MANY else None
        except BadInput:
            return None
        return part if part is not None and text.startswith(part) else None

    at, before = 0, written(0)
    for number, message in enumerate(messages):
        after = written(number + 1)
        begin = max(at, len(before)) if before is not None else at
        opened = written(number, ask=True) if message.get("role") == "assistant" else None
        if opened is not None and after is not None and begin <= len(opened) < len(after):
            said, end = len(opened), max(len(opened) + 1, len(after.rstrip()))
        else:
            words = message["content"].strip()
            found = text.find(words, begin) if words else -1
            said, end = (found, found + len(words)) if found >= 0 else (begin, begin)
        yield _Place(begin, said, end)
        at, before = max(at, end), after


class OwnCounter(Counter):
    """Counts as one model reads: its chat template, its tokens. Raises BadInput or NotFound where these are gone."""

    def __init__(self, encoding_name: str) -> None:
        self.name = encoding_name
        self.own = OwnTokenizer(files_of(encoding_name))
        self._encode = lambda text: self.own.tokenizer.encode(_whole(text), add_special_tokens=False).ids
        self._memo: dict[str, int] = {}

    def body(self, body: Body) -> Count:
        """Tokens of an example of any kind; what breaks the format counts nothing."""
        total = answers = 0
        for reading in self.readings(body):
            spans = [span for span in self.own.tokens(reading) if span[0] >= reading.skip]
            total += len(spans)
            answers += sum(any(a < end and b > begin for begin, end in reading.answers) for a, b in spans)
        return Count(total, answers)

    def readings(self, body: Body) -> list[Reading]:
        """The texts that the model reads of an example: one, or two for a pair of answers to one question."""
        if "preferred_output" in body or "non_preferred_output" in body:
            return self._pair(body)
        messages = messages_of(body)
        if isinstance(body.get("messages"), list):
            asked = bool(messages) and messages[-1].get("role") == "user"
            return [self.own.read(messages, body.get("tools"), ask=asked)]
        texts = [body.get("prompt"), body.get("completion")]
        return [self.own.completion(*(text if isinstance(text, str) else "" for text in texts))]

    def _pair(self, body: Body) -> list[Reading]:
        """The preferred answer is read with the question; of the other reading only the answer counts."""
        given = body.get("input")
        question = given if isinstance(given, dict) else {}
        asked = messages_of(question)
        outputs = [messages_of({"messages": body.get(key)}) for key in ("preferred_output", "non_preferred_output")]
        first, second = (self.own.read([*asked, *output], question.get("tools")) for output in outputs)
        begins = [begin for begin, _role in second.turns[len(asked) :]]
        return [first, replace(second, skip=begins[0] if begins else len(second.text))]
