"""The section of the Check page that shows repeats, leaks and contradictions, and mends them."""

from __future__ import annotations

import pytest
from pagedriver import HOSTILE, Open, Page

from core.dataset.edits import Change, Edits
from core.dataset.examples import Draft, Kind, Split, dump
from core.settings import Settings
from core.store import Dataset, Store
from core.tasks.handlers import HANDLERS
from core.tasks.work import Work
from pages.parts import frame

QUESTION = f"Where is my parcel {HOSTILE} from last Monday?"


def draft(question: str, label: str, split: Split = Split.TRAIN) -> Draft:
    said = [{"role": "user", "content": question}, {"role": "assistant", "content": label}]
    return Draft(dump({"messages": said}), Kind.CHAT, label, split)


@pytest.fixture
def dataset(store: Store) -> Dataset:
    made = store.create_dataset("Desk", Kind.CHAT)
    many = [draft(f"{word} stands alone here, with nothing like it", "billing") for word in "天地玄黄宇宙洪荒"]
    twice = [draft(QUESTION, "post"), draft(QUESTION, "post")]
    others = [draft(QUESTION, HOSTILE, Split.VALIDATION), draft("About an invoice", "biling")]
    store.add_drafts(made.id, [*many, *twice, *others])
    return store.finish_import(made.id)


def work(store: Store, settings: Settings, dataset: Dataset) -> None:
    """What the worker does."""
    task = store.tasks.latest("relate", str(dataset.id))
    assert task is not None
    begun = store.tasks.begin(task.id)
    assert begun is not None
    result = HANDLERS["relate"].steps[0](Work(store, settings, begun, lambda: None))
    store.tasks.finish(task.id, "succeeded", result=result)


def compared(open_page: Open, store: Store, settings: Settings, dataset: Dataset) -> Page:
    page = open_page(frame.CHECK, dataset=str(dataset.id)).click("Compare the rows")
    assert page.says("Comparing all rows with each other")
    work(store, settings, dataset)
    return page.run()


def warnings(page: Page) -> str:
    return next(str(tile.value) for tile in page.app.metric if "Warnings" in tile.label)


def test_the_overview_tells_repeats_in_a_line_and_leads_to_their_tab(open_page: Open, dataset: Dataset) -> None:
    page = open_page(frame.CHECK, dataset=str(dataset.id))
    assert page.says("Rows that repeat another row exactly") and page.unescaped(HOSTILE) == []
    page.click("Show them")
    assert page.app.session_state["check_tab"] == "Repeats and leaks"
    page.app.query_params["lang"] = "zh"
    assert not page.run().errors


def test_leaks_are_shown_first_and_moved(open_page: Open, store: Store, settings: Settings, dataset: Dataset) -> None:
    page = compared(open_page, store, settings, dataset)
    assert page.says("Leaks · 1") and page.says("Exact repeats · 1") and page.says("Contradictions · 1")
    assert page.says("the same question") and page.unescaped(HOSTILE) == []
    page.click("Move 1 row to train")
    assert store.split_counts(dataset.id) == {Split.TRAIN: 12}
    work(store, settings, dataset)
    assert page.run().says("Leaks · 0") and store.can_undo(dataset.id)


def test_repeats_are_deleted_from_the_page(open_page: Open, store: Store, settings: Settings, dataset: Dataset) -> None:
    page = compared(open_page, store, settings, dataset)
    page.app.session_state["relations_sort"] = "exact"
    page.run()
    assert page.says("2 times the same") and page.unescaped(HOSTILE) == []
    page.click("Delete 1 repeat, keep the first of each")
    assert store.dataset(dataset.id).rows == 11


@pytest.mark.parametrize("sort", ["leak", "contradiction", "exact", "near", "labels"])
def test_foreign_text_stays_text_in_every_finding(
    open_page: Open, store: Store, settings: Settings, dataset: Dataset, sort: str
) -> None:
    page = compared(open_page, store, settings, dataset)
    page.app.session_state["relations_sort"] = sort
    assert page.run().unescaped(HOSTILE) == []


def test_a_label_is_written_as_it_was_meant(
    open_page: Open, store: Store, settings: Settings, dataset: Dataset
) -> None:
    page = compared(open_page, store, settings, dataset)
    page.app.session_state["relations_sort"] = "labels"
    page.run().click("Write “billing”")
    assert store.label_counts(dataset.id)["billing"] == 9


def test_after_an_edit_the_findings_are_marked_as_old_and_nothing_can_be_mended(
    open_page: Open, store: Store, settings: Settings, dataset: Dataset
) -> None:
    page = compared(open_page, store, settings, dataset)
    first = next(store.examples(dataset.id))
    store.assign_splits(dataset.id, {first.id: Split.TEST}, "Bo")
    page.run()
    assert page.says("Rows have changed since they were compared")
    assert next(b for b in page.app.button if b.label.startswith("Move")).disabled


def test_one_answer_is_kept_and_the_way_back_stands_there(
    open_page: Open, store: Store, settings: Settings, dataset: Dataset
) -> None:
    page = compared(open_page, store, settings, dataset)
    page.app.session_state["relations_sort"] = "contradiction"
    page.run().click("Keep this answer")
    assert store.dataset(dataset.id).rows == 11 and page.says("1 row deleted")
    work(store, settings, dataset)
    assert page.run().says("Contradictions · 0")
    page.click("Undo")
    assert store.dataset(dataset.id).rows == 12 and not page.says("1 row deleted")


def test_the_way_back_stands_there_after_a_reload_until_something_else_is_changed(
    open_page: Open, store: Store, settings: Settings, dataset: Dataset
) -> None:
    page = compared(open_page, store, settings, dataset)
    page.app.session_state["relations_sort"] = "contradiction"
    page.run().click("Keep this answer")
    again = open_page(frame.CHECK, dataset=str(dataset.id))
    assert again.says("1 row deleted") and again.says("· test@example.com"), "who, and when"
    again.click("Undo")
    assert store.dataset(dataset.id).rows == 12 and not again.says("1 row deleted")
    again.app.session_state["relations_sort"] = "contradiction"
    work(store, settings, dataset)
    again.run().click("Keep this answer")
    row = next(store.examples(dataset.id))
    store.apply(dataset.id, Edits([Change(row.id, row.revision, {"user": "Anew"})]), "Bo")
    assert not open_page(frame.CHECK, dataset=str(dataset.id)).says("1 row deleted")


def test_of_near_repeats_one_is_kept(open_page: Open, store: Store, settings: Settings) -> None:
    made = store.create_dataset("Near", Kind.CHAT)
    asked = ["Where is my parcel from Monday?", "where is my parcel from monday", "Where is my parcel from Mondays?"]
    store.add_drafts(made.id, [draft(text, "post") for text in [*asked, "天地玄黄宇宙洪荒"]])
    dataset = store.finish_import(made.id)
    page = compared(open_page, store, settings, dataset).click("Keep only this")
    assert store.dataset(dataset.id).rows == 3
    work(store, settings, dataset)
    page.run().click("Keep one of each where the answers agree")
    assert store.dataset(dataset.id).rows == 2


def test_a_leak_is_moved_alone(open_page: Open, store: Store, settings: Settings, dataset: Dataset) -> None:
    compared(open_page, store, settings, dataset).click("Move to Train")
    assert store.split_counts(dataset.id) == {Split.TRAIN: 12}


def test_rows_that_stand_for_themselves_are_praised(open_page: Open, store: Store, settings: Settings) -> None:
    made = store.create_dataset("Calm", Kind.CHAT)
    store.add_drafts(made.id, [draft("天地", "a"), draft("玄黄", "b")])
    dataset = store.finish_import(made.id)
    assert compared(open_page, store, settings, dataset).says("Every row stands for itself")


def test_rows_without_an_answer_show_what_their_grader_compares_with_and_turns_are_told(
    open_page: Open, store: Store, settings: Settings
) -> None:
    made = store.create_dataset("Sums", Kind.REINFORCEMENT)
    said = [{"role": "user", "content": "Good day"}, {"role": "assistant", "content": "Hi"}]
    asked = [*said, {"role": "user", "content": "How much is 3 + 6?"}]
    rows = [dump({"messages": asked, "reference_answer": answer}) for answer in ("9", "10")]
    store.add_drafts(made.id, [Draft(row, Kind.REINFORCEMENT) for row in rows])
    page = compared(open_page, store, settings, store.finish_import(made.id))
    assert page.says("Contradictions · 1") and page.says("reference_answer: 9") and page.says("reference_answer: 10")
    assert page.says("After 2 earlier messages, the first: Good day")


def test_a_reload_and_a_way_back_find_the_same_tab_and_findings(
    open_page: Open, store: Store, settings: Settings, dataset: Dataset
) -> None:
    compared(open_page, store, settings, dataset)
    page = open_page(frame.CHECK, dataset=str(dataset.id), tab="2", findings="contradiction")
    assert page.app.session_state["check_tab"] == "Repeats and leaks" and page.says("rows with this question")
    assert page.app.query_params["tab"] in ("2", ["2"])
    page.app.session_state["check_tab"] = "Fixes"
    assert page.run().app.query_params["tab"] in ("1", ["1"])
    page.app.session_state["language"] = "zh"
    assert page.run().app.query_params["tab"] in ("1", ["1"]) and not page.errors


def test_what_is_fine_is_set_aside_counts_no_more_and_comes_back(
    open_page: Open, store: Store, settings: Settings, dataset: Dataset
) -> None:
    page = compared(open_page, store, settings, dataset)
    assert warnings(page) == "3", "few rows, one that repeats another, and a label that looks like a slip"
    page.click("This is fine")
    assert page.says("Leaks · 0") and page.says("1 set aside") and page.says("Contradictions · 1")
    page.app.segmented_control(key="relations_sort").set_value("contradiction").run()
    page.click("This is fine")
    page.app.segmented_control(key="relations_sort").set_value("exact").run()
    page.click("This is fine")
    page.app.segmented_control(key="relations_sort").set_value("labels").run()
    page.click("This is fine")
    again = open_page(frame.CHECK, dataset=str(dataset.id), tab="2", findings="exact")
    for name in ("Leaks", "Contradictions", "Exact repeats", "Label names"):
        assert again.says(f"{name} · 0"), name
    assert not again.says("Rows that repeat another row exactly") and not again.says("stands for itself")
    assert again.unescaped(HOSTILE) == []
    assert warnings(again) == "1"
    again.click("Bring it back")
    assert again.says("Exact repeats · 1") and again.says("Rows that repeat another row exactly")


def test_what_changed_since_is_not_set_aside_and_the_page_says_so(
    open_page: Open, store: Store, settings: Settings, dataset: Dataset
) -> None:
    page = compared(open_page, store, settings, dataset)
    rows = store.relations.groups(dataset.id, "leak")[0].rows
    row = store.example(rows[0])
    store.apply(dataset.id, Edits(changed=[Change(row.id, row.revision, {"user": "Other"})]), "Bob")
    page.click("This is fine")
    assert "Rows have changed since they were compared." in page.errors and not page.says("1 set aside")
