"""What a JSON document holds as rows: a list of objects, and the other ways in which programs write a table down."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from core.dataset.examples import dump, kind_of
from core.dataset.readers.headers import column_names, looks_like_header
from core.dataset.shapes import shape_of
from core.dataset.turns import is_turn
from core.dataset.vocabulary import Role, is_known, rank
from core.errors import BadInput
from core.words import T

_WRAPPED = ("row", "fields", "data", "inputs", "outputs", "translation")  # under these names a row may hold its cells
_FEW = 3  # entries from which on an object without known names is a list of questions with their answers
_DEEPEST = 8  # lists within lists that hold one text


def objects_in(content: Any, name: str) -> list[Any]:
    """The list of objects in a JSON document. Raises BadInput where there is none, or more than one."""
    if isinstance(content, list):
        return _of_lists(content)
    if not isinstance(content, dict):
        raise BadInput(
            T("{file} holds no list of objects.", file=name),
            T("Rows in JSON look like this: [{example}].", example='{"question": "…", "answer": "…"}'),
        )
    if rows := _columns(content) or _split(content):
        return rows
    if kind_of(content) or shape_of(content):
        return [content]
    lists = {key: value for key, value in content.items() if _holds_objects(value)}
    if len(lists) == 1:
        return _questions(found := next(iter(lists.values()))) or _rows(found)
    if lists:
        message = T("{file} holds several lists of objects: {names}.", file=name, names=", ".join(lists))
        raise BadInput(message, T("Leave one of them in the file."))
    return _entries(content) or [content]


def as_conversation(value: Any) -> dict[str, Any] | None:
    """A list that is one conversation, as the object that it would be elsewhere; None for any other value."""
    if not isinstance(value, list) or not value:
        return None
    if len(value) > 1 and all(isinstance(turn, str) for turn in value):
        return {"conversations": value}  # who speaks takes turns
    if not all(isinstance(turn, dict) for turn in value):
        return None
    if all(is_turn(turn) for turn in value):
        return {"messages" if all("role" in turn for turn in value) else "conversations": value}
    return {"conversations": value} if all({"prompt", "response"} <= turn.keys() for turn in value) else None


def flat(body: dict[str, Any]) -> dict[str, Any]:
    """An object without those in it that hold the cells, which are its own then."""
    wrapped = [key for key in _WRAPPED if isinstance(body.get(key), dict)]
    if not wrapped:
        return body
    cells = {key: value for key, value in body.items() if key not in wrapped}
    for key in wrapped:
        cells.update(body[key])
    return cells


def cell_of(column: str, value: Any) -> str:
    """A value that is no text, as it stands in a cell: compact JSON, but for classes and for an answer in a list."""
    if isinstance(value, list | dict) and value:
        is_label = rank(column, Role.LABEL) is not None
        if is_label and isinstance(value, list) and all(isinstance(one, str) for one in value):
            return ", ".join(value)
        if (is_label or any(rank(column, role) is not None for role in (Role.ASSISTANT, Role.USER))) and (
            text := _only(value)
        ) is not None:
            return text
    return value if isinstance(value, str) else dump(value)


def _only(value: Any) -> str | None:
    """The one text in lists of one and in objects that say where it is (of SQuAD's answers the first)."""
    for _level in range(_DEEPEST):
        if isinstance(value, list) and len(value) == 1:
            value = value[0]
        elif isinstance(value, dict) and ("text" in value or "value" in value):
            value = value.get("text", value.get("value"))
            value = value[:1] if isinstance(value, list) else value
    return value if isinstance(value, str) else None


def _of_lists(content: list[Any]) -> list[Any]:
    """A list as rows: of rows of cells, or of turns that are one conversation."""
    if len(content) > 1 and all(isinstance(turn, dict) and len(turn) == 2 for turn in content):
        whole = as_conversation(content)
        if whole and not all({"prompt", "response"} <= turn.keys() for turn in content):
            return [whole]
    width = len(content[0]) if len(content) > 1 and isinstance(content[0], list) else 0
    even = width > 1 and all(isinstance(row, list) and len(row) == width for row in content)
    if not even or not all(_is_scalar(cell) for row in content for cell in row):
        return _rows(content)
    texts = [["" if cell is None else str(cell) for cell in row] for row in content[:_SEEN]]
    named = looks_like_header(texts[0], texts[1:])
    return _tabled(column_names(texts[0], named=named), content[named:])


_SEEN = 200  # rows below a header that are looked at


def _tabled(names: tuple[str, ...], rows: list[list[Any]]) -> list[Any]:
    return [dict(zip(names, row, strict=True)) for row in rows]


def _is_scalar(value: Any) -> bool:
    return value is None or isinstance(value, str | int | float)


def _holds_objects(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(item, dict) for item in value)


def _rows(found: list[Any]) -> list[Any]:
    """The rows of the answer of a datasets server, each of which stands beside its number; others as they are."""
    if all(isinstance(row, dict) and isinstance(row.get("row"), dict) and "row_idx" in row for row in found):
        return [row["row"] for row in found]
    return found


def _columns(content: dict[str, Any]) -> list[Any]:
    """The rows of a table that is written down column by column, as pandas and others do."""
    values = list(content.values())
    if len(values) < 2:
        return []
    if all(isinstance(value, list) for value in values):
        height = len(values[0])
        if height < 2 or any(len(value) != height or not all(map(_is_scalar, value)) for value in values):
            return []
        return [dict(zip(content, cells, strict=True)) for cells in zip(*values, strict=True)]
    if all(isinstance(value, dict) for value in values):
        numbers = values[0].keys()
        if numbers and all(number.isdecimal() for number in numbers) and all(v.keys() == numbers for v in values):
            return [{column: value[number] for column, value in content.items()} for number in numbers]
    return []


def _split(content: dict[str, Any]) -> list[Any]:
    """The rows of a table whose columns are named apart from its cells."""
    names, rows = content.get("columns"), content.get("data")
    if not isinstance(names, list) or not isinstance(rows, list) or not all(isinstance(name, str) for name in names):
        return []
    fits = all(isinstance(row, list) and len(row) == len(names) for row in rows)
    return _tabled(column_names(names), rows) if fits else []


def _entries(content: dict[str, Any]) -> list[Any]:
    """The rows of an object of rows by their ids, or of answers by their questions; none of any other object."""
    values = list(content.values())
    if len(values) < _FEW:
        return []
    if all(isinstance(value, dict) and value for value in values):
        return values
    if all(isinstance(value, str) for value in values) and not any(map(is_known, content)):
        return [{"question": asked, "answer": answered} for asked, answered in content.items()]
    return []


def _questions(found: list[Any]) -> list[Any]:
    """The questions of a file in SQuAD's form, each with its passage and its first answer."""
    rows = []
    for _article, passage in _within(found, "paragraphs"):
        for _passage, asked in _within([passage], "qas"):
            answers = asked.get("answers")
            first = answers[0] if isinstance(answers, list) and answers else None
            answer = first.get("text") if isinstance(first, dict) else None
            rows.append({"context": passage.get("context"), "question": asked.get("question"), "answer": answer})
    return rows


def _within(found: list[Any], name: str) -> list[tuple[Mapping[str, Any], Mapping[str, Any]]]:
    inside: Callable[[Any], Any] = lambda item: item.get(name) if isinstance(item.get(name), list) else ()  # noqa: E731
    return [(item, part) for item in found if isinstance(item, dict) for part in inside(item) if isinstance(part, dict)]
