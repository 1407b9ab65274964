"""The open models that this machine is set up with: their names, their folders, what their settings say."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from core.errors import BadInput
from core.server.engines.base import SpecError
from core.settings import Settings
from core.tokens.folders import FILES, read_folder
from core.tokens.own import OwnTokenizer
from core.words import T

LONGEST = 65_536  # tokens of an example, however many a model could read
_USUAL = 2_048  # where its settings do not say


@dataclass(frozen=True)
class Base:
    """A model that can be trained: its id here, and its folder or its name at the hub."""

    id: str
    source: str

    @property
    def local(self) -> bool:
        """Whether it was given as a folder."""
        return self.source.startswith(("~", ".")) or Path(self.source).expanduser().is_absolute()

    def folder(self) -> Path | None:
        """Where its files are; None for a model of the hub that nobody has fetched."""
        if self.local:
            return Path(self.source).expanduser().resolve()
        from huggingface_hub import try_to_load_from_cache

        found = try_to_load_from_cache(self.source, "config.json")
        return Path(found).parent if isinstance(found, str) else None

    def found(self) -> Path:
        """Its folder. Raises SpecError where there is none; nothing is fetched here."""
        folder = self.folder()
        if folder is not None and folder.is_dir():
            return folder
        if self.local:
            message = T("The folder of {model} is not there: {source}.", model=self.id, source=self.source)
        else:
            message = T(
                "{model} is not on this machine yet. Fetch it first: `hf download {source}`, or give its folder in "
                "LUOPAN_LORA_MODELS.",
                model=self.id,
                source=self.source,
            )
        raise SpecError("model", "model_not_found", message)


def configured() -> list[Base]:
    """The models that the settings name."""
    return [Base(name, source) for name, source in Settings.from_env().lora_models]


@dataclass(frozen=True)
class Folder:
    """What the small files of a model say; its weights are not touched."""

    path: Path

    @cached_property
    def config(self) -> dict[str, Any]:
        """config.json; empty where it cannot be read."""
        return _json(self.path / "config.json")

    @property
    def longest(self) -> int:
        """The most tokens of an example."""
        inner = self.config.get("text_config")
        settings = {**self.config, **(inner if isinstance(inner, dict) else {})}
        found = settings.get("max_position_embeddings") or settings.get("n_positions")
        return min(LONGEST, found) if isinstance(found, int) and found > 0 else _USUAL

    @cached_property
    def tokenizer(self) -> OwnTokenizer:
        """Its tokenizer and chat template, which thinks only where it was trained to. Raises BadInput."""
        return OwnTokenizer(self._files(), enable_thinking=False)

    @cached_property
    def end(self) -> int | None:
        """The token that ends a text."""
        word = _json(self.path / "tokenizer_config.json").get("eos_token")
        word = word.get("content") if isinstance(word, dict) else word
        named = self.tokenizer.tokenizer.token_to_id(word) if isinstance(word, str) else None
        return named if named is not None else min(self._ends, default=None)

    @property
    def stops(self) -> frozenset[int]:
        """The tokens at which it ends an answer, as its settings name them."""
        return frozenset(self._ends if self.end is None else {*self._ends, self.end})

    @cached_property
    def _ends(self) -> set[int]:
        given = [_json(self.path / name).get("eos_token_id") for name in ("generation_config.json", "config.json")]
        return {i for value in given for i in (value if isinstance(value, list) else [value]) if isinstance(i, int)}

    def _files(self) -> dict[str, bytes]:
        if any((self.path / name).is_symlink() for name in FILES) and self.path.parent.name == "snapshots":
            # The hub's own store keeps its files elsewhere, and links to them.
            return {name: (self.path / name).read_bytes() for name in FILES if (self.path / name).is_file()}
        return read_folder(self.path)


def _json(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def tokenizer_of(folder: Folder) -> OwnTokenizer:
    """The tokenizer of a model that is to be trained. Raises SpecError where there is none."""
    try:
        return folder.tokenizer
    except BadInput as error:
        raise SpecError("model", "model_unusable", T("{reason}", reason=str(error))) from error
