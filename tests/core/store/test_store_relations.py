"""What rows have to do with each other, kept beside a dataset: replaced as a whole, and gone with it."""

from __future__ import annotations

import pytest
from sqlalchemy import delete, text
from store_samples import change, draft, make

from core.dataset.examples import Draft, Kind, Split
from core.errors import NotFound
from core.settings import Settings
from core.store import Store, migrations
from core.store.relations import Group


def test_a_result_comes_back_as_it_was_kept_and_is_replaced_as_a_whole(store: Store) -> None:
    dataset = make(store, [draft("a"), draft("b")])
    assert store.relations.latest(dataset.id) is None and store.relations.groups(dataset.id, "near") == []
    slip = ["acount", 1, "account", 9, "letters"]
    groups = {"near": [Group((1, 2), 0.9123), Group((3, 4, 5), 1.0)], "exact": [Group((7, 8), 1.0)]}
    store.relations.save(dataset.id, 3, 2, {"near_pairs": 2}, [slip], groups)
    kept = store.relations.latest(dataset.id)
    assert kept is not None
    assert (kept.revision, kept.rows, kept.counts, kept.labels) == (3, 2, {"near_pairs": 2}, [slip])
    near = store.relations.groups(dataset.id, "near")
    assert [group._replace(content="") for group in near] == groups["near"]
    assert store.relations.groups(dataset.id, "near", limit=1) == near[:1]
    store.relations.save(dataset.id, 4, 2, {}, [], {"leak": [Group((1, 2), 0.9)]})
    assert store.relations.groups(dataset.id, "near") == [] and store.relations.latest(dataset.id).revision == 4


def test_it_goes_with_its_dataset(store: Store) -> None:
    dataset = make(store, [draft("a")])
    store.relations.save(dataset.id, 1, 1, {}, [], {"near": [Group((1, 2), 1.0)]})
    store.delete_dataset(dataset.id)
    assert store.relations.latest(dataset.id) is None and store.relations.groups(dataset.id, "near") == []
    with pytest.raises(NotFound):
        store.relations.save(dataset.id, 1, 1, {}, [], {})


def test_every_row_is_read_once_in_order_however_many(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("core.store.relations._READ_AT_ONCE", 3)
    dataset = make(store, [draft(f"q{n}", split=Split.TEST if n == 4 else Split.NONE) for n in range(7)])
    make(store, [draft("of another dataset")])
    read = list(store.relations.texts(dataset.id))
    assert [body["messages"][0]["content"] for _id, body, _split in read] == [f"q{n}" for n in range(7)]
    assert [split for _id, _body, split in read] == ["", "", "", "", "test", "", ""]
    assert sorted(store.relations.living(dataset.id, [id for id, _body, _split in read] + [999])) == [
        r[0] for r in read
    ]


def test_a_row_that_was_removed_is_not_living(store: Store) -> None:
    from core.dataset.edits import Edits, Removed

    dataset = make(store, [draft("a"), draft("b")])
    first, second = store.examples(dataset.id)
    change(store, second.id, user="c")
    store.apply(dataset.id, Edits(removed=[Removed(first.id, first.revision)]), "ann")
    assert list(store.relations.living(dataset.id, [first.id, second.id])) == [second.id]


def test_a_line_nested_as_deep_as_it_likes_is_no_obstacle(store: Store) -> None:
    deep = '{"messages":' + "[" * 900 + "]" * 900 + "}"
    dataset = make(store, [draft("a"), Draft(deep, Kind.CHAT)])
    assert len(list(store.relations.texts(dataset.id))) == 2


def test_an_older_database_gets_the_tables(store_settings: Settings, store: Store) -> None:
    with store.database.write() as connection:
        connection.execute(text("DROP TABLE relation_report"))
        connection.execute(text("DROP TABLE relation_group"))
        connection.execute(delete(migrations.applied).where(migrations.applied.c.name == "m002_relations"))
    again = Store.open(store_settings)
    dataset = make(again, [draft("a")])
    again.relations.save(dataset.id, 1, 1, {}, [], {})
    assert again.relations.latest(dataset.id) is not None
    again.close()
