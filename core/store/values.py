"""What the store answers with: plain values, safe to keep and to pass between threads."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from core.dataset.examples import Example, Kind
from core.words import Text


@dataclass(frozen=True)
class Dataset:
    """A set of examples. `revision` grows with every batch of edits; `state` is "importing" or "ready"."""

    id: int
    name: str
    kind: Kind
    encoding: str
    revision: int
    rows: int
    state: str
    created_at: datetime
    origin: str
    answers_closed: bool
    recipe: dict[str, Any] | None


@dataclass(frozen=True)
class Filter:
    """Which rows are wanted; all conditions hold at once. `label=""` means rows without a label, None any row."""

    text: str = ""
    label: str | None = None
    split: str | None = None
    status: str | None = None
    issue: str | None = None
    severity: str | None = None
    over_tokens: int | None = None
    finding: str | None = None  # a kind of core.checks.privacy, or "personal", "odd" for all of theirs


EVERYTHING = Filter()


@dataclass(frozen=True)
class Page:
    """One page of rows, `page` of `pages` (1 is the first), and how many rows there are on all of them.

    Where `exact` is false more were not counted yet: there are at least `total`.
    """

    examples: tuple[Example, ...]
    total: int
    page: int
    pages: int
    exact: bool = True


@dataclass(frozen=True)
class HistoryEntry:
    """What one batch did to one row: the touched fields before and after; `action` is change, add or remove.

    `kind` is edit, undo or redo; `undone` says whether an edit is undone at present.
    """

    batch_id: int
    at: datetime
    who: str
    kind: str
    action: str
    example_id: int
    before: dict[str, Any] | None
    after: dict[str, Any] | None
    undone: bool


class Step(NamedTuple):
    """One edit: how many rows it changed, added and removed (`counts`, by action), and whether it is undone.

    `example_id` is its row where it has only one, else 0; `fields` are what it touched in its first changed row.
    """

    batch_id: int
    at: datetime
    who: str
    undone: bool
    counts: dict[str, int]
    example_id: int = 0
    fields: tuple[str, ...] = ()


class Rejected(NamedTuple):
    """A row of a file that did not become an example, and why."""

    file: str
    row: int
    column: str
    reason: Text | str
    seen: str = ""
    kept: str | dict[str, str] | None = None  # the whole line, or all cells; None where it was too long
    after: int = 0  # told: how many rows of the import are above it; asked: the id of the row above it (0: none)
    id: int = 0


@dataclass(frozen=True)
class Version:
    """A dataset frozen at one moment, named by its content; `by_split` counts its rows."""

    id: int
    dataset_id: int
    digest: str
    rows: int
    by_split: dict[str, int]
    created_at: datetime


class VersionRow(NamedTuple):
    """One row of a version; `position` is its place in it, 1 the first."""

    example_id: int
    position: int
    raw: str
    label: str
    split: str
