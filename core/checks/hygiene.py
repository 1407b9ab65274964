"""What no example may hold, whatever its format: values that JSON or the next reader cannot carry."""

from __future__ import annotations

import math
import re
from typing import Any

from core.checks.issues import Findings

MAX_DEPTH = 64
SPECIAL_TOKENS = (
    "<|endoftext|>",
    "<|fim_prefix|>",
    "<|fim_middle|>",
    "<|fim_suffix|>",
    "<|endofprompt|>",
    "<|im_start|>",
    "<|im_end|>",
    "<|im_sep|>",
)
_SPECIAL = re.compile("|".join(map(re.escape, SPECIAL_TOKENS)))
_SURROGATE = re.compile("[\ud800-\udfff]")
_NOT_NUMBERS = {math.inf: "Infinity", -math.inf: "-Infinity"}
_AROUND = 20  # characters of context shown on each side of a find


def check_values(body: Any, found: Findings) -> None:
    """Look at every value below `body`, however deep, and report what cannot stay."""
    stack: list[tuple[Any, str, int]] = [(body, "", 1)]
    while stack:
        value, path, depth = stack.pop()
        if isinstance(value, str):
            _check_text(value, path, found)
        elif isinstance(value, dict | list):
            if depth > MAX_DEPTH:
                found.add("too_deep", path, limit=MAX_DEPTH)
                return
            stack.extend(_children(value, path, depth + 1, found))
        elif isinstance(value, float):
            if not math.isfinite(value):
                found.add(
                    "not_a_number", path, "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
                )
        elif not (value is None or isinstance(value, bool | int)):
            found.add("not_json_value", path, value)


def _children(value: Any, path: str, depth: int, found: Findings) -> list[tuple[Any, str, int]]:
    if isinstance(value, list):
        return [(item, f"{path}[{at}]", depth) for at, item in enumerate(value)][::-1]
    children = []
    for key, item in value.items():
        if not isinstance(key, str):
            found.add("not_json_value", path, key)
            continue
        _check_text(key, path, found)
        children.append((item, f"{path}.{key}" if path else key, depth))
    return children[::-1]


def _check_text(text: str, path: str, found: Findings) -> None:
    if "\x00" in text:
        found.add("nul_character", path, _around(text, text.index("\x00")))
    if not text.isascii() and (half := _SURROGATE.search(text)):
        found.add("lone_surrogate", path, _around(text, half.start()))
    if "<|" in text and (sign := _SPECIAL.search(text)):
        found.add("special_token", path, sign[0])


def _around(text: str, at: int) -> str:
    return text[max(0, at - _AROUND) : at + _AROUND + 1]
