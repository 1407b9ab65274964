"""Counting the tokens of examples, by the rule of OpenAI's cookbook: 3 a message, 3 an example, and every text.

The service does not publish its own rule; what it bills can differ by a few tokens an example (see estimates.py).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from functools import cache
from typing import Any, NamedTuple

from core.dataset.examples import Body
from core.tokens.encodings import encoding
from core.tokens.folders import is_own
from core.tokens.images import tokens_of_image
from core.tokens.tools import tokens_of_tools

PER_MESSAGE = 3
PER_NAME = 1
PER_EXAMPLE = 3
LONG_BLANK = 100_000  # characters; tiktoken's pattern overflows its stack on a run of some 400,000 blanks
_LONG_BLANK = re.compile(rf"\s{{{LONG_BLANK}}}")
_MEMO_TEXT = 400  # characters; longer texts hardly ever repeat
_MEMO_SIZE = 200_000  # texts kept, at most about 100 MB


class Count(NamedTuple):
    """Tokens of a whole example, and those of its answers (what is learnt from)."""

    tokens: int
    answer_tokens: int


class Counter:
    """Counts in one encoding, remembering short texts. Threads may share it."""

    def __init__(self, encoding_name: str) -> None:
        self.name = encoding_name
        # encode_ordinary in a plain loop: for short texts tiktoken's own batches cost twice as much.
        self._encode = encoding(encoding_name).encode_ordinary
        self._memo: dict[str, int] = {}

    def text(self, text: str) -> int:
        """Tokens of a text; special tokens in it count as the text they are."""
        known = self._memo.get(text)
        if known is not None:
            return known
        if len(text) > LONG_BLANK:
            return sum(len(self._encode(piece)) for piece in pieces_of(text))
        count = len(self._encode(text))
        if len(text) <= _MEMO_TEXT:
            if len(self._memo) >= _MEMO_SIZE:
                self._memo = {}
            self._memo[text] = count
        return count

    def body(self, body: Body) -> Count:
        """Tokens of an example of any kind; what breaks the format counts nothing."""
        if "preferred_output" in body or "non_preferred_output" in body:
            return self._preference(body)
        if isinstance(body.get("messages"), list):
            count = self.messages(body["messages"])
            return Count(count.tokens + PER_EXAMPLE + self.tools(body), count.answer_tokens)
        prompt, completion = (self._value(body.get(key)) for key in ("prompt", "completion"))
        return Count(prompt + completion, completion)

    def messages(self, messages: Any) -> Count:
        """Tokens of a list of messages, without the 3 of the example."""
        total = answers = 0
        for message in messages if isinstance(messages, list) else ():
            if isinstance(message, dict):
                role, content = message.get("role"), message.get("content")
                usual = isinstance(content, str) and len(message) == 2  # role and content
                said = self.text(str(content)) if usual else self._said(message)
                total += PER_MESSAGE + said + (self.text(role) if isinstance(role, str) else 0)
                if "name" in message:
                    total += PER_NAME + self._value(message["name"])
                if role == "assistant":
                    answers += said
        return Count(total, answers)

    def tools(self, body: Body) -> int:
        """Tokens of the functions that an example offers to the model."""
        if len(body) == 1:  # messages alone: the usual case
            return 0
        return tokens_of_tools(body, self.text, self.name)

    def _preference(self, body: Body) -> Count:
        """The preferred answer is read with the question, the other one alone, so the question counts once."""
        given = body.get("input")
        question = self.messages(given.get("messages")) if isinstance(given, dict) else Count(0, 0)
        tools = self.tools(given) if isinstance(given, dict) else 0
        outputs = [self.messages(body.get(key)) for key in ("preferred_output", "non_preferred_output")]
        answers = sum(output.answer_tokens for output in outputs)
        return Count(question.tokens + tools + PER_EXAMPLE + sum(output.tokens for output in outputs), answers)

    def _said(self, message: dict[str, Any]) -> int:
        total = self._content(message.get("content"))
        calls = message.get("tool_calls")
        called = [call.get("function") for call in calls if isinstance(call, dict)] if isinstance(calls, list) else []
        for function in (*called, message.get("function_call")):
            if isinstance(function, dict):
                total += self._value(function.get("name")) + self._value(function.get("arguments"))
        return total

    def _content(self, content: Any) -> int:
        if isinstance(content, str):
            return self.text(content)
        if not isinstance(content, list):
            return 0
        total = 0
        for part in content:
            if isinstance(part, dict):
                total += tokens_of_image(part) if part.get("type") == "image_url" else self._value(part.get("text"))
        return total

    def _value(self, value: Any) -> int:
        return self.text(value) if isinstance(value, str) else 0


def pieces_of(text: str) -> Iterator[str]:
    """The text, cut inside runs of blanks that are too long for the tokeniser (a token more or less at a cut)."""
    start = 0
    for run in _LONG_BLANK.finditer(text):
        yield text[start : run.end()]
        start = run.end()
    yield text[start:]


@cache
def counter(encoding_name: str) -> Counter:
    """The shared counter of an encoding. Raises BadInput for a name that is not known."""
    if is_own(encoding_name):
        from core.tokens.own import OwnCounter

        return OwnCounter(encoding_name)
    return Counter(encoding_name)


def count_body(body: Body, encoding_name: str) -> Count:
    """Tokens of one example and of its answers."""
    return counter(encoding_name).body(body)


def count_texts(texts: list[str], encoding_name: str) -> list[int]:
    """Tokens of each text."""
    count: Callable[[str], int] = counter(encoding_name).text
    return [count(text) for text in texts]
