"""Likely wrong labels on the Check page: looked for, accepted, kept, skipped, taken back."""

from __future__ import annotations

import random

import pytest
from pagedriver import HOSTILE, Open, Page, plain

from core.dataset.examples import Draft, Kind, dump
from core.settings import Settings
from core.store import Dataset, Store
from core.tasks.handlers import HANDLERS
from core.tasks.work import Work
from pages.parts import frame

WORDS = {"tea": "kettle leaf mug brew steam", HOSTILE: "wave sail tide salt gull"}


@pytest.fixture
def dataset(store: Store) -> Dataset:
    made, chance, drafts = store.create_dataset("Words", Kind.CHAT), random.Random(0), []
    for n in range(60):
        label = list(WORDS)[n % 2]
        asked = f"{' '.join(chance.sample(WORDS[label].split(), 3))} {n} {HOSTILE if n == 10 else ''}"
        answer = {10: HOSTILE, 21: "tea"}.get(n, label)
        said = [{"role": "user", "content": asked}, {"role": "assistant", "content": answer}]
        drafts.append(Draft(dump({"messages": said}), Kind.CHAT, answer))
    store.add_drafts(made.id, drafts)
    return store.finish_import(made.id)


def looked(open_page: Open, store: Store, settings: Settings, dataset: Dataset) -> Page:
    page = open_page(frame.CHECK, dataset=str(dataset.id)).click("Look for wrong labels")
    task = store.tasks.latest("doubt", str(dataset.id))
    assert task is not None and page.says("Looking for labels that are probably wrong")
    begun = store.tasks.begin(task.id)
    assert begun is not None
    result = HANDLERS["doubt"].steps[0](Work(store, settings, begun, lambda: None))
    store.tasks.finish(task.id, "succeeded", result=result)
    return page.run()


def press(page: Page, key: str) -> Page:
    page.app.button(key=key).click()
    return page.run()


def test_a_label_is_accepted_kept_and_skipped_and_each_is_taken_back(
    open_page: Open, store: Store, settings: Settings, dataset: Dataset
) -> None:
    page = looked(open_page, store, settings, dataset)
    waiting = store.doubts.waiting(dataset.id)
    assert waiting >= 2 and page.says(f"1 of {waiting}, the least likely label first") and page.unescaped(HOSTILE) == []
    first, second = store.doubts.page(dataset.id, 0, 2)
    press(page, "doubt_accept")
    assert store.example(first.example_id).label == first.suggested
    assert page.says(plain(f"“{first.given}” became “{first.suggested}”"))
    press(page, "doubt_undo")
    assert store.example(first.example_id).label == first.given
    press(page, "doubt_keep")
    assert page.says("stays and is not asked about again") and store.doubts.page(dataset.id) == [second]
    press(page, "doubt_undo")
    assert store.doubts.page(dataset.id) == [first]
    press(page, "doubt_skip")
    assert page.says(f"2 of {waiting}") and store.doubts.waiting(dataset.id) == waiting
    for _ in range(waiting - 1):
        press(page, "doubt_skip")
    assert page.says(f"1 of {waiting}"), "after the last one the first comes again"


def test_when_all_is_decided_that_is_said(open_page: Open, store: Store, settings: Settings, dataset: Dataset) -> None:
    page = looked(open_page, store, settings, dataset)
    for _ in range(store.doubts.waiting(dataset.id)):
        press(page, "doubt_keep")
    assert page.says("No label is in doubt, or you have decided about each.")


def test_a_set_without_classes_is_told_so(open_page: Open, store: Store, settings: Settings) -> None:
    made = store.create_dataset("Calm", Kind.CHAT)
    said = [[{"role": "user", "content": f"q{n}"}, {"role": "assistant", "content": f"a{n}"}] for n in range(30)]
    store.add_drafts(made.id, [Draft(dump({"messages": one}), Kind.CHAT, f"l{n}") for n, one in enumerate(said)])
    page = looked(open_page, store, settings, store.finish_import(made.id))
    assert page.says("There are no classes here to compare")


def test_all_of_which_the_classifier_is_sure_are_changed_at_once_and_taken_back(
    open_page: Open, store: Store, settings: Settings
) -> None:
    made, chance, drafts = store.create_dataset("Words", Kind.CHAT), random.Random(0), []
    for n in range(160):
        label = ("tea", "sea")[n % 2]
        asked = " ".join(chance.choices({"tea": WORDS["tea"], "sea": WORDS[HOSTILE]}[label].split(), k=5))
        answer = {10: "sea", 21: "tea"}.get(n, label)
        said = [{"role": "user", "content": asked}, {"role": "assistant", "content": answer}]
        drafts.append(Draft(dump({"messages": said}), Kind.CHAT, answer))
    store.add_drafts(made.id, drafts)
    dataset = store.finish_import(made.id)
    page = looked(open_page, store, settings, dataset)
    press(page, "doubt_many")
    right = [row.label for row in store.examples(dataset.id)]
    assert right[10] == "tea" and right[21] == "sea" and page.says("2 rows changed: ")
    press(page, "undo_doubts")
    assert store.label_counts(dataset.id) == {"tea": 80, "sea": 80} and not page.says("2 rows changed: ")
    assert [row.label for row in store.examples(dataset.id)][10] == "sea"


def test_without_labels_no_search_is_offered(open_page: Open, store: Store) -> None:
    made = store.create_dataset("Free", Kind.CHAT)
    said = [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello"}]
    store.add_drafts(made.id, [Draft(dump({"messages": said}), Kind.CHAT)])
    page = open_page("pages/data/check.py", dataset=str(store.finish_import(made.id).id), tab="3")
    assert page.says("These rows have no labels: their answers are free text.")
    assert "Look for wrong labels" not in [button.label for button in page.app.button]


def test_kept_labels_are_listed_and_asked_about_again(
    open_page: Open, store: Store, settings: Settings, dataset: Dataset
) -> None:
    page = looked(open_page, store, settings, dataset)
    waiting = store.doubts.waiting(dataset.id)
    press(press(page, "doubt_keep"), "doubt_keep")
    again = open_page(frame.CHECK, dataset=str(dataset.id))
    assert again.says("2 set aside") and again.unescaped(HOSTILE) == []
    again.click("Bring all back")
    assert store.doubts.waiting(dataset.id) == waiting and not again.says("set aside")
