"""Relating the rows of a stored dataset: finding repeats, contradictions and leaks, and mending what can be mended.

Mending looks at the rows as they are now: what was edited since the comparison is left alone.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from core.dataset.edits import Applied, Edits, Removed
from core.dataset.examples import Example, Split
from core.errors import Cancelled
from core.words import T

if TYPE_CHECKING:
    from core.store import Store

KEPT = 20_000  # near pairs and contradictions that are kept to be looked at, the most alike first; all are counted
_TELL_EVERY = 1_000


def relate(
    store: Store,
    dataset_id: int,
    progress: Callable[[int, int], None] = lambda _done, _total: None,
    cancelled: Callable[[], bool] = lambda: False,
) -> dict[str, int]:
    """Compare all rows of a dataset and keep the result in the store; the counts. Raises Cancelled."""
    from core.checks.labels import slips
    from core.checks.relations import Comparer
    from core.store.relations import Group

    dataset = store.dataset(dataset_id)
    rows, total = 0, 2 * max(1, dataset.rows)

    def told(done: int) -> None:
        if cancelled():
            raise Cancelled(T("The work was stopped."))
        progress(min(done, total), total)

    comparer = Comparer()
    for rows, (row_id, body, split) in enumerate(store.relations.texts(dataset_id), start=1):
        comparer.add(row_id, body, split)
        if rows % _TELL_EVERY == 0:
            told(rows)
    found = comparer.relate(lambda questions: told(dataset.rows + questions))
    wrong = slips(store.label_counts(dataset_id))
    told(total)
    groups = {
        "exact": [Group(ids, 1.0) for ids in found.exact],
        "near": [Group(twin[:2], twin.score) for twin in found.near[:KEPT]],
        "contradiction": [Group(ids, 1.0) for ids in found.contradictions[:KEPT]],
        "leak": [Group(twin[:2], twin.score) for twin in found.leaks[:KEPT]],
        "to_train": [Group((row_id,), 1.0) for row_id in found.to_train],
    }
    counts = {**found.counts(), "to_train": len(found.to_train), "label_slips": len(wrong)}
    store.relations.save(dataset_id, dataset.revision, rows, counts, wrong, groups)
    return counts


def delete_repeats(store: Store, dataset_id: int, who: str) -> Applied:
    """Delete all but the first row of each group of exact repeats, as one edit that can be undone."""
    from core.checks.relations import exact_key

    removed: list[Removed] = []
    groups = store.relations.groups(dataset_id, "exact")
    living = store.relations.living(dataset_id, [row for group in groups for row in group.rows])
    for group in groups:
        here = [living[row] for row in group.rows if row in living]
        seen: set[int] = set()
        for row in here:
            key = _key(row, exact_key)
            if key in seen:
                removed.append(Removed(row.id, row.revision))
            elif key is not None:
                seen.add(key)
    return store.apply(dataset_id, Edits(removed=removed), who) if removed else Applied()


def _key(row: Example, exact_key: Callable[..., int]) -> int | None:
    try:
        return exact_key(row.body)
    except (ValueError, RecursionError):
        return None


def move_leaks(store: Store, dataset_id: int, who: str) -> Applied:
    """Put every held-out row that has a twin in another split, and the twins of its twins, into train."""
    rows = [row for group in store.relations.groups(dataset_id, "to_train") for row in group.rows]
    return store.assign_splits(dataset_id, dict.fromkeys(rows, Split.TRAIN), who)


def write_label(store: Store, dataset_id: int, label: str, meant: str, who: str) -> Applied:
    """Give all rows of one label another one, as one edit that can be undone."""
    from core.dataset.edits import Change
    from core.store import Filter

    rows = store.examples(dataset_id, Filter(label=label))
    return store.apply(dataset_id, Edits(changed=[Change(row.id, row.revision, {"label": meant}) for row in rows]), who)
