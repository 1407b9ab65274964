"""The steps of a dataset: who did what when, newest first, each of which can be undone for itself."""

from __future__ import annotations

from store_samples import draft, make

from core.dataset.edits import Added, Change, Edits, Removed
from core.dataset.examples import Split
from core.store import Store


def test_steps_say_who_did_what_to_how_many_rows_and_what_is_undone(store: Store) -> None:
    dataset, other = (make(store, [draft(name, f"answer {name}") for name in "abc"]) for _n in range(2))
    assert store.steps(dataset.id) == []
    one, two, three = (row.id for row in store.examples(dataset.id))
    store.apply(dataset.id, Edits([Change(one, 1, {"user": "A", "status": "approved"})]), "ann")
    store.assign_splits(dataset.id, dict.fromkeys((one, two, three), Split.TEST), "bob")
    store.assign_splits(other.id, {row.id: Split.TEST for row in store.examples(other.id)}, "eve")
    added = [Added(None, draft("new", "long"))]
    mixed = Edits([Change(two, 2, {"user": "B"})], added, [Removed(three, 2)])
    store.apply(dataset.id, mixed, "ann")
    last, split, first = store.steps(dataset.id)
    assert (last.who, last.counts, last.example_id) == ("ann", {"change": 1, "add": 1, "remove": 1}, 0)
    assert (split.who, split.counts, split.fields) == ("bob", {"change": 3}, ("split",))
    assert (first.counts, first.example_id, set(first.fields)) == ({"change": 1}, one, {"raw", "status"})
    assert store.steps(dataset.id, limit=2) == [last, split]
    assert store.undo(dataset.id, "ann", split.batch_id).saved
    assert [step.undone for step in store.steps(dataset.id)] == [False, True, False]
    assert [step.batch_id for step in store.steps(dataset.id)] == [last.batch_id, split.batch_id, first.batch_id]
