"""Sentences on their way from one process to another: in English, and beside it what each was made from."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from core.words import Text


def told_with(name: str, text: Text | str) -> dict[str, Any]:
    """A sentence under this name, and beside it what it was made from."""
    return {name: str(text), **(text.as_json() if isinstance(text, Text) else {})}


def made_of(told: Mapping[str, Any]) -> dict[str, Any]:
    """What `told_with` put beside a sentence."""
    return {name: told[name] for name in ("sentence", "params") if name in told}
