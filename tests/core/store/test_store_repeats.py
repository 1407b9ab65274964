"""Exact repeats are counted by the database, and so are held-out rows that also train."""

from __future__ import annotations

import pytest
from store_samples import draft, make

from core.dataset.examples import Draft, Split
from core.store import Store

TRAIN, HELD = Split.TRAIN, Split.VALIDATION


@pytest.mark.parametrize(
    ("drafts", "extra", "leaked"),
    [
        ([], 0, 0),
        ([draft("a"), draft("b")], 0, 0),
        ([draft("a"), draft("b"), draft("a"), draft("a")], 2, 0),
        ([draft("a", "yes"), draft("a", "no")], 0, 0),
        ([draft("a", split=TRAIN), draft("a", split=HELD)], 1, 1),
        ([draft("a", split=HELD), draft("a", split=HELD)], 1, 0),
        ([draft("a", split=TRAIN), draft("a", split=HELD), draft("a", split=Split.TEST)], 2, 2),
    ],
)
def test_repeats_and_leaks_are_counted(store: Store, drafts: list[Draft], extra: int, leaked: int) -> None:
    repeats = store.repeats(make(store, drafts).id)
    assert (repeats.extra, repeats.leaked) == (extra, leaked)


def test_the_later_rows_are_named_in_their_order(store: Store) -> None:
    make(store, [draft("a"), draft("a")], "another dataset")
    dataset = make(store, [draft("a"), draft("b"), draft("a"), draft("b"), draft("a")])
    ids = [example.id for example in store.examples(dataset.id)]
    assert [number for number, _position in store.repeats(dataset.id).rows] == ids[2:]
    assert len(store.repeats(dataset.id, limit=1).rows) == 1
