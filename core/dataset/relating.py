"""Relating the rows of a stored dataset: finding repeats, contradictions and leaks, and mending what can be mended.

Mending looks at the rows as they are now: what was edited since the comparison is left alone.
"""

from __future__ import annotations

from collections.abc import Callable
from hashlib import blake2b
from typing import TYPE_CHECKING

from core.dataset.edits import Applied, Edits, Removed
from core.dataset.examples import Example, Split
from core.errors import BadInput, Cancelled
from core.words import T

if TYPE_CHECKING:
    from core.store import Store

KEPT = 20_000  # near pairs and contradictions that are kept to be looked at, the most alike first; all are counted
AT_ONCE = 20_000  # rows that are compared while a person waits
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

    dataset, texts = store.dataset(dataset_id), _texts(store, dataset_id)
    rows, total = 0, max(1, dataset.rows)

    def told(done: int) -> None:  # every row is gone through twice: a person is told of whole rows
        if cancelled():
            raise Cancelled(T("The work was stopped."))
        progress(min(done // 2, total), total)

    comparer = Comparer()
    for rows, (row_id, body, split) in enumerate(store.relations.texts(dataset_id), start=1):
        comparer.add(row_id, body, split)
        if rows % _TELL_EVERY == 0:
            told(rows)
    found = comparer.relate(lambda questions: told(dataset.rows + questions))
    wrong = slips(store.label_counts(dataset_id))
    told(2 * total)
    groups = {
        "exact": [Group(ids, 1.0) for ids in found.exact],
        "near": [Group(twin[:2], twin.score) for twin in found.near[:KEPT]],
        "contradiction": [Group(ids, 1.0) for ids in found.contradictions[:KEPT]],
        "leak": [Group(twin[:2], twin.score) for twin in found.leaks[:KEPT]],
        "to_train": [Group((row_id,), 1.0) for row_id in found.to_train],
        "company": [Group(ids, 1.0) for ids in found.companies],
    }
    counts = {**found.counts(), "to_train": len(found.to_train), "label_slips": len(wrong), "texts": texts}
    store.relations.save(dataset_id, dataset.revision, rows, counts, wrong, groups)
    return counts


def _texts(store: Store, dataset_id: int) -> int:
    """A number that changes with every text of a dataset, and not with its splits; 0 where it has no row."""
    texts = "".join(f"{row.id} {row.content_hash} " for row in store.splits.rows(dataset_id))
    return int.from_bytes(blake2b(texts.encode(), digest_size=6).digest(), "little") if texts else 0


def companies(store: Store, dataset_id: int) -> list[tuple[int, ...]]:
    """The rows whose questions are the same or nearly so, by the last comparison if it still holds.

    Raises BadInput where too many rows would have to be compared first.
    """
    found = store.relations.latest(dataset_id)
    if found is None or found.counts.get("texts") != _texts(store, dataset_id):
        if store.dataset(dataset_id).rows > AT_ONCE:
            raise BadInput(
                T("To keep questions together that are nearly the same, all rows must be compared first."),
                T("Press “Compare the rows” under “Repeats and leaks”, then split."),
            )
        relate(store, dataset_id)
    return [group.rows for group in store.relations.groups(dataset_id, "company")]


def delete_repeats(store: Store, dataset_id: int, who: str) -> Applied:
    """Delete all but the first row of each group of exact repeats, as one edit that can be undone.

    Of a locked test set no row is deleted: its twins go.
    """
    from core.checks.relations import exact_key

    removed: list[Removed] = []
    groups = store.relations.groups(dataset_id, "exact")
    living = store.relations.living(dataset_id, [row for group in groups for row in group.rows])
    locked = store.splits.lock(dataset_id) is not None
    for group in groups:
        here = [living[row] for row in group.rows if row in living]
        seen: set[int] = set()
        for row in sorted(here, key=lambda row: not (locked and row.split is Split.TEST)):
            key = _key(row, exact_key)
            if key in seen and not (locked and row.split is Split.TEST):
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
    """Put every held-out row that has a twin in another split, and the twins of its twins, into train.

    Where one of them is in a locked test set, all others join it there: none of them may be trained on. Leaks that
    were set aside stay as they are.
    """
    left = _rows(store, dataset_id, aside=True) - _rows(store, dataset_id, aside=False)
    rows = [row for group in store.relations.groups(dataset_id, "to_train") for row in group.rows]
    moved = dict.fromkeys(rows, Split.TRAIN)
    if store.splits.lock(dataset_id) is not None:
        tested = {row.id for row in store.splits.rows(dataset_id) if row.split is Split.TEST}
        for company in store.relations.groups(dataset_id, "company"):
            if tested.intersection(company.rows):
                moved |= dict.fromkeys(company.rows, Split.TEST)
    return store.assign_splits(dataset_id, {row: part for row, part in moved.items() if row not in left}, who)


def _rows(store: Store, dataset_id: int, aside: bool) -> set[int]:
    return {row for leak in store.relations.groups(dataset_id, "leak", aside=aside) for row in leak.rows}


def write_label(store: Store, dataset_id: int, label: str, meant: str, who: str) -> Applied:
    """Give all rows of one label another one, as one edit that can be undone."""
    from core.dataset.edits import Change
    from core.store import Filter

    rows = store.examples(dataset_id, Filter(label=label))
    return store.apply(dataset_id, Edits(changed=[Change(row.id, row.revision, {"label": meant}) for row in rows]), who)
