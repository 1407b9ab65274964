"""A stored dataset is split, grows, is locked: one step each, and each can be undone."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.dataset import bringing, mending, relating, splitting, updating
from core.dataset.edits import Added, Edits
from core.dataset.examples import Draft, Kind, Origin, Split, dump
from core.dataset.importing import import_file
from core.errors import BadInput
from core.store import Dataset, Store
from core.store.splits import SplitPlan


def draft(question: str, answer: str, author: str = "", split: Split = Split.NONE) -> Draft:
    said = [{"role": "user", "content": question}, {"role": "assistant", "content": answer}]
    return Draft(dump({"messages": said}), Kind.CHAT, answer, split, Origin("f.csv", 1, "", {"author": author}))


def filled(store: Store, drafts: list[Draft]) -> Dataset:
    made = store.create_dataset("Desk", Kind.CHAT)
    store.add_drafts(made.id, drafts)
    return store.finish_import(made.id)


def questions(store: Store) -> Dataset:
    return filled(store, [draft(f"Question number {n} of {n * 7919}", "ab"[n % 2], f"author {n // 4}")
                          for n in range(100)])  # fmt: skip


def parts(store: Store, dataset: Dataset) -> dict[int, Split]:
    return {row.id: row.split for row in store.examples(dataset.id)}


def test_three_parts_in_one_step_that_can_be_undone(store: Store) -> None:
    dataset = questions(store)
    made = splitting.split(store, dataset.id, SplitPlan(0.2, 0.1), "Ada")
    assert made.counts == {Split.TRAIN: 70, Split.VALIDATION: 20, Split.TEST: 10} and made.moved == 100
    assert store.splits.plan(dataset.id) == SplitPlan(0.2, 0.1)
    store.undo(dataset.id, "Ada")
    assert store.split_counts(dataset.id) == {Split.NONE: 100}


def test_the_same_rows_of_another_import_are_split_alike(store: Store) -> None:
    drafts = [draft(f"Question {n}", "ab"[n % 2]) for n in range(50)]
    found = []
    for order in (drafts, drafts[::-1]):
        dataset = filled(store, order)
        splitting.split(store, dataset.id, SplitPlan(0.2, 0.1, 3), "Ada")
        found.append({row.raw: row.split for row in store.examples(dataset.id)})
    assert found[0] == found[1]


def test_rows_of_one_value_of_a_column_stay_together(store: Store) -> None:
    dataset = questions(store)
    splitting.split(store, dataset.id, SplitPlan(0.2, 0.2, together="column:author"), "Ada")
    sides: dict[str, set[Split]] = {}
    for row in store.examples(dataset.id):
        sides.setdefault(row.origin.fields["author"], set()).add(row.split)
    assert len(sides) == 25 and all(len(side) == 1 for side in sides.values())
    assert store.split_counts(dataset.id) == {Split.TRAIN: 60, Split.VALIDATION: 20, Split.TEST: 20}


def test_the_same_question_stays_on_one_side_and_near_ones_too_where_that_is_wanted(store: Store) -> None:
    drafts = [draft(f"{word} is where I wait for parcel {word}", "a") for word in "天地玄黄宇宙洪荒日月盈昃辰宿列张"]
    twins = [draft("Where is my parcel from last Monday?", "a"), draft("where is my parcel, from last Monday", "b")]
    near = [draft("Where is my parcel from last Sunday?", "a")] * 2
    dataset = filled(store, [*drafts, *twins, *near])
    ids = list(parts(store, dataset))
    for seed in range(5):
        splitting.split(store, dataset.id, SplitPlan(0.3, 0.2, seed), "Ada")
        now = parts(store, dataset)
        assert now[ids[16]] is now[ids[17]] and now[ids[18]] is now[ids[19]]
        splitting.split(store, dataset.id, SplitPlan(0.3, 0.2, seed, together="near"), "Ada")
        now = parts(store, dataset)
        assert len({now[number] for number in ids[16:]}) == 1
    assert relating.relate(store, dataset.id)["leaks"] == 0


def test_many_rows_are_compared_by_the_task_first(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    dataset = questions(store)
    monkeypatch.setattr(relating, "AT_ONCE", 10)
    near = SplitPlan(together="near")
    with pytest.raises(BadInput, match="must be compared first"):
        splitting.split(store, dataset.id, near, "Ada")
    relating.relate(store, dataset.id)
    splitting.split(store, dataset.id, near, "Ada")
    splitting.split(store, dataset.id, near, "Ada")  # splits do not make a comparison old, texts do
    store.apply(dataset.id, Edits(added=[Added(None, draft("A new one", "a"))]), "Ada")
    with pytest.raises(BadInput, match="must be compared first"):
        splitting.place_new(store, dataset.id, "Ada")


def test_new_rows_find_their_part_and_no_old_row_moves(store: Store) -> None:
    dataset = questions(store)
    splitting.split(store, dataset.id, SplitPlan(0.2, 0.1, 5), "Ada")
    before = parts(store, dataset)
    added = [Added(None, draft(f"Added {n}", "abc"[n % 3])) for n in range(50)]
    store.apply(dataset.id, Edits(added=added), "Ada")
    made = splitting.place_new(store, dataset.id, "Ada")
    assert made.moved == 50 and before.items() <= parts(store, dataset).items()
    counts = store.split_counts(dataset.id)
    assert abs(counts[Split.VALIDATION] - 30) <= 2 and abs(counts[Split.TEST] - 15) <= 2
    assert splitting.place_new(store, dataset.id, "Ada").moved == 0


def test_a_locked_test_set_stays_through_new_splits_and_new_rows(store: Store) -> None:
    dataset = questions(store)
    splitting.split(store, dataset.id, SplitPlan(0.2, 0.1, 1), "Ada")
    store.splits.set_lock(dataset.id, True, "Ada")
    tested = {number for number, part in parts(store, dataset).items() if part is Split.TEST}
    splitting.split(store, dataset.id, SplitPlan(0.3, 0.3, 2), "Ada")
    store.apply(dataset.id, Edits(added=[Added(None, draft(f"Added {n}", "a")) for n in range(50)]), "Ada")
    splitting.place_new(store, dataset.id, "Ada")
    assert {number for number, part in parts(store, dataset).items() if part is Split.TEST} == tested
    store.splits.set_lock(dataset.id, False, "Ada")
    splitting.split(store, dataset.id, SplitPlan(0.3, 0.3, 2), "Ada")
    assert store.split_counts(dataset.id)[Split.TEST] == 45


def test_mending_leaves_a_locked_test_set_as_it_is(store: Store) -> None:
    question = "Where is my parcel from last Monday?"
    rows = [draft(question, "a", split=Split.TRAIN), draft(question, "a", split=Split.TEST),
            draft("Where is my parcel from last Sunday?", "a", split=Split.VALIDATION),
            draft("Where are my shoes?", "a", split=Split.TRAIN),
            draft("where are my shoes", "a", split=Split.VALIDATION)]  # fmt: skip
    dataset = filled(store, rows)
    ids = list(parts(store, dataset))
    store.splits.set_lock(dataset.id, True, "Ada")
    relating.relate(store, dataset.id)
    assert relating.move_leaks(store, dataset.id, "Ada").problems == ()
    expected = [Split.TEST, Split.TEST, Split.TEST, Split.TRAIN, Split.TRAIN]
    assert list(parts(store, dataset).values()) == expected
    store.undo(dataset.id, "Ada")
    relating.delete_repeats(store, dataset.id, "Ada")
    assert ids[0] not in parts(store, dataset) and parts(store, dataset)[ids[1]] is Split.TEST


@pytest.mark.parametrize("groups", [updating.GROUPS, ("gone",)])
def test_a_file_brought_again_removes_no_row_of_a_locked_test_set(
    store: Store, tmp_path: Path, groups: tuple[str, ...]
) -> None:
    path = tmp_path / "t.csv"
    path.write_text("question,answer\nwhere,here\nwhy,so\nwhen,now\n")
    dataset = import_file(store, path)
    first, second, _third = parts(store, dataset)
    store.assign_splits(dataset.id, {first: Split.TEST}, "Ada")
    store.splits.set_lock(dataset.id, True, "Ada")
    path.write_text("question,answer\nwhen,now\n")
    brought = bringing.look(store, dataset.id, path, "t.csv")
    applied = updating.apply(store, dataset.id, brought, updating.Choice(dict.fromkeys(groups, True)), "Bo")
    assert "1 row of the locked test set was left as it is" in str(applied.problems[0].message)
    assert first in parts(store, dataset) and second not in parts(store, dataset)


def test_the_preparers_fixes_remove_no_row_of_a_locked_test_set(store: Store) -> None:
    same = [draft("where is it", "here", split=Split.TRAIN)] * 2 + [draft("where is it", "here", split=Split.TEST)]
    dataset = filled(store, [*same, draft("why", "so")])
    tested = [number for number, part in parts(store, dataset).items() if part is Split.TEST]
    store.splits.set_lock(dataset.id, True, "Ada")
    found = [one for one in mending.advice(store, store.dataset(dataset.id), 1_000) if one.code == "duplicates"]
    applied = mending.mend(store, dataset.id, found, "Bo")
    assert applied.saved == 1 and len(applied.problems) == 1
    assert [number for number, part in parts(store, dataset).items() if part is Split.TEST] == tested


def test_classes_that_nothing_measures_or_teaches_are_named(store: Store) -> None:
    rows = [draft("1", "a", split=Split.TRAIN), draft("2", "a", split=Split.TEST), draft("3", "b"),
            draft("4", "c", split=Split.VALIDATION)]  # fmt: skip
    assert splitting.missing(store, filled(store, rows).id) == (["b"], ["c"])


def test_a_dataset_that_was_split_elsewhere_goes_on_with_its_shares(store: Store) -> None:
    rows = [draft(str(n), "a", split=Split.VALIDATION if n < 3 else Split.TRAIN) for n in range(10)]
    assert splitting.plan_of(store, filled(store, rows).id) == SplitPlan(0.3, 0.0)
