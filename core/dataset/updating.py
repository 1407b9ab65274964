"""Rows brought in for a dataset that is there: the file it came from again, or its workbook edited in Excel.

Both are compared with what is stored and applied as one step that can be undone, but for what a person leaves out.
What was edited here since is known from the history: where only this side changed nothing is asked, where both did
the two texts are told.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from itertools import takewhile
from typing import TYPE_CHECKING, Any

from core.dataset.difference import Changed, Difference, Entry, New, edits, key
from core.dataset.edits import Applied, Edits
from core.dataset.readers import Reject
from core.errors import BadInput, Cancelled
from core.words import T, Text

if TYPE_CHECKING:
    from core.store import Store

GROUPS = ("changed", "new", "gone", "clash", "doubtful")
ASKED = {"changed": True, "new": True, "gone": False, "clash": False, "doubtful": False}  # what is ticked at first
REPORT_EVERY = 1_000  # rows
_MEANWHILE = T("Somebody edited this row meanwhile.")
EVERY_STEP = 1 << 31  # of a history
Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Brought:
    """What was brought, beside what is stored at `revision` of the dataset.

    `notes` say by an entry's key why it should be looked at twice; `problems` are rows or cells that are left out.
    `from_file`: it is the dataset's file, not its workbook.
    """

    difference: Difference
    revision: int
    problems: tuple[Reject, ...] = ()
    notes: Mapping[str, Text] = field(default_factory=dict)
    from_file: bool = False

    def group(self, entry: Entry) -> str:
        """Which of GROUPS an entry belongs to."""
        if key(entry) in self.notes:
            return "doubtful"
        if isinstance(entry, Changed):
            return "clash" if entry.clash else "changed"
        return "new" if isinstance(entry, New) else "gone"

    def groups(self) -> dict[str, list[Entry]]:
        """The entries of each group, in the order of the file (gone ones in the dataset's)."""
        found: dict[str, list[Entry]] = {name: [] for name in GROUPS}
        for part in (self.difference.changed, self.difference.new, self.difference.gone):
            for entry in part:
                found[self.group(entry)].append(entry)
        return found


@dataclass(frozen=True)
class Choice:
    """What a person takes of it: whole groups, but for the entries whose keys are named."""

    groups: Mapping[str, bool] = field(default_factory=lambda: dict(ASKED))
    but: frozenset[str] = frozenset()

    def takes(self, group: str, entry: Entry) -> bool:
        """Whether an entry of a group is applied."""
        return self.groups.get(group, False) != (key(entry) in self.but)

    def as_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {"groups": dict(self.groups), "but": sorted(self.but)}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Choice:
        """The choice of such values."""
        return cls(dict(values["groups"]), frozenset(values["but"]))


def chosen(brought: Brought, choice: Choice) -> Edits:
    """The edits of what was chosen."""
    return edits(brought.difference, lambda entry: choice.takes(brought.group(entry), entry))


def apply(store: Store, dataset_id: int, brought: Brought, choice: Choice, who: str) -> Applied:
    """Apply what was chosen, as one step. Raises BadInput where rows were edited since the difference was made."""
    if store.dataset(dataset_id).revision != brought.revision:
        raise BadInput(
            T("Rows of this dataset were edited while you were looking."),
            T("Nothing was applied. The difference is shown anew: look at it and apply it again."),
        )
    applied = store.apply(dataset_id, chosen(brought, choice), who)
    take_note(store, dataset_id, brought, applied)
    return applied


def take_note(store: Store, dataset_id: int, brought: Brought, applied: Applied) -> None:
    """Remember that a step took rows over from the dataset's file."""
    known = taken_over(store, dataset_id)
    if brought.from_file and applied.batch_id not in (None, *known):
        store.preferences.set(_key(dataset_id), [*known, applied.batch_id])


def refusals(applied: Applied) -> list[list[Any]]:
    """The rows that were left as they were, as plain values: each reason once, with the ids of its rows."""
    groups: dict[Text, list[int]] = {}
    for problem in applied.problems:
        groups.setdefault(problem.message, []).append(problem.example_id)
    if applied.conflicts:
        groups[_MEANWHILE] = [conflict.example_id for conflict in applied.conflicts]
    return [[why.as_json(), rows] for why, rows in groups.items()]


def refused(result: Mapping[str, Any]) -> list[tuple[int, Text]]:
    """The rows of `refusals`, each with its reason."""
    groups = [(Text(why["sentence"], **why["params"]), rows) for why, rows in result.get("refused", ())]
    return [(row, why) for why, rows in groups for row in rows]


def applied_since(store: Store, dataset_id: int, revision: int, who: str, begun: str) -> Applied | None:
    """The one step that this person has made since this moment on this revision, if it is the newest."""
    steps = store.history(dataset_id, limit=1)
    if not steps or store.dataset(dataset_id).revision != revision + 1:
        return None
    newest = steps[0]
    if (newest.who, newest.kind) != (who, "edit") or newest.at < datetime.fromisoformat(begun):
        return None
    entries = takewhile(lambda entry: entry.batch_id == newest.batch_id, store.history(dataset_id, limit=EVERY_STEP))
    return Applied(newest.batch_id, sum(1 for _entry in entries))


def _key(dataset_id: int) -> str:
    return f"brought:{dataset_id}"


def taken_over(store: Store, dataset_id: int) -> list[int]:
    """The steps that took rows over from the dataset's file: what they wrote is the file's word."""
    return list(store.preferences.get(_key(dataset_id)) or [])


def reporter(progress: Progress | None, cancelled: Callable[[], bool], total: int) -> Callable[[int], None]:
    """Tells how many rows of all are done, and stops where somebody asked for it. Raises Cancelled."""

    def report(done: int) -> None:
        if cancelled():
            raise Cancelled(T("The work was stopped."), T("Nothing was changed."))
        if progress:
            progress(min(done, total), total)

    return report
