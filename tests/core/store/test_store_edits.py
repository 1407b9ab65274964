"""Edits: nothing stale is written, nothing saved is lost, everything can be undone."""

from __future__ import annotations

import pytest
from store_samples import change, draft, line, make, questions

from core.dataset.edits import Added, Applied, Change, Edits, Removed
from core.dataset.examples import Draft, Kind, Split, Status
from core.errors import BadInput, NotFound
from core.store import Dataset, Filter, Store
from core.store.placing import renumber


@pytest.fixture
def dataset(store: Store) -> Dataset:
    return make(store, [draft(name, f"answer {name}") for name in ("a", "b", "c")])


def ids(store: Store, dataset: Dataset) -> list[int]:
    return [row.id for row in store.examples(dataset.id)]


def add(store: Store, dataset: Dataset, *after: int | None) -> Applied:
    rows = [Added(place, draft(f"new {number}", f"long {number}")) for number, place in enumerate(after)]
    return store.apply(dataset.id, Edits(added=rows), "ann")


def remove(store: Store, dataset: Dataset, *example_ids: int) -> Applied:
    rows = [Removed(example_id, store.example(example_id).revision) for example_id in example_ids]
    return store.apply(dataset.id, Edits(removed=rows), "ann")


def test_a_change_is_saved_judged_and_in_the_history(store: Store, second: Store, dataset: Dataset) -> None:
    first = store.page(dataset.id).examples[0]
    applied = store.apply(dataset.id, Edits([Change(first.id, 1, {"user": "", "status": "approved"})]), "ann")
    row = second.example(first.id)
    assert applied.saved == 1 and applied.revisions == {first.id: 2} and not applied.conflicts
    assert (row.raw, row.status, row.revision) == (
        line("", "answer a").replace(": ", ":").replace(", ", ","),
        "approved",
        2,
    )
    assert row.issues and second.page(dataset.id, Filter(issue=row.issues[0])).examples == (row,)
    (entry,) = store.history(dataset.id)
    assert (entry.who, entry.kind, entry.action, entry.example_id) == ("ann", "edit", "change", first.id)
    assert entry.before == {"raw": first.raw, "status": ""} and entry.after == {"raw": row.raw, "status": "approved"}
    assert store.dataset(dataset.id).revision == dataset.revision + 1


def test_two_people_at_one_row_the_second_is_told_and_sees_both_texts(
    store: Store, second: Store, dataset: Dataset
) -> None:
    first, other, *_ = ids(store, dataset)
    store.apply(dataset.id, Edits([Change(first, 1, {"user": "ann's"})]), "ann")
    late = Edits([Change(first, 1, {"user": "bob's"}), Change(other, 1, {"user": "bob's too"})])
    applied = second.apply(dataset.id, late, "bob")
    (conflict,) = applied.conflicts
    assert applied.saved == 1 and conflict.fields == {"user": "bob's"} and conflict.who == "ann"
    assert conflict.theirs == store.example(first) and conflict.at is not None
    assert questions(store, dataset) == ["ann's", "bob's too", "c"]


def test_a_change_of_a_removed_row_is_a_conflict_that_names_who_removed_it(store: Store, dataset: Dataset) -> None:
    first, *_ = ids(store, dataset)
    remove(store, dataset, first)
    (conflict,) = store.apply(dataset.id, Edits([Change(first, 1, {"user": "x"})]), "bob").conflicts
    assert conflict.theirs is None and conflict.who == "ann"
    assert store.apply(dataset.id, Edits(removed=[Removed(first, 1)]), "bob").conflicts == ()


def test_a_stale_removal_is_a_conflict_and_keeps_what_was_typed(store: Store, dataset: Dataset) -> None:
    first, *_ = ids(store, dataset)
    change(store, first, user="newer")
    stale = Edits(changed=[Change(first, 1, {"user": "typed"})], removed=[Removed(first, 1)])
    (conflict,) = store.apply(dataset.id, stale, "bob").conflicts
    assert conflict.fields == {"user": "typed"} and store.dataset(dataset.id).rows == 3


def test_a_row_of_another_dataset_is_not_touched(store: Store, dataset: Dataset) -> None:
    other = make(store, [draft("mine")])
    (mine,) = ids(store, other)
    assert len(store.apply(dataset.id, Edits([Change(mine, 1, {"user": "x"})]), "ann").conflicts) == 1
    assert questions(store, other) == ["mine"]


def test_the_same_change_again_is_saved_already(store: Store, dataset: Dataset) -> None:
    first, *_ = ids(store, dataset)
    edits = Edits([Change(first, 1, {"user": "typed", "label": "x"})])
    store.apply(dataset.id, edits, "ann")
    again = store.apply(dataset.id, edits, "ann")
    assert (again.batch_id, again.saved, again.conflicts, again.revisions) == (None, 1, (), {first: 2})
    assert len(store.history(dataset.id)) == 1


def test_two_changes_of_one_row_on_one_revision_are_one(store: Store, dataset: Dataset) -> None:
    first, *_ = ids(store, dataset)
    applied = store.apply(dataset.id, Edits([Change(first, 1, {"user": "x"}), Change(first, 1, {"label": "l"})]), "ann")
    row = store.example(first)
    assert applied.saved == 1 and (row.label, row.revision, row.body["messages"][0]["content"]) == ("l", 2, "x")


def test_a_bad_line_is_told_and_the_other_rows_are_saved(store: Store, dataset: Dataset) -> None:
    first, other, *_ = ids(store, dataset)
    edits = Edits(
        changed=[Change(first, 1, {"raw": "{oops"}), Change(other, 1, {"user": "fine"})],
        added=[Added(None, Draft("nonsense", Kind.CHAT)), Added(None, draft("added"))],
    )
    applied = store.apply(dataset.id, edits, "ann")
    assert [problem.example_id for problem in applied.problems] == [first, 0]
    assert "JSON" in str(applied.problems[0].message) and applied.saved == 2
    assert questions(store, dataset) == ["a", "fine", "c", "added"]


def test_emptied_cells_become_empty_texts(store: Store, dataset: Dataset) -> None:
    first, *_ = ids(store, dataset)
    change(store, first, label="x", split="train", status="approved")
    change(store, first, label=None, split=None, status=None)
    row = store.example(first)
    assert (row.label, row.split, row.status) == ("", Split.NONE, Status.NEW)


def test_rows_are_added_below_the_one_named_in_their_order(store: Store, dataset: Dataset) -> None:
    first, _, last = ids(store, dataset)
    applied = add(store, dataset, first, None, first, last, 10**9, last)
    assert len(applied.added_ids) == 6 and store.dataset(dataset.id).rows == 9
    assert questions(store, dataset) == ["a", "new 0", "new 2", "b", "c", "new 3", "new 5", "new 1", "new 4"]
    positions = [row.position for row in store.examples(dataset.id)]
    assert len(set(positions)) == 9
    assert store.example(applied.added_ids[0]).issues == store.page(dataset.id).examples[0].issues


def test_there_is_always_room_for_one_more_row(store: Store, dataset: Dataset) -> None:
    first, second_row, _ = ids(store, dataset)
    remove(store, dataset, second_row)
    for _ in range(25):
        (after,) = add(store, dataset, first).added_ids
    order = ids(store, dataset)
    assert order[0] == first and order[1] == after and len(order) == 27
    store.undo(dataset.id, "ann", batch_id=store.history(dataset.id, second_row)[0].batch_id)
    assert ids(store, dataset) == [*order[:26], second_row, order[26]]
    with store.database.write() as connection:
        renumber(connection, dataset.id)
    assert ids(store, dataset) == [*order[:26], second_row, order[26]]


def test_a_new_row_of_a_closed_set_is_labelled_with_its_answer(store: Store) -> None:
    dataset = make(store, [draft("a", "体育"), draft("b", "体育")])
    (added,) = store.apply(dataset.id, Edits(added=[Added(None, draft("c", "文化"))]), "ann").added_ids
    assert store.example(added).label == "文化"
    change(store, added, label="体育")
    assert store.example(added).body["messages"][-1]["content"] == "体育"


def test_undo_and_redo_walk_back_and_forth(store: Store, dataset: Dataset) -> None:
    first, other, *_ = ids(store, dataset)
    states = [questions(store, dataset)]
    steps = (
        lambda: change(store, first, user="one"),
        lambda: change(store, first, user="two", label="x"),
        lambda: remove(store, dataset, first, other),
        lambda: add(store, dataset, None),
    )
    for step in steps:
        step()
        states.append(questions(store, dataset))
    assert not store.can_redo(dataset.id)
    for state in states[-2::-1]:
        assert store.undo(dataset.id, "bob").conflicts == ()
        assert questions(store, dataset) == state
    assert not store.can_undo(dataset.id) and store.undo(dataset.id, "bob") == Applied()
    for state in states[1:]:
        assert store.redo(dataset.id, "bob").conflicts == ()
        assert questions(store, dataset) == state
    assert not store.can_redo(dataset.id) and store.redo(dataset.id, "bob") == Applied()
    store.undo(dataset.id, "bob")
    store.undo(dataset.id, "bob")
    assert questions(store, dataset) == states[2]


def test_a_new_edit_ends_what_could_be_redone(store: Store, dataset: Dataset) -> None:
    first, *_ = ids(store, dataset)
    change(store, first, user="one")
    store.undo(dataset.id, "ann")
    assert store.can_redo(dataset.id)
    change(store, first, user="two")
    assert not store.can_redo(dataset.id)
    store.undo(dataset.id, "ann")
    assert questions(store, dataset) == ["a", "b", "c"] and not store.can_undo(dataset.id)


def test_a_removed_row_comes_back_with_its_id_place_and_counts(store: Store, dataset: Dataset) -> None:
    before = list(store.examples(dataset.id))
    change(store, before[1].id, user="", label="l", split="test", status="needs_work")
    middle, issues = store.example(before[1].id), store.issue_counts(dataset.id)
    assert remove(store, dataset, middle.id).revisions == {}
    with pytest.raises(NotFound):
        store.example(middle.id)
    assert store.dataset(dataset.id).rows == 2 and store.issue_counts(dataset.id) != issues
    undone = store.undo(dataset.id, "bob")
    back = store.example(middle.id)
    assert undone.revisions == {back.id: back.revision}
    assert back.revision == middle.revision + 2
    assert {**vars(back), "revision": 0} == {**vars(middle), "revision": 0}
    assert store.issue_counts(dataset.id) == issues and store.dataset(dataset.id).rows == 3


def test_an_older_batch_is_undone_where_its_rows_are_still_as_it_left_them(store: Store, dataset: Dataset) -> None:
    first, other, *_ = ids(store, dataset)
    both = Edits([Change(first, 1, {"user": "x"}), Change(other, 1, {"user": "y"})])
    batch_id = store.apply(dataset.id, both, "ann").batch_id
    change(store, other, "bob", user="z")
    undone = store.undo(dataset.id, "cat", batch_id)
    (conflict,) = undone.conflicts
    assert (undone.saved, conflict.example_id, conflict.who) == (1, other, "bob")
    assert questions(store, dataset) == ["a", "z", "c"]
    assert store.undo(dataset.id, "cat", batch_id) == Applied()
    store.redo(dataset.id, "cat")
    assert questions(store, dataset) == ["x", "z", "c"]


def test_an_added_row_that_somebody_worked_on_is_not_undone(store: Store, dataset: Dataset) -> None:
    applied = add(store, dataset, None)
    (added,) = applied.added_ids
    change(store, added, "bob", user="work")
    (conflict,) = store.undo(dataset.id, "ann", applied.batch_id).conflicts
    assert conflict.who == "bob" and conflict.theirs == store.example(added)


def test_splits_are_assigned_as_one_step(store: Store, dataset: Dataset) -> None:
    rows = ids(store, dataset)
    applied = store.assign_splits(
        dataset.id, {rows[0]: Split.TRAIN, rows[1]: Split.VALIDATION, rows[2]: Split.NONE}, "ann"
    )
    assert applied.saved == 2 and store.split_counts(dataset.id) == {"": 1, "train": 1, "validation": 1}
    change(store, rows[0], user="later work on the text")
    store.undo(dataset.id, "ann", applied.batch_id)
    assert store.split_counts(dataset.id) == {"": 3}
    assert questions(store, dataset)[0] == "later work on the text"


def test_history_is_of_a_dataset_or_of_a_row_newest_first(store: Store, dataset: Dataset) -> None:
    first, other, *_ = ids(store, dataset)
    change(store, first, "ann", user="one")
    change(store, other, "bob", user="two")
    store.undo(dataset.id, "cat")
    assert [(e.who, e.kind, e.undone) for e in store.history(dataset.id)] == [
        ("cat", "undo", False),
        ("bob", "edit", True),
        ("ann", "edit", False),
    ]
    assert [e.who for e in store.history(dataset.id, other)] == ["cat", "bob"]
    assert [e.who for e in store.history(dataset.id, limit=1)] == ["cat"]


def test_a_dataset_that_is_being_imported_or_gone_is_not_edited(store: Store) -> None:
    half = store.create_dataset("half", Kind.CHAT)
    store.add_drafts(half.id, [draft("a")])
    with pytest.raises(BadInput, match="half"):
        store.apply(half.id, Edits(added=[Added(None, draft("b"))]), "ann")
    with pytest.raises(NotFound):
        store.apply(10**6, Edits(), "ann")


def test_no_edit_is_no_batch(store: Store, dataset: Dataset) -> None:
    assert store.apply(dataset.id, Edits(), "ann") == Applied() and not Edits()
    assert store.dataset(dataset.id).revision == dataset.revision
