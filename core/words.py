"""Words shown to people, in their language: gettext catalogues behind two functions.

`_("…")` translates at once; `T("…", name=…)` keeps the sentence and its parameters, so that an error or an
issue made in one place can be read in the language of whoever looks at it later.

A number that can be 1 chooses the words behind it: "{n} {n:row is|rows are} new". The English sentence is the key of
its translation as it stands; a language of one form, such as Chinese, writes "{n}" alone.
"""

from __future__ import annotations

import gettext
import string
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from functools import cache
from pathlib import Path
from typing import Any

LANGUAGES = {"en": "English", "zh_CN": "简体中文"}
_LOCALE = Path(__file__).parent / "locale"
_language: ContextVar[str] = ContextVar("language", default="")
_ask: list[Callable[[], str]] = []


def use(language: str) -> None:
    """Speak this language from here on, in this thread or task; an unknown one becomes English."""
    _language.set(language if language in LANGUAGES else "en")


def follow(source: Callable[[], str]) -> None:
    """Ask `source` for the language wherever `use` was not called, as in the threads of a web session."""
    _ask[:] = [source]


def current() -> str:
    """The code of the language spoken now: a key of LANGUAGES."""
    language = _language.get() or (_ask[0]() if _ask else "")
    return language if language in LANGUAGES else "en"


def best_language(locale: str | None) -> str:
    """The language to begin with for a browser's locale such as "zh-CN" or "fr"."""
    return "zh_CN" if (locale or "").lower().startswith("zh") else "en"


@cache
def _catalogue(language: str) -> gettext.NullTranslations:
    return gettext.translation("luopan", _LOCALE, languages=[language], fallback=True)


class _Filling(string.Formatter):
    """Fills fields in as str.format does; the field {n:row|rows} becomes “row” where n is 1, and else “rows”."""

    def format_field(self, value: Any, format_spec: str) -> str:
        one, choice, many = format_spec.partition("|")
        if choice:
            return one if str(value) == "1" else many
        return str(super().format_field(value, format_spec))


_filling = _Filling()


def _filled(sentence: str, params: Mapping[str, Any]) -> str:
    """The sentence with its fields; str.format, which is five times faster, where none chooses its words."""
    return _filling.vformat(sentence, (), params) if "|" in sentence else sentence.format(**params)


def _(sentence: str, **params: Any) -> str:
    """The sentence in the current language, its {fields} filled in."""
    translated = _catalogue(current()).gettext(sentence) if sentence else ""
    return _filled(translated, params) if params else translated


class Text:
    """A sentence with its parameters, translated each time it is read."""

    def __init__(self, sentence: str, **params: Any) -> None:
        self.sentence = sentence
        self.params = params

    def __str__(self) -> str:
        return _(self.sentence, **self.params)

    def __repr__(self) -> str:
        return f"Text({self.sentence!r}, {self.params!r})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Text) and (self.sentence, self.params) == (other.sentence, other.params)

    def __hash__(self) -> int:
        return hash(self.sentence)

    def as_json(self) -> dict[str, Any]:
        """The sentence and its parameters as plain values, for a reader in another process; `told` takes them back."""
        return {"sentence": self.sentence, "params": {name: _plain(value) for name, value in self.params.items()}}


def _plain(value: object) -> Any:
    if isinstance(value, Text):
        return value.as_json()
    return value if isinstance(value, str | int | float | None) else str(value)


def told(said: Mapping[str, Any], *, depth: int = 3) -> Text | None:
    """What another process told by `as_json`; None for a sentence that is not one of ours, or does not fit its values.

    Whatever came over the wire is filled in, but never used as a sentence by itself.
    """
    sentence, params = said.get("sentence"), said.get("params")
    if not depth or not isinstance(sentence, str) or not isinstance(params, dict) or not _is_ours(sentence):
        return None
    values = {str(name): told(v, depth=depth - 1) or "" if isinstance(v, dict) else v for name, v in params.items()}
    if not all(isinstance(value, Text | str | int | float | None) for value in values.values()):
        return None
    try:
        for language in LANGUAGES:
            _filled(_catalogue(language).gettext(sentence), values)
        return Text(sentence, **values)
    except (LookupError, TypeError, ValueError):
        return None


def _is_ours(sentence: str) -> bool:
    return any(_catalogue(code).gettext(sentence) != sentence for code in LANGUAGES)


T = Text
