"""Splitting on the Check page: three parts, new rows, the lock of the test set."""

from __future__ import annotations

from dataclasses import replace

import pytest
from pagedriver import HOSTILE, Open, plain

from core.dataset.edits import Added, Edits
from core.dataset.examples import Draft, Kind, Origin, Split, dump
from core.store import Dataset, Store
from core.store.splits import SplitPlan
from pages.parts import frame, splitting


def draft(question: str, label: str, **fields: str) -> Draft:
    said = [{"role": "user", "content": question}, {"role": "assistant", "content": label}]
    return Draft(dump({"messages": said}), Kind.CHAT, label, origin=Origin("f.csv", 1, "", fields))


@pytest.fixture
def dataset(store: Store) -> Dataset:
    made = store.create_dataset("Desk", Kind.CHAT)
    many = [draft(f"Question {n}", "ab"[n % 2], **{HOSTILE: str(n // 5)}) for n in range(100)]
    store.add_drafts(made.id, [*many, draft("The only one", HOSTILE)])
    return store.finish_import(made.id)


def parts(store: Store, dataset: Dataset) -> dict[int, Split]:
    return {row.id: row.split for row in store.examples(dataset.id)}


def test_a_test_set_is_split_off_locked_and_only_opened_after_a_question(
    open_page: Open, store: Store, dataset: Dataset
) -> None:
    page = open_page(frame.CHECK, dataset=str(dataset.id))
    page.app.selectbox(key="split_test_share").set_value(0.2)
    page.run().click("Split")
    assert store.split_counts(dataset.id) == {Split.TRAIN: 71, Split.VALIDATION: 10, Split.TEST: 20}
    assert page.says(f"Not measured: no row of “{plain(HOSTILE)}” is held out") and page.unescaped(HOSTILE) == []
    before = parts(store, dataset)
    page.click("Lock the test set")
    assert page.says("The test set is locked (test@example.com,") and store.splits.lock(dataset.id) is not None
    page.app.number_input(key="split_seed").set_value(9)
    page.run().click("Split again")
    after = parts(store, dataset)
    assert after != before and [n for n in after if after[n] == "test"] == [n for n in before if before[n] == "test"]
    assert store.splits.plan(dataset.id) == SplitPlan(0.1, 0.2, 9)
    assert page.says("models that were compared on them can no longer be compared")
    page.click("Unlock the test set")
    assert page.says("The test set is open") and store.splits.lock(dataset.id) is None


def test_what_stands_behind_a_button_is_told_to_the_browser_in_every_run(open_page: Open, dataset: Dataset) -> None:
    page = open_page(frame.CHECK, dataset=str(dataset.id))
    page.app.selectbox(key="split_test_share").set_value(0.2)
    page.run()
    box, seed = page.app.checkbox(key="split_stratified"), page.app.number_input(key="split_seed")
    assert box.proto.set_value and box.proto.value, (
        "else it shows no tick when it is opened, and takes it for the truth"
    )
    assert seed.proto.set_value


def test_new_rows_are_placed_and_no_other_row_moves(open_page: Open, store: Store, dataset: Dataset) -> None:
    page = open_page(frame.CHECK, dataset=str(dataset.id)).click("Split")
    before = parts(store, dataset)
    store.apply(dataset.id, Edits(added=[Added(None, draft(f"Added {n}", "a")) for n in range(20)]), "Bo")
    assert page.run().says("20 rows are in no part yet.")
    page.click("Place the new rows")
    assert before.items() <= parts(store, dataset).items() and Split.NONE not in store.split_counts(dataset.id)
    assert not page.says("are in no part yet")


def test_a_row_added_below_a_locked_test_row_joins_no_part(open_page: Open, store: Store, dataset: Dataset) -> None:
    page = open_page(frame.CHECK, dataset=str(dataset.id))
    page.app.selectbox(key="split_test_share").set_value(0.2)
    page.run().click("Split").click("Lock the test set")
    tested = next(number for number, split in parts(store, dataset).items() if split is Split.TEST)
    open_page(frame.EDIT, dataset=str(dataset.id), row=str(tested)).click("Add row")
    assert store.split_counts(dataset.id)[Split.TEST] == 20 and store.split_counts(dataset.id)[Split.NONE] == 1


def test_rows_without_a_part_are_not_counted_as_training_rows(open_page: Open, store: Store, dataset: Dataset) -> None:
    page = open_page(frame.CHECK, dataset=str(dataset.id)).click("Split")
    trains = str(page.app.metric[3].value)
    store.apply(dataset.id, Edits(added=[Added(None, draft(f"Added {n}", "a")) for n in range(20)]), "Bo")
    assert str(page.run().app.metric[3].value) == trains
    page = open_page(frame.LAUNCH, dataset=str(dataset.id))
    assert [str(metric.value) for metric in page.app.metric] == ["91", "10"]
    assert page.says("20 rows are in no part yet: they do not train.") and page.says("91 rows to train with.")


def test_a_label_whose_only_training_rows_have_no_part_yet_is_not_learnt(open_page: Open, store: Store) -> None:
    made = store.create_dataset("Desk", Kind.CHAT)
    parted = [Split.TRAIN, Split.VALIDATION, Split.NONE]
    drafts = [draft(f"Question {n}", "cab"[n % 3]) for n in range(12)]
    store.add_drafts(made.id, [replace(one, split=parted[n % 3 and n % 2 + 1]) for n, one in enumerate(drafts)])
    store.finish_import(made.id)
    assert open_page(frame.CHECK, dataset=str(made.id)).says(
        "Nothing to learn from: every row of “a”, “b” is held out."
    )


def test_rows_stay_together_by_a_column_of_the_file(open_page: Open, store: Store, dataset: Dataset) -> None:
    page = open_page(frame.CHECK, dataset=str(dataset.id))
    page.app.selectbox(key="split_together").set_value(f"column:{HOSTILE}")
    page.run().click("Split")
    sides: dict[str, set[Split]] = {}
    for row in store.examples(dataset.id):
        sides.setdefault(row.origin.fields.get(HOSTILE, ""), set()).add(row.split)
    assert all(len(side) == 1 for side in sides.values()) and store.split_counts(dataset.id)[Split.VALIDATION] == 10
    again = open_page(frame.CHECK, dataset=str(dataset.id))
    assert again.app.selectbox(key="split_together").value == f"column:{HOSTILE}"


def test_numbers_of_rows_are_held_out_exactly(open_page: Open, store: Store, dataset: Dataset) -> None:
    page = open_page(frame.CHECK, dataset=str(dataset.id))
    page.app.segmented_control(key="split_by_share").set_value(False)
    page.run()
    page.app.number_input(key="split_rows").set_value(7)
    page.app.number_input(key="split_test_rows").set_value(13)
    page.run().click("Split")
    assert store.split_counts(dataset.id) == {Split.TRAIN: 81, Split.VALIDATION: 7, Split.TEST: 13}


def test_a_locked_row_says_so_when_the_grid_moves_it(open_page: Open, store: Store, dataset: Dataset) -> None:
    first = next(store.examples(dataset.id))
    store.assign_splits(dataset.id, {first.id: Split.TEST}, "Ada")
    store.splits.set_lock(dataset.id, True, "Ada")
    page = open_page(frame.EDIT, dataset=str(dataset.id))
    shown = page.app.session_state["grid"]
    page.app.session_state[shown.key] = {"edited_rows": {0: {"split": "train"}}, "added_rows": [], "deleted_rows": []}
    assert page.run().says("1 row of the locked test set was left as it is")
    assert store.example(first.id).split is Split.TEST


def test_a_question_that_leaks_into_a_locked_test_set_joins_it(open_page: Open, store: Store, dataset: Dataset) -> None:
    from core.dataset import relating

    said = "Where is my parcel from last Monday?"
    twins = [Added(None, draft(said, "a")), Added(None, draft(said.upper(), "a"))]
    one, two = store.apply(dataset.id, Edits(added=twins), "Ada").added_ids
    store.assign_splits(dataset.id, {one: Split.TEST, two: Split.TRAIN}, "Ada")
    store.splits.set_lock(dataset.id, True, "Ada")
    relating.relate(store, dataset.id)
    open_page(frame.CHECK, dataset=str(dataset.id)).click("Bring each question to one side")
    assert store.example(one).split is Split.TEST and store.example(two).split is Split.TEST


@pytest.mark.parametrize(("long", "told"), [(100, ["Working …"]), (1_000, [])])
def test_a_long_split_says_that_it_is_at_work(
    open_page: Open, store: Store, dataset: Dataset, monkeypatch: pytest.MonkeyPatch, long: int, told: list[str]
) -> None:
    page, said, spinner = open_page(frame.CHECK, dataset=str(dataset.id)), [], splitting.st.spinner

    def seen(text: str, **options: bool) -> object:
        said.append(text)
        return spinner(text, **options)

    monkeypatch.setattr(splitting, "LONG", long)
    monkeypatch.setattr(splitting.st, "spinner", seen)
    page.click("Split")
    assert [text for text in said if text == "Working …"] == told
