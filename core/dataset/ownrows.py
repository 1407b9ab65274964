"""A table that Luopan exported, read again: every row becomes the example it was written of, with label and split."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from core.dataset.examples import (
    Body,
    Draft,
    Kind,
    Origin,
    Split,
    answer_text,
    chat_line,
    kind_of,
    load,
    system_text,
    user_text,
)
from core.dataset.shapes import Unfit
from core.errors import BadInput
from core.words import T

WHOLE = "messages"  # the column of what the texts do not say: turns, tools, other formats
_FIXED = T("This cell cannot be changed in a table. Leave it as it was exported.")
_TEXTS = {"system": system_text, "user": user_text, "assistant": answer_text}
FORMULA = ("=", "+", "-", "@", "\t", "\r")  # how a cell begins that a spreadsheet would take for one


def _unguarded(cell: str) -> str:
    return cell[1:] if cell[:1] == "'" and cell[1:].startswith(FORMULA) else cell


def kind_of_rows(rows: Iterable[Mapping[str, str]]) -> Kind:
    """The format of the examples that a table was written of."""
    whole = (_whole(cells) for cells in rows)
    return next((kind for body in whole if body and (kind := kind_of(body))), Kind.CHAT)


def _whole(cells: Mapping[str, str]) -> Body | None:
    try:
        return load(cells.get(WHOLE, ""))
    except ValueError:
        return None


def draft(cells: Mapping[str, str], kind: Kind, origin: Origin, *, is_guarded: bool) -> Draft:
    """The example of a row; a text that was edited in the table is taken over. Raises Unfit.

    `is_guarded`: cells that look like a formula stand behind an apostrophe.
    """
    told = {name: _unguarded(cell) for name, cell in cells.items()} if is_guarded else cells
    split = told.get("split", "").strip()
    if split not in list(Split):
        raise Unfit("split", T("This is no split. Write train, validation or test, or leave the cell empty."))
    return Draft(_line(told, kind), kind, told.get("label", ""), Split(split), origin)


def _line(cells: Mapping[str, str], kind: Kind) -> str:
    raw = cells.get(WHOLE, "")
    if not raw.strip():
        return _chat(cells)
    body = _whole(cells)
    if body is None:
        raise Unfit(WHOLE, T("This is no JSON object. Correct it, or empty the cell."))
    said = {name: text_of(body) for name, text_of in _TEXTS.items()}
    edited = {name: cell for name in _TEXTS if (cell := cells.get(name, "")) and _even(cell) != _even(said[name])}
    from core.dataset.edits import with_texts

    try:
        return with_texts(raw, kind, edited)
    except BadInput as error:
        raise Unfit(next(iter(edited)), _FIXED) from error


def _chat(cells: Mapping[str, str]) -> str:
    reasons = {
        "user": T("The user's message is empty. Fill the cell, or leave the row out."),
        "assistant": T("The assistant's message is empty. Fill the cell, or leave the row out."),
    }
    for name, reason in reasons.items():
        if not cells.get(name, "").strip():
            raise Unfit(name, reason)
    return chat_line([{"role": name, "content": text} for name in _TEXTS if (text := cells.get(name, ""))])


def _even(text: str) -> str:
    """A text with the line breaks that spreadsheets agree on."""
    return text.replace("\r\n", "\n").replace("\r", "\n")
