"""The open models that this machine is set up with: their names, their folders, what their settings say."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from core.errors import BadInput
from core.server.engines.base import SpecError
from core.settings import Settings
from core.tokens.folders import is_folder, model_folder, read_folder
from core.tokens.openmodels import longest, settings_of
from core.tokens.own import OwnTokenizer
from core.words import T


@dataclass(frozen=True)
class Base:
    """A model that can be trained: its id here, and its folder or its name at the hub."""

    id: str
    source: str

    @property
    def local(self) -> bool:
        """Whether it was given as a folder."""
        return is_folder(self.source)

    def folder(self) -> Path | None:
        """Where its files are; None where they are not here, as of a model of the hub that nobody has fetched."""
        return model_folder(self.source)

    def found(self) -> Path:
        """Its folder. Raises SpecError where there is none; nothing is fetched here."""
        folder = self.folder()
        if folder is not None:
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
        return settings_of(self.path)

    @property
    def longest(self) -> int:
        """The most tokens of an example."""
        return longest(self.config)

    @cached_property
    def tokenizer(self) -> OwnTokenizer:
        """Its tokenizer and chat template, which thinks only where it was trained to. Raises BadInput."""
        return OwnTokenizer(read_folder(self.path), enable_thinking=False)

    @cached_property
    def end(self) -> int | None:
        """The token that ends a text."""
        word = settings_of(self.path, "tokenizer_config.json").get("eos_token")
        word = word.get("content") if isinstance(word, dict) else word
        named = self.tokenizer.tokenizer.token_to_id(word) if isinstance(word, str) else None
        return named if named is not None else min(self._ends, default=None)

    @property
    def stops(self) -> frozenset[int]:
        """The tokens at which it ends an answer, as its settings name them."""
        return frozenset(self._ends if self.end is None else {*self._ends, self.end})

    @cached_property
    def _ends(self) -> set[int]:
        given = [settings_of(self.path, name).get("eos_token_id") for name in ("generation_config.json", "config.json")]
        return {i for value in given for i in (value if isinstance(value, list) else [value]) if isinstance(i, int)}


def tokenizer_of(folder: Folder) -> OwnTokenizer:
    """The tokenizer of a model that is to be trained. Raises SpecError where there is none."""
    try:
        return folder.tokenizer
    except BadInput as error:
        raise SpecError("model", "model_unusable", T("{reason}", reason=str(error))) from error
