"""What a person changed, as values, and the pure rules that turn a change into a new example.

A change names the revision it was made on; the store refuses a stale one. Here is only the arithmetic: which part
of the JSON line a field means, and how label and answer stay together. Numbers and unknown keys of a line survive
an edit of its text exactly as they were written.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple, Protocol

import orjson

from core.dataset.examples import (
    Body,
    Draft,
    Example,
    Kind,
    Split,
    Status,
    answer_text,
    load,
    system_text,
    user_text,
)
from core.errors import BadInput
from core.words import T, Text

FIELDS = frozenset(("system", "user", "assistant", "label", "split", "status", "raw"))
_TEXTS = {"system": system_text, "user": user_text, "assistant": answer_text}
_ROLES = {"system": ("system", "developer"), "user": ("user",), "assistant": ("assistant",)}
_TEXT_ALONE = frozenset((str,))
_LINE_BREAKS = re.compile(r"[ \t]*[\r\n]\s*")


@dataclass(frozen=True)
class Change:
    """New values for some fields of a row, made on this revision of it. None means an emptied cell."""

    example_id: int
    revision: int
    fields: Mapping[str, str | None]


@dataclass(frozen=True)
class Added:
    """A new row, below the row `after_id` (0: above the first); at the end where that is None.

    `reject_id` names the rejected row of the import that it is made of.
    """

    after_id: int | None
    draft: Draft
    reject_id: int | None = None


@dataclass(frozen=True)
class Removed:
    """A row taken out, as it was seen on this revision."""

    example_id: int
    revision: int


@dataclass(frozen=True)
class Edits:
    """What one person changed at one go.

    `by_rule`: rows go by a rule or a file, not by a person's hand, so those of a locked test set stay.
    """

    changed: Sequence[Change] = ()
    added: Sequence[Added] = ()
    removed: Sequence[Removed] = ()
    by_rule: bool = False

    def __bool__(self) -> bool:
        return bool(self.changed or self.added or self.removed)


@dataclass(frozen=True)
class Conflict:
    """A change that was not made: the row is not what the person had seen. `theirs` is None for a removed row."""

    example_id: int
    fields: Mapping[str, str | None]
    theirs: Example | None
    who: str
    at: datetime | None


@dataclass(frozen=True)
class Problem:
    """A change that cannot be made, and why. `example_id` is 0 for a row that was to be added."""

    example_id: int
    message: Text


@dataclass(frozen=True)
class Applied:
    """What became of edits. `saved` counts the rows that are now as wanted, removed ones included.

    `revisions` are the present revisions of the saved rows that are there.
    """

    batch_id: int | None = None
    saved: int = 0
    added_ids: tuple[int, ...] = ()
    conflicts: tuple[Conflict, ...] = ()
    problems: tuple[Problem, ...] = ()
    revisions: Mapping[int, int] = field(default_factory=dict)


class Editable(Protocol):
    """An example, as far as a change looks at it."""

    @property
    def raw(self) -> str: ...
    @property
    def label(self) -> str: ...
    @property
    def split(self) -> Split: ...
    @property
    def status(self) -> Status: ...
    @property
    def kind(self) -> Kind: ...


class Content(NamedTuple):
    """What a person can change of an example."""

    raw: str
    label: str
    split: Split
    status: Status


def content_of(example: Editable) -> Content:
    """The changeable part of an example."""
    return Content(example.raw, example.label, example.split, example.status)


def apply_change(example: Editable, fields: Mapping[str, str | None], *, closed: bool = False) -> Content:
    """The content after a change; BadInput where a value cannot be.

    While label and answer are the same, editing one edits the other; two empty ones only belong together where
    the answers of the dataset are a closed set (`closed`).
    """
    values = {name: value if value is not None else "" for name, value in fields.items()}
    if "label" in values:
        values["label"] = clean(values["label"])
    if not values.keys() <= FIELDS:
        raise BadInput(T("There is no field “{field}” to edit.", field=min(values.keys() - FIELDS)))
    raw, body = example.raw, _body(example.raw)
    answer = answer_text(body) if body else ""
    together = example.label == answer and (bool(answer) or closed)
    if values.get("raw", raw) != raw:
        raw = one_line(values["raw"])
        body = load(raw)
    label = values.get("label", example.label)
    if together and label != example.label and "assistant" not in values and raw == example.raw:
        values["assistant"] = label
    if not _TEXTS.keys().isdisjoint(values):
        raw, body = _with_texts(raw, body, example.kind, values)
    if together and "label" not in values and raw != example.raw and body is not None:
        label = answer_text(body)
    split = _split(values["split"]) if "split" in values else example.split
    status = _status(values["status"]) if "status" in values else example.status
    return Content(raw, label, split, status)


def clean(text: str) -> str:
    """Text that every database can hold: no NUL, no half of a surrogate pair."""
    return text.replace("\x00", "").encode("utf-8", "replace").decode()


def one_line(raw: str) -> str:
    """A JSON object on one line, nothing else of it changed; BadInput where it is none."""
    line = _LINE_BREAKS.sub("", raw).strip()
    try:
        load(line)
    except (ValueError, RecursionError) as error:
        reason = T("This is not a JSON object: {reason}. The row was left as it was.", reason=str(error))
        raise BadInput(reason) from error
    return line


def _body(raw: str) -> Body | None:
    try:
        return load(raw)
    except ValueError:
        return None


def _split(value: str) -> Split:
    if value not in list(Split):
        raise BadInput(T("“{value}” is no split. Use train, validation, test or nothing.", value=value))
    return Split(value)


def _status(value: str) -> Status:
    if value not in list(Status):
        raise BadInput(T("“{value}” is no status. Use approved, needs_work or nothing.", value=value))
    return Status(value)


def with_texts(raw: str, kind: Kind, texts: Mapping[str, str]) -> str:
    """The line with these texts in their places; the same line where they are there already."""
    return _with_texts(raw, _body(raw), kind, texts)[0] if texts else raw


def _with_texts(raw: str, body: Body | None, kind: Kind, texts: Mapping[str, str]) -> tuple[str, Body]:
    """The same, and what stands in it then. `body` is what stands in the line as it is, None where it is no object."""
    if body is None:
        raise BadInput(T("This row is not a JSON object. Correct its JSON first."))
    wanted = [name for name, shown in _TEXTS.items() if name in texts and texts[name] != shown(body)]
    if not wanted:
        return raw, body
    plain = _only_texts(body)
    exact = body if plain else _exact(raw)
    for name in wanted:
        _set_text(exact, kind, name, texts[name])
    return _written(exact, plain=plain)


def _only_texts(body: Body) -> bool:
    """Whether a line is a chat of texts alone, so that there is no number in it to be kept as it is written."""
    messages = body.get("messages")
    if len(body) != 1 or not isinstance(messages, list):
        return False
    for message in messages:
        if not isinstance(message, dict) or not _TEXT_ALONE.issuperset(map(type, message.values())):
            return False
    return True


def _exact(raw: str) -> Body:
    """The object of a line with its numbers as they are written."""
    try:
        body: Body = json.loads(raw, parse_int=orjson.Fragment, parse_float=orjson.Fragment)
    except RecursionError as error:
        raise BadInput(T("This row is nested too deeply to edit its text. Edit its JSON instead.")) from error
    return body


def _written(body: Body, *, plain: bool) -> tuple[str, Body]:
    """The line of a body, and what is read from it again: of texts alone that is the same."""
    try:
        line = orjson.dumps(body).decode()
        return line, body if plain else load(line)
    except (TypeError, ValueError) as error:
        raise BadInput(T("The text holds half a character (a lone surrogate). Remove it and save again.")) from error


def _set_text(body: Body, kind: Kind, name: str, text: str) -> None:
    if kind == Kind.COMPLETION and name in ("user", "assistant"):
        body["prompt" if name == "user" else "completion"] = text
        return
    messages = _messages_with(body, kind, name)
    if isinstance(messages, list):
        _set_message(messages, name, text)
    else:
        raise BadInput(T("An example of this format has no field “{field}”. Edit its JSON instead.", field=name))


def _messages_with(body: Body, kind: Kind, name: str) -> Any:
    """The messages among which a field's text stands; of a preference the better answer is the one that is shown."""
    if kind == Kind.PREFERENCE:
        asked = body.get("input")
        return (
            body.get("preferred_output") if name == "assistant" else isinstance(asked, dict) and asked.get("messages")
        )
    return None if kind == Kind.REINFORCEMENT and name == "assistant" else body.get("messages")


def _set_message(messages: list[Any], name: str, text: str) -> None:
    """Change the message that the field shows, or make it. An emptied system message goes."""
    found = [i for i, m in enumerate(messages) if isinstance(m, dict) and m.get("role") in _ROLES[name]]
    if not found:
        messages.insert(_place(messages, name), {"role": name, "content": text})
    elif name == "system" and not text:
        del messages[found[0]]
    else:
        message = messages[found[0] if name == "system" else found[-1]]
        message["content"] = _content(message.get("content"), text)


def _place(messages: list[Any], name: str) -> int:
    if name == "system":
        return 0
    last = messages[-1] if messages else None
    answered = name == "user" and isinstance(last, dict) and last.get("role") == "assistant"
    return len(messages) - 1 if answered else len(messages)


def _content(content: Any, text: str) -> Any:
    """New text for a message's content: images and the other parts of a list stay."""
    if not isinstance(content, list):
        return text
    texts = [i for i, part in enumerate(content) if isinstance(part, dict) and isinstance(part.get("text"), str)]
    if not texts:
        return [{"type": "text", "text": text}, *content]
    kept = [part for i, part in enumerate(content) if i not in texts[1:]]
    kept[texts[0]] = {**kept[texts[0]], "text": text}
    return kept


def new_line(draft: Draft) -> str:
    """The line of a row that is to be added; BadInput where it is no JSON object."""
    return draft.raw if "\n" not in draft.raw and _body(draft.raw) is not None else one_line(draft.raw)


__all__ = [
    "Added",
    "Applied",
    "Change",
    "Conflict",
    "Content",
    "Edits",
    "Problem",
    "Removed",
    "apply_change",
    "clean",
    "content_of",
    "new_line",
    "one_line",
]
