"""Errors made on purpose: a sentence and a hint, read in the language of whoever looks."""

from __future__ import annotations

import pickle

import pytest

from core import errors, words
from core.errors import AppError, BadInput, Cancelled, NotFound, ProviderError
from core.words import T


@pytest.mark.parametrize("kind", [BadInput, NotFound, ProviderError, Cancelled])
def test_every_kind_is_an_app_error(kind: type[AppError]) -> None:
    with pytest.raises(AppError) as raised:
        raise kind(T("Row {n} is empty.", n=7), T("Fill it in."))
    assert str(raised.value) == "Row 7 is empty. Fill it in."
    assert str(raised.value.message) == "Row 7 is empty." and str(raised.value.hint) == "Fill it in."


def test_without_a_hint_only_the_sentence_is_said() -> None:
    assert str(AppError("It ended.")) == "It ended." and str(AppError("It ended.").hint) == ""


def test_an_error_is_translated_when_it_is_read_not_when_it_is_made(monkeypatch: pytest.MonkeyPatch) -> None:
    error = BadInput(T("Home"))
    english = str(error)
    words.use("zh_CN")
    assert str(error) == words._("Home")
    words.use("en")
    assert str(error) == english == "Home"


def test_an_error_survives_being_written_down() -> None:
    error = NotFound(T("There is no row {id}.", id=3), "It was removed.")
    copy = pickle.loads(pickle.dumps(error))
    assert type(copy) is NotFound and (copy.message, copy.hint) == (error.message, error.hint)


def test_every_error_says_in_its_docstring_when_it_is_raised() -> None:
    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, AppError)]
    assert len(kinds) >= 5 and all(kind.__doc__ for kind in kinds)
