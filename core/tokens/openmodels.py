"""The open-weight models that this machine is set up to train: rows of the catalogue that their own folders tell."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from core.errors import BadInput
from core.settings import Settings
from core.tokens.encodings import DEFAULT
from core.tokens.folders import model_folder, own_name
from core.tokens.price import Price

LONGEST = 65_536  # tokens of an example, however many a model could read
USUAL = 2_048  # where its settings do not say
FORMATS = ("chat", "completion", "preference", "reinforcement", "tools")
# What the classic model of the same provider is forgiven, but for the role that few chat templates know.
ACCEPTED = ("reinforcement_system", "too_many_examples")


def open_models(like: Price, settings: Settings | None = None) -> Iterator[Price]:
    """A row for each model of LUOPAN_LORA_MODELS; `like` is the row of the classic model at the same provider."""
    for name, source in (settings or Settings.from_env()).lora_models:
        folder = model_folder(source)
        yield replace(
            like, model=name, formats=FORMATS, accepts=ACCEPTED, encoding=_encoding(folder),
            context=None if folder is None else longest(settings_of(folder)), source=source,
        )  # fmt: skip


def _encoding(folder: Path | None) -> str:
    """The model's own tokenizer; the usual one where it is not here, or cannot be read."""
    try:
        return DEFAULT if folder is None else own_name(folder)
    except (BadInput, OSError):
        return DEFAULT


def settings_of(folder: Path, name: str = "config.json") -> dict[str, Any]:
    """What a file of settings says; empty where it cannot be read."""
    try:
        found = json.loads((folder / name).read_text("utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def longest(config: dict[str, Any]) -> int:
    """The most tokens of an example that a model is trained on, by its settings."""
    inner = config.get("text_config")
    given = {**config, **(inner if isinstance(inner, dict) else {})}
    found = given.get("max_position_embeddings") or given.get("n_positions")
    return min(LONGEST, found) if isinstance(found, int) and found > 0 else USUAL
