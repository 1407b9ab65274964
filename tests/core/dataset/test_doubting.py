"""The labels of a stored dataset are doubted by the task that does it, and one is changed."""

from __future__ import annotations

import random

import pytest

from core import tasks
from core.dataset import doubting
from core.dataset.edits import Change, Edits, Removed
from core.dataset.examples import Draft, Kind, answer_text, dump
from core.errors import Cancelled
from core.settings import Settings
from core.store import Dataset, Store
from core.tasks.handlers import HANDLERS
from core.tasks.work import Work

WORDS = {"tea": "kettle leaf mug brew steam", "sea": "wave sail tide salt gull"}


@pytest.fixture
def dataset(store: Store) -> Dataset:
    made, chance = store.create_dataset("Words", Kind.CHAT), random.Random(0)
    drafts = []
    for n in range(60):
        label = ("tea", "sea")[n % 2]
        asked = f"Sort this text: {' '.join(chance.sample(WORDS[label].split(), 3))} {n}"
        said = [{"role": "user", "content": asked}, {"role": "assistant", "content": "sea" if n == 10 else label}]
        drafts.append(Draft(dump({"messages": said}), Kind.CHAT))
    store.add_drafts(made.id, drafts)
    return store.finish_import(made.id)


def test_the_task_finds_the_planted_label_and_keeps_it(store: Store, settings: Settings, dataset: Dataset) -> None:
    task = tasks.enqueue(store, settings, "doubt", dataset.id)
    assert tasks.enqueue(store, settings, "doubt", dataset.id).id == task.id
    begun = store.tasks.begin(task.id)
    assert begun is not None
    [step] = HANDLERS["doubt"].steps
    counts = step(Work(store, settings, begun, lambda: None))
    assert counts is not None and counts["rows"] == 60 and counts["classes"] == 2 and counts["found"] >= 1
    [worst] = store.doubts.page(dataset.id)
    assert (worst.given, worst.suggested) == ("sea", "tea")
    assert store.example(worst.example_id).body["messages"][0]["content"].endswith(" 10")
    assert worst.alike and store.tasks.get(task.id).done == store.tasks.get(task.id).total == 20


def test_a_suggestion_is_taken_as_one_edit_that_can_be_undone(store: Store, dataset: Dataset) -> None:
    doubting.look(store, dataset.id)
    [worst] = store.doubts.page(dataset.id)
    applied = doubting.accept(store, dataset.id, worst, "Ada")
    row = store.example(worst.example_id)
    assert applied.saved == 1 and (row.label, answer_text(row.body)) == ("tea", "tea")
    assert doubting.accept(store, dataset.id, worst, "Ada").saved == 0
    store.undo(dataset.id, "Ada", applied.batch_id)
    assert store.doubts.page(dataset.id) == [worst]


def test_a_row_that_was_edited_or_removed_since_is_left_alone(store: Store, dataset: Dataset) -> None:
    doubting.look(store, dataset.id)
    [worst] = store.doubts.page(dataset.id)
    row = store.example(worst.example_id)
    store.apply(dataset.id, Edits(changed=[Change(row.id, row.revision, {"user": "Other words"})]), "Bo")
    assert doubting.accept(store, dataset.id, worst, "Ada").saved == 0
    store.apply(dataset.id, Edits(removed=[Removed(row.id, row.revision + 1)]), "Bo")
    assert doubting.accept(store, dataset.id, worst, "Ada").saved == 0 and store.doubts.page(dataset.id) == []


def test_it_stops_when_asked_and_keeps_nothing(store: Store, dataset: Dataset) -> None:
    with pytest.raises(Cancelled):
        doubting.look(store, dataset.id, cancelled=lambda: True)
    assert store.doubts.latest(dataset.id) is None
