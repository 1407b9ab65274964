"""Characters that nobody sees or that stand for nothing: found with their names, taken out.

What a script needs is left alone: joiners inside emoji and in Arabic or Indic words, direction marks beside letters
that are written from the right, tags in the flags of regions.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Iterator

from core.checks.privacy.values import LOST, ODD, Span

_CLASSES = {
    LOST: "\ufffd",
    "control": "\\x00-\\x08\\x0b\\x0c\\x0e-\\x1f\\x7f-\\x9f",
    "bidi": "\\u061c\\u200e\\u200f\\u202a-\\u202e\\u2066-\\u2069",
    "zero_width": "\\u200b-\\u200d\\u2060",
    "byte_order_mark": "\\ufeff",
    "invisible": "\\u00ad\\u034f\\u115f\\u1160\\u17b4\\u17b5\\u180e\\u2061-\\u2064\\u206a-\\u206f"
    "\\u3164\\uffa0\\ufff9-\\ufffb\\U000e0001-\\U000e007f",
    "surrogate": "\\ud800-\\udfff",
    "line_separator": "\\u2028\\u2029\\x85",
}
_ESCAPE = r"\x1b\[[0-9;?]{0,16}[A-Za-z]"  # a colour of a terminal: without its first sign the rest would stay as text
_CONTROLS = bytes([*range(9), 11, 12, *range(14, 32), 127])
_ANY = re.compile("[" + "".join(_CLASSES.values()) + "]")
_FIND = re.compile(f"{_ESCAPE}|[{''.join(_CLASSES.values())}]")
_KIND = {kind: re.compile(f"[{signs}]") for kind, signs in reversed(_CLASSES.items())}
_RIGHT_TO_LEFT = re.compile("[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc\U00010800-\U00010fff\U0001e800-\U0001efff]")
_JOINED = re.compile("[\u0600-\u08ff\u0900-\u0dff\u1000-\u109f\u1780-\u17ff\u1800-\u18af\ufb50-\ufdff\ufe70-\ufefc]")
_EMOJI = re.compile("[\u00a9\u00ae\u203c-\u2bff\u3030-\u3299\ufe0f\U0001f000-\U0001faff]")


def odd(text: str) -> list[Span]:
    """The odd characters of a text, in their order."""
    if text.isascii():
        data = text.encode()
        if len(data) == len(data.translate(None, _CONTROLS)):
            return []
    elif not _ANY.search(text):
        return []
    right_to_left: bool | None = None
    found = []
    for match in _FIND.finditer(text):
        kind = _kind(match[0])
        if kind == "bidi" and match[0] not in "\u202d\u202e":
            if right_to_left is None:
                right_to_left = bool(_RIGHT_TO_LEFT.search(text))
            if right_to_left:
                continue
        if not _is_needed(text, match.start(), match[0]):
            found.append(Span(kind, *match.span()))
    return found


def without(text: str, kinds: Collection[str] = ODD) -> str:
    """The text without its odd characters of these kinds; a line separator becomes a line break."""
    for _round in range(8):  # what one takes out may have been another's neighbour
        spans = [span for span in odd(text) if span.kind in kinds]
        if not spans:
            break
        pieces, at = [], 0
        for span in spans:
            pieces += [text[at : span.start], "\n" if span.kind == "line_separator" else ""]
            at = span.end
        text = "".join([*pieces, text[at:]])
    return text


def named(text: str, span: Span) -> str:
    """An odd character in words that can be read: "U+200B ZERO WIDTH SPACE"."""
    sign = text[span.start]
    return f"U+{ord(sign):04X} {unicodedata.name(sign, '')}".rstrip()


def visible(text: str) -> str:
    """The text with each odd character written out as ⟨U+200B⟩."""
    pieces, at = [], 0
    for span in odd(text):
        pieces += [text[at : span.start], *(f"⟨U+{ord(sign):04X}⟩" for sign in text[span.start : span.end])]
        at = span.end
    return "".join([*pieces, text[at:]])


def _kind(signs: str) -> str:
    return "control" if len(signs) > 1 else next(kind for kind, pattern in _KIND.items() if pattern.match(signs))


def _is_needed(text: str, at: int, sign: str) -> bool:
    if sign == "\u200d":
        before, after = text[at - 1 : at], text[at + 1 : at + 2]
        is_skin = "\U0001f3fb" <= before <= "\U0001f3ff"
        emoji = bool((_EMOJI.match(before) or is_skin) and _EMOJI.match(after)) if before and after else False
        return emoji or _is_joined(before)
    if sign == "\u200c":
        return _is_joined(text[at - 1 : at])
    if "\U000e0001" <= sign <= "\U000e007f":
        start = at
        while start and at - start < 8 and "\U000e0001" <= text[start - 1] <= "\U000e007f":
            start -= 1
        return text[start - 1 : start] == "\U0001f3f4"
    return False


def _is_joined(before: str) -> bool:
    return bool(before and _JOINED.match(before))


def iter_named(text: str) -> Iterator[tuple[Span, str]]:
    """Every odd character with its name."""
    for span in odd(text):
        yield span, named(text, span)
