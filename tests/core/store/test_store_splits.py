"""The plan of a split and the lock of a test set live in the database, and the lock holds against every edit."""

from __future__ import annotations

from dataclasses import replace

import pytest
from sqlalchemy import delete, text
from store_samples import change, draft, make

from core.dataset.edits import Edits, Removed
from core.dataset.examples import Split
from core.errors import NotFound
from core.settings import Settings
from core.store import Store, migrations
from core.store.splits import SplitPlan


def test_a_plan_comes_back_as_it_was_kept(store: Store, second: Store) -> None:
    dataset = make(store, [draft("a"), draft("b")])
    assert store.splits.plan(dataset.id) is None and store.splits.lock(dataset.id) is None
    plan = SplitPlan(0.2, 15, 7, False, "column:author")
    store.splits.keep(dataset.id, plan)
    assert second.splits.plan(dataset.id) == plan
    second.splits.keep(dataset.id, replace(plan, seed=8))
    assert store.splits.plan(dataset.id) == replace(plan, seed=8) and store.splits.lock(dataset.id) is None


def test_a_lock_names_who_set_it_and_goes_with_its_dataset(store: Store) -> None:
    dataset = make(store, [draft("a", split=Split.TEST)])
    store.splits.set_lock(dataset.id, True, "Ada")
    lock = store.splits.lock(dataset.id)
    assert lock is not None and lock.who == "Ada" and store.splits.plan(dataset.id) is None
    store.splits.set_lock(dataset.id, False, "Bo")
    assert store.splits.lock(dataset.id) is None
    store.delete_dataset(dataset.id)
    with pytest.raises(NotFound):
        store.splits.set_lock(dataset.id, True, "Ada")


def test_no_edit_moves_a_row_out_of_a_locked_test_set(store: Store) -> None:
    parts = [Split.TEST, Split.TEST, Split.TRAIN, Split.NONE]
    dataset = make(store, [draft(f"q{n}", split=part) for n, part in enumerate(parts)])
    ids = [row.id for row in store.examples(dataset.id)]
    store.splits.set_lock(dataset.id, True, "Ada")
    applied = store.assign_splits(dataset.id, dict.fromkeys(ids, Split.TRAIN), "Bo")
    assert applied.saved == 1 and "2 rows of the locked test set" in str(applied.problems[0].message)
    assert change(store, ids[0], split="validation").problems
    assert not change(store, ids[0], user="Another question").problems
    assert [row.split for row in store.examples(dataset.id)] == [Split.TEST, Split.TEST, Split.TRAIN, Split.TRAIN]
    store.splits.set_lock(dataset.id, False, "Ada")
    assert change(store, ids[0], split="validation").saved == 1


def test_undo_leaves_a_test_set_alone_that_was_locked_since(store: Store) -> None:
    dataset = make(store, [draft("a"), draft("b")])
    one, two = (row.id for row in store.examples(dataset.id))
    store.assign_splits(dataset.id, {one: Split.TEST, two: Split.TRAIN}, "Ada")
    store.splits.set_lock(dataset.id, True, "Ada")
    applied = store.undo(dataset.id, "Ada")
    assert applied.problems and store.example(one).split is Split.TEST and store.example(two).split is Split.NONE


def test_a_row_that_was_removed_from_a_locked_test_set_comes_back_to_it(store: Store) -> None:
    dataset = make(store, [draft("a", split=Split.TEST), draft("b")])
    row = next(store.examples(dataset.id))
    store.splits.set_lock(dataset.id, True, "Ada")
    store.apply(dataset.id, Edits(removed=[Removed(row.id, row.revision)]), "Ada")
    store.undo(dataset.id, "Ada")
    assert store.example(row.id).split is Split.TEST


def test_rows_are_read_in_order_with_what_holds_them_together(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("core.store.splits._READ_AT_ONCE", 3)
    dataset = make(store, [draft(f"q{n}", label="x" if n else "") for n in range(7)])
    read = {kind: [row.together for row in store.splits.rows(dataset.id, kind)] for kind in ("", "question")}
    assert read == {"": [""] * 7, "question": [f"q{n}" for n in range(7)]}
    assert [row.together for row in store.splits.rows(dataset.id, "column:title")] == read["question"]
    assert [row.together for row in store.splits.rows(dataset.id, "column:none")] == [""] * 7
    assert store.splits.columns(dataset.id) == ["title"]


def test_an_older_database_gets_the_table(store: Store, store_settings: Settings) -> None:
    with store.database.write() as connection:
        connection.execute(text("DROP TABLE split_plan"))
        connection.execute(delete(migrations.applied).where(migrations.applied.c.name == "m_split_plan"))
    opened = Store.open(store_settings)
    dataset = make(opened, [draft("a")])
    opened.splits.keep(dataset.id, SplitPlan())
    assert opened.splits.plan(dataset.id) == SplitPlan()
    opened.close()
