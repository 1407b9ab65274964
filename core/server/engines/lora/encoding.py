"""Examples as the tokens that a model reads, and which of them it learns: those of answers, up to their end, alone.

Each answer stands behind exactly what the model is shown when it is asked for it. Where the template writes a
conversation anew at each turn, so that an answer does not stand in the text of the whole, it becomes a row of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Generic, TypeVar

from core.dataset.examples import Body, load, messages_of, text_of
from core.errors import BadInput
from core.server.engines.base import Message
from core.server.engines.lora.bases import Folder
from core.words import Text

IGNORED = -100  # the label of a token that is read, not learnt
_OUTPUTS = ("preferred_output", "non_preferred_output")
_TOOL = {"description": "", "parameters": {"type": "object", "properties": {"place": {"type": "integer"}}}}
_ROLES = {"developer": "system", "function": "tool"}
R = TypeVar("R")


@dataclass(frozen=True)
class Row:
    """One text to learn from: its tokens, and for each the token itself where it is learnt, else -100."""

    ids: list[int]
    labels: list[int]


@dataclass(frozen=True)
class Pair:
    """A question with the answer that is preferred and the one that is not."""

    prompt: list[int]
    chosen: list[int]
    rejected: list[int]


@dataclass(frozen=True)
class Task:
    """A question whose answers are graded, with the fields that the grader may look at."""

    prompt: list[int]
    item: dict[str, Any]


@dataclass
class Rows(Generic[R]):
    """The rows of a file, and how many examples were cut at their end, dropped whole, or refused by the template."""

    rows: list[R] = field(default_factory=list)
    examples: int = 0
    cut: int = 0
    dropped: int = 0
    refused: int = 0
    reason: Text | str = ""

    def lengths(self) -> list[int]:
        """The tokens of each row; of a pair, those of its longer text."""
        return [_length(row) for row in self.rows]


class Encoder:
    """Writes examples with a model's own chat template and cuts them into its tokens."""

    def __init__(self, folder: Folder, longest: int | None = None) -> None:
        self.tokenizer = folder.tokenizer
        self.longest = longest or folder.longest
        self.special = self._special()
        self._stop = folder.end
        self.stops = folder.stops | self._turn_ends()

    def prompt(self, messages: Sequence[Message], tools: Any = None) -> list[int]:
        """What the model reads before it answers. Raises BadInput where the template refuses the conversation."""
        return self.tokenizer.ids(self._written(messages, tools, ask=True))

    def sample_call(self) -> tuple[str, tuple[str, Any]]:
        """How the template writes a tool call, and the call; an empty text where it knows no tools."""
        call = {"type": "function", "function": {"name": "look_up", "arguments": {"place": 7}}}
        tool = {"type": "function", "function": {**_TOOL, "name": "look_up"}}
        asked: list[Message] = [{"role": "user", "content": "?"}]
        try:
            known = "look_up" in self._written(asked, [tool], ask=True)
            _prompt, answer = self._behind(asked, [{"role": "assistant", "content": "", "tool_calls": [call]}], [tool])
        except BadInput:
            known, answer = False, []
        return self.tokenizer.tokenizer.decode(answer) if known else "", ("look_up", {"place": 7})

    def chats(self, path: Path) -> Rows[Row]:
        """The examples of a chat or completion file."""

        def take(body: Body, found: Rows[Row]) -> None:
            if isinstance(body.get("completion"), str):
                rows = [self._completion(str(body.get("prompt") or ""), body["completion"])]
            else:
                rows = self._answers(messages_of(body), body.get("tools"))
            kept = [row for row in map(self._within, rows) if any(label != IGNORED for label in row.labels)]
            found.dropped += not kept
            found.cut += bool(kept) and any(len(row.ids) > self.longest for row in rows)
            found.rows += kept

        return _read(path, take)

    def pairs(self, path: Path) -> Rows[Pair]:
        """The examples of a file of preferences."""

        def take(body: Body, found: Rows[Pair]) -> None:
            question = body.get("input")
            question = question if isinstance(question, dict) else {}
            asked, tools = messages_of(question), question.get("tools")
            good, bad = (messages_of({"messages": body.get(key)}) for key in _OUTPUTS)
            prompt, chosen = self._behind(asked, good, tools)
            _same, rejected = self._behind(asked, bad, tools)
            room = self.longest - len(prompt)
            if room <= 0 or not chosen or not rejected:
                found.dropped += 1
                return
            found.cut += max(len(chosen), len(rejected)) > room
            found.rows.append(Pair(prompt, chosen[:room], rejected[:room]))

        return _read(path, take)

    def tasks(self, path: Path) -> Rows[Task]:
        """The examples of a file for reinforcement."""

        def take(body: Body, found: Rows[Task]) -> None:
            prompt = self.prompt(messages_of(body), body.get("tools"))
            if len(prompt) >= self.longest:
                found.dropped += 1
            else:
                found.rows.append(Task(prompt, {k: v for k, v in body.items() if k not in ("messages", "tools")}))

        return _read(path, take)

    def _answers(self, messages: list[Message], tools: Any) -> list[Row]:
        """The rows of a conversation: one where each answer stands in the text of the last, else several."""
        places = [i for i, m in enumerate(messages) if m.get("role") == "assistant" and m.get("weight") != 0]
        rows: list[Row] = []
        while places:
            whole = self._written(messages[: places[-1] + 1], tools)
            spans: list[tuple[int, int]] = []
            apart: list[int] = []
            for place in places:
                before = self._written(messages[:place], tools, ask=True)
                after = self._written(messages[: place + 1], tools)
                fits = whole.startswith(after) and after.startswith(before)
                if fits:
                    spans.append((len(before), len(after)))
                else:
                    apart.append(place)
            if not spans:  # the template opens an answer in another way than it writes one: the last stands alone
                prompt, answer = self._behind(messages[: places[-1]], messages[places[-1] : places[-1] + 1], tools)
                rows.append(Row(prompt + answer, [IGNORED] * len(prompt) + answer))
                places = places[:-1]
                continue
            rows.append(self._row(whole, spans))
            places = apart
        return rows[::-1]

    def _row(self, whole: str, spans: list[tuple[int, int]]) -> Row:
        ids: list[int] = []
        labels: list[int] = []
        at = 0
        for begin, end in spans:
            read = self.tokenizer.ids(whole[at:begin])
            answer, rest = self._ended(self.tokenizer.ids(whole[begin:end]))
            ids += read + answer + rest
            labels += [IGNORED] * len(read) + answer + [IGNORED] * len(rest)
            at = end
        while labels and labels[-1] == IGNORED:  # what the template writes behind the last answer is never read
            ids.pop()
            labels.pop()
        return Row(ids, labels)

    def _behind(self, asked: list[Message], output: list[Message], tools: Any) -> tuple[list[int], list[int]]:
        """A question, and an answer as it would be written behind it, up to its end."""
        before = self._written(asked, tools, ask=True)
        after = self._written([*asked, *output], tools)
        if after.startswith(before):
            answer = after[len(before) :]
        else:
            said = "".join(text_of(message.get("content")) for message in output)
            answer = said + after.rpartition(said)[2] if said else ""
        return self.tokenizer.ids(before), self._ended(self.tokenizer.ids(answer))[0]

    def _ended(self, answer: list[int]) -> tuple[list[int], list[int]]:
        """An answer up to its end-of-turn token, and what follows it; without one it gets the end of text. Where the
        template has written none of it (tool calls that it does not know), there is no answer."""
        if not self.tokenizer.tokenizer.decode(answer).strip():
            return [], answer
        ends = [at for at, token in enumerate(answer) if token in self.special]
        if ends and not self.tokenizer.tokenizer.decode(answer[ends[-1] + 1 :]).strip():
            return answer[: ends[-1] + 1], answer[ends[-1] + 1 :]
        while answer and not self.tokenizer.tokenizer.decode(answer[-1:], skip_special_tokens=False).strip():
            answer = answer[:-1]
        return ([*answer, self._stop] if answer and self._stop is not None else answer), []

    def _completion(self, prompt: str, completion: str) -> Row:
        read = self.tokenizer.ids(prompt, framed=False)
        answer = self.tokenizer.ids(completion) + ([] if self._stop is None else [self._stop])
        return Row(read + answer, [IGNORED] * len(read) + answer)

    def _within(self, row: Row) -> Row:
        return Row(row.ids[: self.longest], row.labels[: self.longest])

    def _written(self, messages: Sequence[Message], tools: Any, *, ask: bool = False) -> str:
        return self.tokenizer.render([_as_written(message) for message in messages], tools, ask=ask)

    def _special(self) -> frozenset[int]:
        found = self.tokenizer.tokenizer.get_added_tokens_decoder()
        return frozenset(number for number, token in found.items() if token.special)

    def _turn_ends(self) -> frozenset[int]:
        """The token that the template writes behind an answer, where it writes one."""
        try:
            _prompt, answer = self._behind(
                [{"role": "user", "content": "?"}], [{"role": "assistant", "content": "!"}], None
            )
        except BadInput:
            return frozenset()
        return frozenset(answer[-1:]) & self.special


def _read(path: Path, take: Callable[[Body, Rows[R]], None]) -> Rows[R]:
    """The lines of a file, each taken up by `take`; those that the template refuses are counted."""
    found: Rows[R] = Rows()
    with path.open("rb") as file:
        for number, line in enumerate(file, start=1):
            text = line.decode("utf-8-sig" if number == 1 else "utf-8", "replace").strip()
            if not text:
                continue
            try:
                found.examples += 1
                take(load(text), found)
            except BadInput as error:
                found.refused += 1
                found.reason = found.reason or error.message
            except ValueError as error:
                raise ValueError(f"line {number}: {error}") from error
    return found


def _as_written(message: Message) -> Message:
    """A message as templates of today know it."""
    kept = {key: value for key, value in message.items() if key != "function_call"}
    kept["role"] = _ROLES.get(str(message.get("role")), message.get("role"))
    if isinstance(message.get("function_call"), dict) and not message.get("tool_calls"):
        kept["tool_calls"] = [{"type": "function", "function": message["function_call"]}]
    return kept


def _length(row: object) -> int:
    if isinstance(row, Row):
        return len(row.ids)
    if isinstance(row, Pair):
        return len(row.prompt) + max(len(row.chosen), len(row.rejected))
    return len(row.prompt) if isinstance(row, Task) else 0
