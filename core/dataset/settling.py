"""Settling what a comparison of the rows has found: keep one of those that are alike, keep one answer of several.

Each is one edit that can be undone, on the rows as they are now. Of a locked test set no row is deleted.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING

from core.dataset.edits import Applied, Change, Edits, Removed
from core.dataset.examples import Example, Split
from core.errors import BadInput
from core.words import T

if TYPE_CHECKING:
    from core.store import Store
    from core.store.relations import Group

Verb = Callable[..., Applied]


def keep_row(store: Store, dataset_id: int, rows: Sequence[int], kept: int, who: str) -> Applied:
    """Delete the other ones of these rows."""
    living = store.relations.living(dataset_id, rows)
    return _delete(store, dataset_id, [row for number, row in living.items() if number != kept], who)


def keep_answer(store: Store, dataset_id: int, rows: Sequence[int], kept: int, who: str) -> Applied:
    """Delete those of these rows that answer otherwise than the one that is kept."""
    living = store.relations.living(dataset_id, rows)
    if kept not in living:
        return Applied()
    right = answer(living[kept])
    return _delete(store, dataset_id, [row for row in living.values() if answer(row) != right], who)


def keep_common_answers(store: Store, dataset_id: int, who: str) -> Applied:
    """Of every contradiction keep the answer that more than half of its rows give; delete the rows that differ.

    Raises BadInput where rows have changed since they were compared.
    """
    wrong: list[Example] = []
    for rows in _groups(store, dataset_id, "contradiction"):
        counts = Counter(map(answer, rows))
        for right, times in counts.most_common(1):
            if 2 * times > len(rows):
                wrong += [row for row in rows if answer(row) != right]
    return _delete(store, dataset_id, wrong, who)


def thin(store: Store, dataset_id: int, who: str) -> Applied:
    """Of each pair whose questions are nearly the same and whose answers are the same, delete the later row.

    A row stays where its twin went. Raises BadInput where rows have changed since they were compared.
    """
    locked = store.splits.lock(dataset_id) is not None
    gone: dict[int, Example] = {}
    for rows in _groups(store, dataset_id, "near"):
        first, *others = sorted(rows, key=lambda row: not (locked and row.split is Split.TEST))
        for other in others:
            alike = (first.label, answer(first)) == (other.label, answer(other))
            if alike and first.id not in gone:
                gone[other.id] = other
    return _delete(store, dataset_id, gone.values(), who)


def move_beside(store: Store, dataset_id: int, rows: Sequence[int], who: str) -> Applied:
    """Put the first of these rows into the part of the second; where the first is locked, the second to the first."""
    living = store.relations.living(dataset_id, rows)
    if len(living) < 2:
        return Applied()
    moved, other = (living[row] for row in rows[:2])
    if store.splits.lock(dataset_id) is not None and moved.split is Split.TEST:
        moved, other = other, moved
    part = Split.TRAIN if other.split is Split.NONE else other.split
    return store.assign_splits(dataset_id, {moved.id: part}, who)


def write_labels(store: Store, dataset_id: int, who: str) -> Applied:
    """Write every label that is probably a slip as it was meant.

    Raises BadInput where rows have changed since they were compared.
    """
    from core.store import Filter

    _current(store, dataset_id)
    found = store.relations.latest(dataset_id)
    meant = {label: name for label, _rows, name, *_rest in found.labels} if found else {}
    changes = []
    for label, name in meant.items():
        for _turn in range(len(meant)):  # what was meant may be a slip itself
            name = meant.get(name, name)
        changes += [
            Change(row.id, row.revision, {"label": name}) for row in store.examples(dataset_id, Filter(label=label))
        ]
    return store.apply(dataset_id, Edits(changed=changes), who) if changes else Applied()


def set_aside(store: Store, dataset_id: int, kind: str, found: Group) -> None:
    """These rows are fine as they are: the find is not asked about again until one of their texts is another.

    Raises BadInput where that has happened already.
    """
    if store.relations.contents([found.rows]) != [found.content]:
        raise BadInput(T("Rows have changed since they were compared."), T("Compare the rows again first."))
    store.asides.add(dataset_id, [(kind, found.content)])


def _groups(store: Store, dataset_id: int, kind: str) -> Iterable[list[Example]]:
    """The rows of each group as far as they are there, where two of them are."""
    _current(store, dataset_id)
    groups: list[Group] = store.relations.groups(dataset_id, kind)
    living = store.relations.living(dataset_id, [row for group in groups for row in group.rows])
    for group in groups:
        rows = [living[row] for row in group.rows if row in living]
        if len(rows) > 1:
            yield rows


def _current(store: Store, dataset_id: int) -> None:
    found = store.relations.latest(dataset_id)
    if found is None or found.revision != store.dataset(dataset_id).revision:
        raise BadInput(T("Rows have changed since they were compared."), T("Compare the rows again first."))


def _delete(store: Store, dataset_id: int, rows: Iterable[Example], who: str) -> Applied:
    locked = store.splits.lock(dataset_id) is not None
    removed = [Removed(row.id, row.revision) for row in rows if not (locked and row.split is Split.TEST)]
    return store.apply(dataset_id, Edits(removed=removed), who) if removed else Applied()


def answer(row: Example) -> str:
    """What a row answers, as contradictions are told: without case and punctuation."""
    from core.checks.rowtexts import row_texts
    from core.checks.similarity import normal

    try:
        return normal(row_texts(row.body).answer)
    except (ValueError, RecursionError):
        return row.raw
