"""Training files as rows: what is asked, and what the method learns from."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from core.dataset.examples import load, messages_of
from core.server.engines.base import Message
from core.server.engines.classic.conversation import Answer, Question, answer_of, count_tokens, question_of

Body = dict[str, Any]


@dataclass
class Rows:
    """The examples of a file. `answers` are those to learn, with dpo the preferred ones and `rejected` the others; with
    reinforcement there are none, and `items` are the fields that the grader sees. `without_answer` rows had nothing to
    learn and were left out; `tokens` counts the questions, see count_tokens."""

    questions: list[Question] = field(default_factory=list)
    answers: list[Answer] = field(default_factory=list)
    rejected: list[Answer] = field(default_factory=list)
    items: list[Body] = field(default_factory=list)
    without_answer: int = 0
    tokens: int = 0

    def __len__(self) -> int:
        return len(self.questions)

    def asked(self, messages: Sequence[Message]) -> None:
        """Takes in what a row asks."""
        self.questions.append(question_of(messages))
        self.tokens += count_tokens(messages)

    def only(self, kept: Sequence[bool]) -> Rows:
        """The rows that are kept, the others counted as without an answer."""
        return Rows(
            _kept(self.questions, kept),
            _kept(self.answers, kept),
            _kept(self.rejected, kept),
            _kept(self.items, kept),
            self.without_answer + len(kept) - sum(kept),
            self.tokens,
        )


def _kept(values: list[Any], kept: Sequence[bool]) -> list[Any]:
    return [value for value, keep in zip(values, kept, strict=True) if keep] if values else []


def read_rows(path: Path, method: str = "supervised") -> Rows:
    """The examples of a file. Raises ValueError with the line number where a line is no object."""
    rows, take = Rows(), _TAKES[method]
    with path.open("rb") as file:
        for number, line in enumerate(file, start=1):
            text = line.decode("utf-8-sig" if number == 1 else "utf-8", "replace").strip()
            if not text:
                continue
            try:
                rows.without_answer += not take(rows, load(text))
            except ValueError as error:
                raise ValueError(f"line {number}: {error}") from error
    return rows


def _take_answer(rows: Rows, body: Body) -> bool:
    """A chat or completion: its last answer that has a weight."""
    if isinstance(body.get("completion"), str):
        messages, answer = [{"role": "user", "content": body.get("prompt")}], Answer(body["completion"])
    else:
        messages = messages_of(body)
        last = max(
            (i for i, m in enumerate(messages) if m.get("role") == "assistant" and m.get("weight") != 0), default=-1
        )
        found = answer_of(messages[last]) if last >= 0 else None
        if found is None:
            return False
        messages, answer = messages[:last], found
    rows.asked(messages)
    rows.answers.append(answer)
    return True


def _take_pair(rows: Rows, body: Body) -> bool:
    """A preference: two answers to one question, which have to differ."""
    asked = body.get("input")
    said = [_last_said(body, f"{name}_output") or _last_said(body, f"{name}_completion") for name in _PAIR]
    preferred, other = said
    if preferred is None or other is None or preferred == other:
        return False
    rows.asked(messages_of(asked) if isinstance(asked, dict) else [])
    rows.answers.append(preferred)
    rows.rejected.append(other)
    return True


def _last_said(body: Body, key: str) -> Answer | None:
    messages = messages_of({"messages": body.get(key)})
    spoken = [m for m in messages if m.get("role") == "assistant"]
    return answer_of(spoken[-1]) if spoken else None


def _take_item(rows: Rows, body: Body) -> bool:
    """A question with the fields that its answers are graded by."""
    messages = messages_of(body)
    if not messages:
        return False
    rows.asked(messages)
    rows.items.append({key: value for key, value in body.items() if key != "messages"})
    return True


_PAIR = ("preferred", "non_preferred")
_TAKES: dict[str, Callable[[Rows, Body], bool]] = {
    "supervised": _take_answer,
    "dpo": _take_pair,
    "reinforcement": _take_item,
}
