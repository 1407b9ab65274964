"""A stored dataset compared with itself, and mended: by the task that does it, and undone again."""

from __future__ import annotations

import pytest

from core import tasks
from core.dataset import relating
from core.dataset.edits import Change, Edits
from core.dataset.examples import Draft, Kind, Split, dump, user_text
from core.errors import Cancelled
from core.settings import Settings
from core.store import Dataset, Store
from core.tasks.handlers import HANDLERS
from core.tasks.work import Work

ROWS = [
    ("Where is my parcel from last Monday?", "delivery", Split.TRAIN),
    ("Where is my parcel from last Monday?", "delivery", Split.TRAIN),
    ("where is my parcel from last monday", "refund", Split.VALIDATION),
    ("Where is my parcel from last Sunday?", "delivery", Split.VALIDATION),
    ("我想把收货地址改成新家的地址", "地址", Split.TEST),
    ("How do I change the card that I pay with?", "payment", Split.TRAIN),
    ("Why was I charged twice for one order?", "payment", Split.TRAIN),
    *((f"{word} is a word that stands alone in its question", "payment", Split.NONE) for word in ["kiwi", "olive"]),
    ("Can I pay by bank transfer instead?", "paymnet", Split.TRAIN),
    *((f"{word}?", "payment", Split.NONE) for word in ["Herbs", "Fruit"]),
]


@pytest.fixture
def dataset(store: Store) -> Dataset:
    made = store.create_dataset("Desk", Kind.CHAT)
    drafts = []
    for question, answer, split in ROWS:
        said = [{"role": "user", "content": question}, {"role": "assistant", "content": answer}]
        drafts.append(Draft(dump({"messages": said}), Kind.CHAT, answer, split))
    store.add_drafts(made.id, drafts)
    return store.finish_import(made.id)


def ids(store: Store, dataset: Dataset) -> list[int]:
    return [row.id for row in store.examples(dataset.id)]


def test_the_task_compares_and_keeps_what_it_found(store: Store, settings: Settings, dataset: Dataset) -> None:
    task = tasks.enqueue(store, settings, "relate", dataset.id)
    assert tasks.enqueue(store, settings, "relate", dataset.id).id == task.id
    begun = store.tasks.begin(task.id)
    assert begun is not None
    [step] = HANDLERS["relate"].steps
    counts = step(Work(store, settings, begun, lambda: None))
    found = store.relations.latest(dataset.id)
    assert found is not None and found.counts == counts and found.revision == dataset.revision
    assert counts is not None
    expected = {"repeats": 1, "contradictions": 1, "leaks": 2, "to_train": 2, "label_slips": 1}
    assert expected.items() <= counts.items()
    row = ids(store, dataset)
    assert [group.rows for group in store.relations.groups(dataset.id, "exact")] == [(row[0], row[1])]
    assert [group.rows for group in store.relations.groups(dataset.id, "contradiction")] == [tuple(row[:3])]
    assert [group.rows[0] for group in store.relations.groups(dataset.id, "leak")] == [row[2], row[3]]
    assert found.labels == [["paymnet", 1, "payment", 6, "letters"]]
    assert store.tasks.get(task.id).done == store.tasks.get(task.id).total == len(ROWS)


def test_repeats_are_deleted_in_one_step_that_can_be_undone(store: Store, dataset: Dataset) -> None:
    relating.relate(store, dataset.id)
    row = ids(store, dataset)
    applied = relating.delete_repeats(store, dataset.id, "Ada")
    assert applied.saved == 1 and ids(store, dataset) == [row[0], *row[2:]]
    assert relating.delete_repeats(store, dataset.id, "Ada").saved == 0
    store.undo(dataset.id, "Ada")
    assert ids(store, dataset) == row


def test_a_repeat_that_was_edited_since_is_not_deleted(store: Store, dataset: Dataset) -> None:
    relating.relate(store, dataset.id)
    second = store.example(ids(store, dataset)[1])
    store.apply(dataset.id, Edits(changed=[Change(second.id, second.revision, {"user": "Another one"})]), "Bo")
    assert relating.delete_repeats(store, dataset.id, "Ada").saved == 0
    assert user_text(store.example(second.id).body) == "Another one"


def test_leaking_rows_move_to_train_in_one_step(store: Store, dataset: Dataset) -> None:
    relating.relate(store, dataset.id)
    applied = relating.move_leaks(store, dataset.id, "Ada")
    assert applied.saved == 2 and store.split_counts(dataset.id).get(Split.VALIDATION) is None
    assert relating.relate(store, dataset.id)["leaks"] == 0
    store.undo(dataset.id, "Ada")
    assert store.split_counts(dataset.id)[Split.VALIDATION] == 2


def test_a_slip_is_written_as_it_was_meant(store: Store, dataset: Dataset) -> None:
    relating.write_label(store, dataset.id, "paymnet", "payment", "Ada")
    assert store.label_counts(dataset.id)["payment"] == 7
    assert relating.relate(store, dataset.id)["label_slips"] == 0


def test_it_stops_when_asked_and_keeps_nothing(store: Store, dataset: Dataset) -> None:
    with pytest.raises(Cancelled):
        relating.relate(store, dataset.id, cancelled=lambda: True)
    assert store.relations.latest(dataset.id) is None


def test_an_empty_dataset_has_nothing_to_compare(store: Store) -> None:
    made = store.create_dataset("Empty", Kind.CHAT)
    store.finish_import(made.id)
    assert set(relating.relate(store, made.id).values()) == {0}
