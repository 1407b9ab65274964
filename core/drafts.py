"""Mappings in progress: what a person has chosen for a file that is not imported yet. They outlive the browser."""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass, field
from typing import Any

from core.dataset.recipes import Recipe
from core.errors import BadInput
from core.store import Store

INDEX = "mapping_drafts"  # the tokens of the files that have one, the newest first
MOST = 20


@dataclass(frozen=True)
class Draft:
    """The choices for one kept file: how it is read, how its columns are mapped, what the dataset will be called."""

    token: str
    name: str  # of the file
    title: str = ""  # of the dataset
    view: dict[str, str] = field(default_factory=dict)  # sheet, encoding, header, as they stand in the URL
    recipe: dict[str, Any] = field(default_factory=dict)
    at: float = 0.0  # seconds since 1970

    def as_recipe(self) -> Recipe | None:
        """The mapping; None where this version cannot read it."""
        try:
            return Recipe.from_dict(self.recipe)
        except BadInput:
            return None


def save(store: Store, draft: Draft) -> None:
    """Keep a draft in place of the one that its file had."""
    store.preferences.set(_key(draft.token), {**asdict(draft), "at": time.time()})
    tokens = _tokens(store)
    if tokens[:1] != [draft.token]:
        kept = [draft.token, *(token for token in tokens if token != draft.token)]
        for token in kept[MOST:]:
            store.preferences.set(_key(token), None)
        store.preferences.set(INDEX, kept[:MOST])


def load(store: Store, token: str) -> Draft | None:
    """The draft of a file, if it has one."""
    kept = store.preferences.get(_key(token))
    try:
        return Draft(**kept) if isinstance(kept, dict) else None
    except TypeError:
        return None


def forget(store: Store, token: str) -> None:
    """Start over with a file."""
    tokens = _tokens(store)
    if token in tokens:
        store.preferences.set(INDEX, [other for other in tokens if other != token])
        store.preferences.set(_key(token), None)


def listed(store: Store) -> list[Draft]:
    """All drafts, the newest first."""
    return [draft for token in _tokens(store) if (draft := load(store, token))]


def _tokens(store: Store) -> list[str]:
    return [token for token in store.preferences.get(INDEX) or [] if isinstance(token, str)]


def _key(token: str) -> str:
    return f"mapping_draft:{token}"
