"""A search shows its first hits before it has counted them, in any script, and passes over what cannot hold them."""

from __future__ import annotations

from pathlib import Path

import pytest
from store_samples import change, draft, make

from core.dataset.edits import Added, Edits, Removed
from core.dataset.examples import Kind
from core.settings import Settings
from core.store import Dataset, Filter, Store
from core.store.tally import NARROW
from core.store.words import probes

ROWS = 20_000


class Unjudged:
    """What is known of a row when nothing was counted."""

    tokens, answer_tokens, details = 1, 1, ()


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    home: Path = tmp_path_factory.mktemp("search")
    judge = lambda raws, encoding, kind: [Unjudged()] * len(raws)  # noqa: E731
    return Store.open(Settings.from_env({"LUOPAN_HOME": str(home)}), judge)


@pytest.fixture(scope="module")
def dataset(store: Store) -> Dataset:
    made = store.create_dataset("big", Kind.CHAT)
    for first in range(0, ROWS, 5_000):
        numbers = range(first, first + 5_000)
        store.add_drafts(made.id, [draft(f"Question {n} 新建", f"{n % 997} answer") for n in numbers])
    return store.finish_import(made.id)


def test_the_first_page_comes_before_the_count(store: Store, dataset: Dataset) -> None:
    page = store.page(dataset.id, Filter(text="新建"))
    assert not page.exact and 200 <= page.total < ROWS and len(page.examples) == 100
    assert [row.id for row in page.examples] == [row.id for row in store.page(dataset.id).examples]
    seen = [page.total]
    while not (found := store.look_on(dataset.id, Filter(text="新建"), steps=1))[1]:
        seen.append(found[0])
    assert seen == sorted(seen) and found == (ROWS, True)
    later = store.page(dataset.id, Filter(text="新建"), page=77)
    assert later.exact and later.pages == 200 and later.examples == store.page(dataset.id, page=77).examples


def test_a_page_far_away_is_found_without_the_count(store: Store, dataset: Dataset) -> None:
    for descending in (False, True):
        page = store.page(dataset.id, Filter(text="question"), page=60, descending=descending)
        assert page.page == 60 and page.examples == store.page(dataset.id, page=60, descending=descending).examples


@pytest.mark.parametrize(
    ("text", "hits"),
    [("QUESTION 19999", 1), ("question 1999", 11), ("找不", 0), ("建新", 0), ("龘", 0), ("996 ANSWER", 20), ("~", 0)],
)
def test_what_is_found_is_what_is_there(store: Store, dataset: Dataset, text: str, hits: int) -> None:
    page = store.page(dataset.id, Filter(text=text))
    assert (page.total, page.exact) == (hits, True)
    other = store.page(dataset.id, Filter(text=text), sort="tokens", descending=True)
    assert other.examples == page.examples[::-1] and other.exact


def test_a_word_that_is_nowhere_is_known_without_reading_rows(store: Store, dataset: Dataset) -> None:
    with store.database.read() as connection:
        from core.store.words import candidates

        blocks = ROWS // 256 + 1
        assert candidates(connection, dataset.id, 0, blocks, probes("没有")) == []
        assert len(candidates(connection, dataset.id, 0, blocks, probes("新建"))) == blocks
        assert candidates(connection, dataset.id, blocks, blocks + 2, probes("没有")) == [blocks, blocks + 1]


def test_edits_are_found_at_once_and_after_rows_made_room(store: Store) -> None:
    dataset = make(store, [draft(f"row {n}") for n in range(600)])
    rows = list(store.examples(dataset.id))
    change(store, rows[500].id, user="改过")
    assert [row.id for row in store.page(dataset.id, Filter(text="改过")).examples] == [rows[500].id]
    change(store, rows[3].id, label="分类")
    assert store.page(dataset.id, Filter(text="分类")).total == 1
    for _ in range(25):  # each halves the room below the first row, until all rows get new places
        added = store.apply(dataset.id, Edits(added=[Added(rows[0].id, draft("插入"))]), "ann").added_ids
    assert store.page(dataset.id, Filter(text="插入")).total == 25
    assert store.page(dataset.id, Filter(text="改过")).total == 1
    store.apply(dataset.id, Edits(removed=[Removed(added[0], 1)]), "ann")
    assert store.page(dataset.id, Filter(text="插入")).total == 24
    store.undo(dataset.id, "ann")
    assert store.page(dataset.id, Filter(text="插入")).total == 25
    assert store.page(dataset.id).examples[0].position < NARROW
