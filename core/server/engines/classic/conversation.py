"""Conversations as questions and answers, and what of them the n-grams look at."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from core.dataset.examples import text_of
from core.server.engines.base import Message
from core.server.engines.classic.features import ideographic

AnswerKind = Literal["text", "tool_calls"]
_SHARED = 0.95  # of all rows: "nearly all"
_FEWEST = 10  # rows below which a shared beginning says nothing
CLOSED_ANSWERS = 500
CLOSED_LENGTH = 64
CLOSED_SHARE = 0.8
_TOKEN = re.compile(r"[⺀-鿿가-힣豈-﫿\U00020000-\U0003ffff]|[^\W⺀-鿿가-힣豈-﫿\U00020000-\U0003ffff]+|[^\w\s]")


@dataclass(frozen=True)
class Question:
    """What is asked: the last user message, the system message, and the turns between as one text."""

    ask: str
    system: str = ""
    turns: str = ""


@dataclass(frozen=True)
class Answer:
    """What is to be answered: a text, or the message's tool calls as JSON without their ids."""

    text: str
    kind: AnswerKind = "text"


def answer_of(message: Message) -> Answer | None:
    """What an assistant message says: its text, else its tool calls, else nothing."""
    text = text_of(message.get("content"))
    calls = message.get("tool_calls") or []
    if isinstance(message.get("function_call"), dict):
        calls = [{"function": message["function_call"]}]
    if text or not isinstance(calls, list) or not calls:
        return Answer(text) if text else None
    bare = [{"type": "function", "function": call.get("function")} for call in calls if isinstance(call, dict)]
    return Answer(json.dumps(bare, ensure_ascii=False), "tool_calls")


def question_of(messages: Sequence[Message]) -> Question:
    """A conversation before its answer, in the three parts that are looked at."""
    last = max((i for i, m in enumerate(messages) if m.get("role") == "user"), default=-1)
    system = "\n".join(text_of(m.get("content")) for m in messages if m.get("role") in ("system", "developer"))
    turns = [m for i, m in enumerate(messages) if i != last and m.get("role") not in ("system", "developer")]
    spoken = [f"{m.get('role')}: {said.text}" for m in turns if (said := answer_of(m))]
    return Question(text_of(messages[last].get("content")) if last >= 0 else "", system, "\n".join(spoken))


def count_tokens(messages: Sequence[Message]) -> int:
    """The classic engine's own count: one for each ideograph, each word, and each mark of punctuation."""
    return sum(count_text(said.text) for m in messages if (said := answer_of(m)))


def count_text(text: str) -> int:
    """The tokens of one text, counted as count_tokens does."""
    return len(_TOKEN.findall(text))


@dataclass(frozen=True)
class Frame:
    """What nearly every question of the training file shares and therefore tells nothing: the instruction around the
    text, the system message. `turns` and `systems` say whether these parts differ enough to be looked at."""

    prefix: str = ""
    suffix: str = ""
    system: str = ""
    turns: bool = False
    systems: bool = False

    @classmethod
    def learn(cls, questions: Sequence[Question]) -> Frame:
        """From the questions of the training file."""
        asks = [question.ask for question in questions]
        prefix = _shared_prefix(asks)
        ends = [ask.removeprefix(prefix)[::-1] for ask in asks]
        systems = Counter(question.system for question in questions)
        usual, times = systems.most_common(1)[0] if systems else ("", 0)
        return cls(
            prefix=prefix,
            suffix=_shared_prefix(ends)[::-1],
            system=usual,
            turns=any(question.turns for question in questions),
            systems=times < _SHARED * len(questions),
        )

    def fields(self, questions: Sequence[Question]) -> list[list[str]]:
        """The texts to hash: what is asked, and beside it what else may tell."""
        asks = [q.ask.removeprefix(self.prefix).removesuffix(self.suffix) for q in questions]
        fields = [asks]
        if self.turns or self.systems:
            around = [(q.system if self.systems and q.system != self.system else "", q.turns) for q in questions]
            fields.append(["\n".join(filter(None, texts)) for texts in around])
        return fields


def _shared_prefix(texts: Sequence[str]) -> str:
    """The longest beginning that nearly all texts share, up to the last whole word of it."""
    if len(texts) < _FEWEST:
        return ""
    pairs = np.random.default_rng(0).integers(0, len(texts), (40, 2))
    found = {_common(texts[a], texts[b]) for a, b in pairs if a != b}
    for candidate in sorted(found, key=len, reverse=True):
        if sum(text.startswith(candidate) for text in texts) >= _SHARED * len(texts):
            return _whole_words(candidate)
    return ""


def _common(one: str, other: str) -> str:
    short = min(len(one), len(other))
    return one[: next((i for i in range(short) if one[i] != other[i]), short)]


def _whole_words(prefix: str) -> str:
    end = len(prefix)
    while end and prefix[end - 1].isalnum() and not ideographic(prefix[end - 1]):
        end -= 1
    return prefix[:end]


def is_closed(answers: Sequence[Answer]) -> bool:
    """Whether the answers are a set to choose from: at most 500 different ones, texts of at most 64 characters, and
    four of five rows with an answer that comes at least twice."""
    times = Counter(answers)
    again = sum(count for count in times.values() if count > 1)
    short = all(answer.kind == "tool_calls" or len(answer.text) <= CLOSED_LENGTH for answer in times)
    return bool(times) and len(times) <= CLOSED_ANSWERS and short and again >= CLOSED_SHARE * len(answers)


def speaks_chinese(messages: Sequence[Message]) -> bool:
    """Whether the question has Chinese characters in it."""
    return any("一" <= char <= "鿿" for char in question_of(messages).ask)
