"""Doubted labels are kept beside a dataset until somebody has decided; what was kept is not asked about again."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from sqlalchemy import delete, text
from store_samples import change, draft, make

from core.errors import NotFound
from core.settings import Settings
from core.store import Dataset, Store, migrations
from core.store.doubts import LabelDoubt, LabelReport


def saved(store: Store) -> tuple[Dataset, list[LabelDoubt]]:
    dataset = make(store, [draft(f"q{n}", "red", label="red") for n in range(4)])
    found = [LabelDoubt(place, row.id, row.content_hash, "red", "blue", 0.1, 0.8, [[row.id, 0.5]])
             for place, row in enumerate(store.examples(dataset.id))]  # fmt: skip
    save(store, dataset.id, found)
    return dataset, found


def save(store: Store, dataset_id: int, found: list[LabelDoubt]) -> None:
    store.doubts.save(LabelReport(dataset_id, 1, 4, 2, len(found), 0.75, datetime.now(UTC)), found)


def test_doubts_come_back_in_their_order_and_are_replaced_as_a_whole(store: Store) -> None:
    dataset, found = saved(store)
    report = store.doubts.latest(dataset.id)
    assert report is not None and (report.rows, report.classes, report.found, report.agreed) == (4, 2, 4, 0.75)
    assert store.doubts.waiting(dataset.id) == 4 and store.doubts.page(dataset.id, 1, 2) == found[1:3]
    save(store, dataset.id, found[:1])
    assert store.doubts.page(dataset.id, 0, 9) == found[:1]
    store.delete_dataset(dataset.id)
    assert store.doubts.latest(dataset.id) is None and store.doubts.waiting(dataset.id) == 0
    with pytest.raises(NotFound):
        save(store, dataset.id, found)


def test_a_row_that_was_edited_is_not_in_doubt_until_the_edit_is_undone(store: Store) -> None:
    dataset, found = saved(store)
    change(store, found[0].example_id, label="blue")
    assert store.doubts.page(dataset.id) == found[1:2] and store.doubts.waiting(dataset.id) == 3
    store.undo(dataset.id, "ann")
    assert store.doubts.page(dataset.id) == found[:1]


def test_what_was_kept_is_not_asked_about_again_unless_that_is_taken_back(store: Store) -> None:
    dataset, found = saved(store)
    store.doubts.keep(dataset.id, found[0])
    store.doubts.keep(dataset.id, found[0])
    assert store.doubts.page(dataset.id) == found[1:2]
    save(store, dataset.id, found)
    assert store.doubts.waiting(dataset.id) == 3, "not after another search either"
    store.doubts.ask_again(dataset.id, found[0])
    assert store.doubts.waiting(dataset.id) == 4


def test_an_older_database_gets_the_tables(store: Store, store_settings: Settings) -> None:
    with store.database.write() as connection:
        for name in ("label_report", "label_doubt"):
            connection.execute(text(f"DROP TABLE {name}"))
        connection.execute(delete(migrations.applied).where(migrations.applied.c.name == "m_label_doubts"))
    opened = Store.open(store_settings)
    dataset, _found = saved(opened)
    assert opened.doubts.waiting(dataset.id) == 4
    opened.close()
