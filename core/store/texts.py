"""Sentences and errors in a JSON column, so that they are read in the language of whoever looks at them."""

from __future__ import annotations

from typing import Any

from core.errors import AppError
from core.words import Text


def pack(text: Text | str) -> Any:
    """The JSON value of a sentence; parameters that JSON does not know become words."""
    if isinstance(text, Text):
        params = {k: v if isinstance(v, str | int | float | bool) else str(v) for k, v in text.params.items()}
        return {"sentence": text.sentence, "params": params}
    return text


def unpack(stored: Any) -> Text | str:
    """The sentence of a JSON value; empty where there is none."""
    return Text(stored["sentence"], **stored["params"]) if isinstance(stored, dict) else stored or ""


def pack_error(error: AppError | None) -> Any:
    """The JSON value of an error: its message and its hint."""
    return None if error is None else [pack(error.message), pack(error.hint)]


def unpack_error(stored: Any) -> AppError | None:
    """The error of a JSON value, if it holds one."""
    return AppError(*map(unpack, stored)) if stored else None
