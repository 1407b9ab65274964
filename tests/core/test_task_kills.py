"""Comparisons and doubts whose worker is killed at any moment: in the end the whole result stands there, never half."""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from killing import killed_at_random

from core import tasks
from core.dataset import doubting, relating
from core.dataset.examples import Draft, Kind, Split, dump
from core.settings import Settings
from core.store import Dataset, Store
from core.store.doubts import LabelReport

CLASSES = {"billing": "invoice charge refund payment", "login": "password account code", "parcel": "order box courier"}


def labelled(store: Store, rows: int) -> Dataset:
    """Questions of three classes: repeats, leaks, near copies and wrong labels among them."""
    chance, drafts = random.Random(5), []
    for n in range(rows):
        given = chance.choice(list(CLASSES))
        words = chance.choices(CLASSES[given].split(), k=3)
        question = f"my {' '.join(words)} number {n % (rows * 9 // 10)} is wrong, please tell me what to do about it"
        label = chance.choice(list(CLASSES)) if n % 10 == 0 else given
        messages = [{"role": "user", "content": question}, {"role": "assistant", "content": label}]
        split = Split.TRAIN if n % 5 else Split.TEST
        drafts.append(Draft(dump({"messages": messages}), Kind.CHAT, label, split))
    dataset = store.create_dataset("Mail", Kind.CHAT)
    store.add_drafts(dataset.id, drafts)
    return store.finish_import(dataset.id)


def related(store: Store, dataset_id: int) -> Any:
    found = store.relations.latest(dataset_id)
    kinds = ("exact", "near", "contradiction", "leak", "to_train", "company")
    return found and (found.rows, found.counts, [store.relations.groups(dataset_id, kind) for kind in kinds])


def doubted(store: Store, dataset_id: int) -> Any:
    found = store.doubts.latest(dataset_id)
    return found and (found.rows, found.classes, found.found, store.doubts.page(dataset_id, 0, 10_000))


def unrelate(store: Store, dataset_id: int) -> None:
    store.relations.save(dataset_id, 0, 0, {}, [], {})


def undoubt(store: Store, dataset_id: int) -> None:
    store.doubts.save(LabelReport(dataset_id, 0, 0, 0, 0, 0.0, datetime.now(UTC)), [])


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kind", "rows", "do", "seen", "forget"),
    [
        ("relate", 6_000, relating.relate, related, unrelate),
        ("doubt", 2_000, doubting.look, doubted, undoubt),
    ],
)
def test_work_that_is_killed_at_random_leaves_its_whole_result_or_what_was_there(
    settings: Settings,
    kind: str,
    rows: int,
    do: Callable[[Store, int], Any],
    seen: Callable[[Store, int], Any],
    forget: Callable[[Store, int], None],
) -> None:
    store, chance = Store.open(settings), random.Random(kind)
    dataset = labelled(store, rows)
    do(store, dataset.id)
    whole = seen(store, dataset.id)
    assert whole[0] == rows
    forget(store, dataset.id)
    nothing = seen(store, dataset.id)
    task = tasks.enqueue(store, settings, kind, dataset.id)

    def over() -> bool:
        """Look at what a person sees: the earlier result, or all of the new one."""
        active, now = store.tasks.get(task.id).is_active, seen(store, dataset.id)
        while (again := seen(store, dataset.id)) != now:  # one look is several reads: the result may come between two
            now = again
        assert now in ([nothing, whole] if active else [whole])
        return not active

    killed_at_random(settings, store, task.id, over, lambda: chance.uniform(0.0, 1.0))
    assert store.dataset(dataset.id) == dataset, "the rows are as they were"
    store.close()
