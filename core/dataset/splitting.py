"""Splitting a stored dataset: all of it anew, or only the rows that have no part yet; one step that can be undone."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from core.dataset import relating
from core.dataset.examples import Split
from core.dataset.split import Item, divide

if TYPE_CHECKING:
    from core.dataset.edits import Applied
    from core.store import Store
    from core.store.splits import SplitPlan


@dataclass(frozen=True)
class Outcome:
    """What came of a split: rows of each part, and how many rows have another part than before."""

    counts: Counter[Split]
    moved: int
    applied: Applied


def split(store: Store, dataset_id: int, plan: SplitPlan, who: str) -> Outcome:
    """Split all rows anew, but for those of a locked test set; the plan is kept. Raises BadInput."""
    locked = store.splits.lock(dataset_id) is not None
    fixed = {Split.TEST} if locked else set()
    made = _place(store, dataset_id, replace(plan, test=0) if locked else plan, who, fixed)
    store.splits.keep(dataset_id, plan)
    return made


def place_new(store: Store, dataset_id: int, who: str) -> Outcome:
    """Give the rows without a part one, by the plan that the others were split by; no other row moves."""
    plan = plan_of(store, dataset_id)
    if store.splits.lock(dataset_id) is not None:
        plan = replace(plan, test=0)  # a locked test set does not grow, unless by what belongs to its groups
    return _place(store, dataset_id, plan, who, {Split.TRAIN, Split.VALIDATION, Split.TEST})


def _place(store: Store, dataset_id: int, plan: SplitPlan, who: str, fixed: set[Split]) -> Outcome:
    groups: dict[int, str] = {}
    if plan.together == "near":
        for number, ids in enumerate(relating.companies(store, dataset_id)):
            groups |= dict.fromkeys(ids, str(number))
    items, before = [], {}
    for row in store.splits.rows(dataset_id, "" if plan.together == "near" else plan.together):
        group = groups.get(row.id, "") or _group(plan.together, row.together)
        label = row.label if plan.stratified else ""
        items.append(Item(row.id, label, row.content_hash, group, row.split, row.split in fixed))
        before[row.id] = row.split
    parts = divide(items, validation=plan.validation, test=plan.test, seed=plan.seed)
    applied = store.assign_splits(dataset_id, parts, who)
    moved = sum(before[number] is not part for number, part in parts.items())
    return Outcome(Counter(parts.values()), moved, applied)


def _group(together: str, text: str) -> str:
    if together != "question":
        return text
    from core.checks.similarity import normal

    return normal(text)


def missing(store: Store, dataset_id: int) -> tuple[list[str], list[str]]:
    """The labels of which no row is held out, and those of which none is left to train on; of named labels only."""
    parts = {part: set(store.label_counts(dataset_id, part)) - {""} for part in Split}
    held_out, trained = parts[Split.VALIDATION] | parts[Split.TEST], parts[Split.TRAIN] or parts[Split.NONE]
    return sorted((trained | parts[Split.NONE]) - held_out), sorted(held_out - trained)


def plan_of(store: Store, dataset_id: int) -> SplitPlan:
    """The plan that a dataset was split by; where none was kept, the shares that its parts have now."""
    from core.store.splits import SplitPlan

    known = store.splits.plan(dataset_id)
    if known is not None:
        return known
    counts = store.split_counts(dataset_id)
    placed = sum(number for part, number in counts.items() if part)
    if not placed:
        return SplitPlan()
    shares = {part: round(counts.get(part, 0) / placed, 2) for part in (Split.VALIDATION, Split.TEST)}
    return SplitPlan(shares[Split.VALIDATION], shares[Split.TEST])
