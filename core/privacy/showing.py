"""How finds are shown: a short piece of the text around them, each find by half, odd characters written out."""

from __future__ import annotations

from typing import Any, NamedTuple

from core.checks.privacy import PERSONAL, Span, Style, findings, half, masked, texts_of
from core.checks.privacy.characters import visible
from core.checks.privacy.masking import WORDS
from core.checks.privacy.rows import load_any
from core.checks.privacy.scripts import is_chinese

_AROUND = 24  # characters of the text on each side of a find
_LONGEST = 60  # characters of a find that are shown


class Piece(NamedTuple):
    """A piece of a text; `kind` is "" for what stands around the finds."""

    text: str
    kind: str


def shown(text: str, span: Span) -> str:
    """A find as it may be shown: personal data by half, odd characters by their code."""
    value = text[span.start : span.end]
    said = half(span.kind, value) if span.kind in PERSONAL else visible(value)
    return said if len(said) <= _LONGEST else said[: _LONGEST - 1] + "…"


def pieces(raw: str, kinds: tuple[str, ...]) -> tuple[str, list[Piece]]:
    """The field of the first find of these kinds in a row, and the text around it; ("", []) where there is none."""
    field, _text, made = _first(raw, kinds)
    return field, made


def after(raw: str, kinds: tuple[str, ...], style: Style) -> str:
    """The text around that find as it will read once it is masked (the first of a kind has number 1)."""
    _field, text, made = _first(raw, kinds)
    language = int(is_chinese(text))

    def of(piece: Piece) -> str:
        if piece.kind not in kinds or (style is Style.PARTLY and piece.kind != "private_key"):
            return piece.text
        word = WORDS[piece.kind][language]
        return f"[{word} 1]" if style is Style.NUMBERED else f"[{word}]"

    return "".join(map(of, made))


def _first(raw: str, kinds: tuple[str, ...]) -> tuple[str, str, list[Piece]]:
    body: Any = load_any(raw)
    for field, text in texts_of(body):
        spans = findings(text)
        first = next((span for span in spans if span.kind in kinds), None)
        if first is not None:
            return field, text, _around(text, spans, first)
    return "", "", []


def _around(text: str, spans: list[Span], first: Span) -> list[Piece]:
    start, stop = max(0, first.start - _AROUND), min(len(text), first.end + _AROUND)
    made, at = [], start
    for span in spans:
        if span.end <= at or span.start >= stop:
            if span.start < at < span.end:
                at = span.end
            continue
        if span.start < at:  # it begins before the piece: nothing of it is shown
            at = span.end
            continue
        made += [Piece(_plain(text[at : span.start]), ""), Piece(shown(text, span), span.kind)]
        at = span.end
    made.append(Piece(_plain(text[at : max(at, stop)]), ""))
    if start:
        made.insert(0, Piece("…", ""))
    if max(at, stop) < len(text):
        made.append(Piece("…", ""))
    return [piece for piece in made if piece.text]


def _plain(text: str) -> str:
    return visible(text).replace("\n", " ")


def half_shown(text: str) -> str:
    """A whole text as it may be shown: what it gives away by half, odd characters written out."""
    return _plain(masked(text, style=Style.PARTLY))


def plain(made: list[Piece]) -> str:
    """The pieces as one line of text."""
    return "".join(piece.text for piece in made)
