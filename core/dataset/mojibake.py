"""UTF-8 that was read as a Western encoding ("å¾®è°ƒ" for 微调): recognised, mended, or said to be lost."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

LOST = "\ufffd"
# ASCII, Chinese, Japanese and Korean: no Western encoding has these, so nothing was read in one by mistake.
_CLEAN = re.compile("[\0-\x7f\u3000-\u9fff\uac00-\ud7a3\uff01-\uff60]*")
_ENOUGH = 0.1  # share of the texts with letters outside ASCII from which a file counts as garbled


def mended(text: str) -> str:
    """The text as it was meant; the same text where nothing is garbled. A character that is lost becomes U+FFFD."""
    if text.isascii() or _CLEAN.fullmatch(text):
        return text
    import ftfy

    return str(ftfy.fix_encoding(text))


def is_lost(before: str, after: str) -> bool:
    """Whether mending could not bring all of a garbled text back."""
    if before.isascii() or (before == after and _CLEAN.fullmatch(before)):
        return False
    if LOST in after:
        return True
    if before != after:
        return False
    import ftfy.badness

    return bool(ftfy.badness.is_bad(before))


def share(texts: Iterable[str]) -> float:
    """The share of the texts with letters outside ASCII that are garbled; 0.0 where that is a rare accident."""
    seen = [text for text in texts if not text.isascii()]
    garbled = sum(_is_garbled(text) for text in seen)
    return garbled / len(seen) if garbled and garbled >= _ENOUGH * len(seen) else 0.0


def _is_garbled(text: str) -> bool:
    after = mended(text)
    return after != text or is_lost(text, after)


def mended_value(value: Any) -> Any:
    """A JSON value with every text in it mended, names of fields too."""
    if isinstance(value, str):
        return mended(value)
    if isinstance(value, list):
        return [mended_value(item) for item in value]
    if isinstance(value, dict):
        return {mended(key): mended_value(item) for key, item in value.items()}
    return value


def lost_in(before: Any, after: Any) -> str:
    """The first text of a JSON value that could not be brought back; empty where all could."""
    if isinstance(before, str):
        return after if is_lost(before, after) else ""
    if isinstance(before, list):
        pairs = list(zip(before, after, strict=True))
    elif isinstance(before, dict):
        pairs = list(zip(before.values(), after.values(), strict=False))
    else:
        return ""
    return next((found for b, a in pairs if (found := lost_in(b, a))), "")
