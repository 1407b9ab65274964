"""Datasets are imported whole, listed when ready, discarded without a trace; versions are frozen."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import insert
from store_samples import change, draft, line, make

from core.dataset.examples import Draft, Kind, Origin, Split
from core.errors import BadInput, NotFound
from core.settings import Settings
from core.store import Rejected, Store
from core.store.database import now
from core.store.evaluations import evaluation
from core.store.migrations import MIGRATIONS
from core.words import T


def test_a_dataset_is_listed_when_its_import_is_finished(store: Store, second: Store) -> None:
    dataset = store.create_dataset("新闻", Kind.CHAT, origin="news.csv", recipe={"roles": {"title": "user"}})
    assert store.add_drafts(dataset.id, [draft("one"), draft("two")]) == 2
    assert store.datasets() == [] and [d.state for d in second.datasets(importing=True)] == ["importing"]
    store.finish_import(dataset.id)
    (ready,) = second.datasets()
    assert (ready.name, ready.rows, ready.state, ready.recipe) == ("新闻", 2, "ready", {"roles": {"title": "user"}})


def test_a_row_keeps_its_line_its_origin_and_what_the_checks_said(store: Store) -> None:
    raw = '{"messages": [{"role":"user","content":"\\u4f60\\u597d"}], "n": 1.00, "extra": "kept"}'
    dataset = make(store, [Draft(raw, Kind.CHAT, origin=Origin("a.xlsx", 12, "Sheet 2", {"标题": "你好"}))])
    (row,) = store.examples(dataset.id)
    assert row.raw == raw and row.origin == Origin("a.xlsx", 12, "Sheet 2", {"标题": "你好"})
    assert row.tokens > 0 and row.issues and set(store.issue_counts(dataset.id)) == set(row.issues)
    assert store.first_issue_rows(dataset.id, row.issues[0], 5) == [(row.id, row.position)]


def test_a_draft_that_is_no_json_object_is_refused_and_nothing_of_its_batch_stays(store: Store) -> None:
    dataset = store.create_dataset("x", Kind.CHAT)
    with pytest.raises(BadInput):
        store.add_drafts(dataset.id, [draft("fine"), Draft("[1]", Kind.CHAT)])
    assert store.dataset(dataset.id).rows == 0


def test_texts_that_a_database_may_not_hold_come_back_as_they_were(store: Store) -> None:
    raw = '{"messages":[{"role":"user","content":"a\\u0000b"},{"role":"assistant","content":"c"}]}'
    odd = Draft(raw, Kind.CHAT, "la\x00bel", origin=Origin("f", 1, "", {"x": "half \ud800"}))
    dataset = make(store, [odd])
    (row,) = store.examples(dataset.id)
    assert row.raw == raw and row.label == "label"


@pytest.mark.parametrize(
    ("answers", "closed"),
    [
        (["文化", "体育"] * 5, True),
        (["yes"] * 8 + ["perhaps", "no"], True),
        (["yes"] * 7 + ["perhaps", "no", "well"], False),
        ([f"answer {i // 2}" for i in range(1000)], True),
        ([f"answer {i // 2}" for i in range(1002)], False),
        (["x" * 65] * 10, False),
        ([""] * 10, False),
    ],
)
def test_answers_are_closed_when_few_short_and_repeated(settings: Settings, answers: list[str], closed: bool) -> None:
    store = Store.open(settings, judge=None)
    dataset = make(store, [draft(f"q{i}", answer) for i, answer in enumerate(answers)])
    assert dataset.answers_closed is closed
    assert [row.label for row in store.examples(dataset.id)] == [a if closed else "" for a in answers]


def test_labels_that_were_mapped_are_left_alone(store: Store) -> None:
    dataset = make(store, [draft("a", "yes", label="politics"), draft("b", "yes"), draft("c", "yes")])
    assert [row.label for row in store.examples(dataset.id)] == ["politics", "", ""]
    assert store.label_counts(dataset.id) == {"": 2, "politics": 1}


def test_an_import_given_up_leaves_nothing_and_a_finished_one_is_not_given_up(store: Store) -> None:
    dataset = store.create_dataset("half", Kind.CHAT)
    store.add_drafts(dataset.id, [draft("one")])
    store.add_rejects(dataset.id, [("f.csv", 3, "title", T("The cell is empty."))])
    store.discard(dataset.id)
    assert store.datasets(importing=True) == []
    with pytest.raises(NotFound):
        store.dataset(dataset.id)
    kept = make(store, [draft("one")])
    store.discard(kept.id)
    assert store.dataset(kept.id).rows == 1


def test_a_finished_dataset_takes_no_more_drafts(store: Store) -> None:
    dataset = make(store, [draft("one")])
    with pytest.raises(BadInput):
        store.add_drafts(dataset.id, [draft("two")])


def test_rejected_rows_are_kept_with_their_reason(store: Store) -> None:
    dataset = store.create_dataset("x", Kind.CHAT)
    reason = T("The cell of “{column}” is empty.", column="标题")
    store.add_rejects(dataset.id, [("f.csv", 3, "标题", reason), Rejected("f.csv", 9, "", "too long", "aaaa")])
    assert store.rejects(dataset.id) == [
        Rejected("f.csv", 3, "标题", reason, ""),
        Rejected("f.csv", 9, "", "too long", "aaaa"),
    ]


def test_a_dataset_is_renamed_and_deleted_with_all_that_is_its(store: Store) -> None:
    dataset = make(store, [draft("one"), draft("two")])
    other = make(store, [draft("one")])
    assert store.rename(dataset.id, " Better ").name == "Better"
    with pytest.raises(BadInput):
        store.rename(dataset.id, "  ")
    first = next(store.examples(dataset.id))
    change(store, first.id, user="changed")
    version = store.freeze(dataset.id)
    kept = store.freeze(other.id)
    store.delete_dataset(dataset.id)
    assert [d.id for d in store.datasets()] == [other.id]
    with pytest.raises(NotFound):
        store.version(version.id)
    assert [row.raw for row in store.version_rows(kept.id)] == [line("one", "yes")]


def test_the_same_content_is_the_same_version(store: Store) -> None:
    drafts = [draft("one", "a", split=Split.TRAIN), draft("two", "b", split=Split.TEST), draft("one", "a")]
    dataset = make(store, drafts)
    version = store.freeze(dataset.id)
    assert store.freeze(dataset.id) == version == store.version(version.id)
    assert version.rows == 3 and version.by_split == {"train": 1, "test": 1, "": 1}
    rows = list(store.version_rows(version.id))
    assert [(row.position, row.raw, row.split) for row in rows] == [
        (number, it.raw, it.split.value) for number, it in enumerate(drafts, 1)
    ]
    assert [row.position for row in store.version_rows(version.id, "test")] == [2]


def test_a_version_stays_as_it_was_when_the_dataset_goes_on(store: Store) -> None:
    dataset = make(store, [draft("one"), draft("two")])
    before = store.freeze(dataset.id)
    change(store, next(store.examples(dataset.id)).id, user="changed")
    after = store.freeze(dataset.id)
    assert after.id != before.id and next(row.raw for row in store.version_rows(before.id)) == line("one", "yes")
    store.undo(dataset.id, "ann")
    assert store.freeze(dataset.id) == before
    assert [v.id for v in store.versions(dataset.id)] == [after.id, before.id]


def test_another_encoding_counts_every_row_again(store: Store) -> None:
    dataset = make(store, [draft("新建文件夹，今天天气不错"), draft("two")])
    before = store.token_values(dataset.id)
    assert store.set_encoding(dataset.id, "cl100k_base").encoding == "cl100k_base"
    after = store.token_values(dataset.id)
    assert after != before and len(after[0]) == 2 and min(after[1]) > 0


def test_preferences_outlive_the_store(store: Store, second: Store) -> None:
    assert store.preferences.get("language", "en") == "en"
    store.preferences.set("language", "zh_CN")
    store.preferences.set("prices", [{"model": "模型", "training": 3.5}])
    store.preferences.set("language", None)
    assert second.preferences.get("prices") == [{"model": "模型", "training": 3.5}]
    assert second.preferences.get("language", "en") is None


def test_a_store_is_opened_again_without_a_change(store: Store, store_settings: Settings) -> None:
    dataset = make(store, [draft("one")])
    with Store.open(store_settings).database.read() as connection:
        names = [row[0] for row in connection.exec_driver_sql("SELECT name FROM migration")]
    assert sorted(names) == sorted(step.__name__ for step in MIGRATIONS) and store.dataset(dataset.id).rows == 1


def test_a_version_that_an_evaluation_names_outlives_its_dataset(store: Store) -> None:
    dataset = make(store, [draft("one"), draft("two")])
    named = store.freeze(dataset.id)
    change(store, next(store.examples(dataset.id)).id, user="changed")
    forgotten = store.freeze(dataset.id)
    with store.database.write() as connection:
        fields = {"name": "e", "split": "test", "models": [], "max_tokens": 1, "parallel": 1, "rows": 2, "who": "ann"}
        connection.execute(insert(evaluation).values(version_id=named.id, created_at=now(), **fields))
    store.delete_dataset(dataset.id)
    assert [row.raw for row in store.version_rows(named.id)] == [line("one", "yes"), line("two", "yes")]
    with pytest.raises(NotFound):
        store.version(forgotten.id)


def test_datasets_imported_at_once_share_no_row(store: Store, store_settings: Settings) -> None:
    made = [store.create_dataset(f"d{n}", Kind.CHAT) for n in range(3)]

    def fill(dataset_id: int) -> None:
        mine = Store.open(store_settings)
        for _ in range(3):
            mine.add_drafts(dataset_id, [draft(f"{dataset_id}")] * 50)
        mine.finish_import(dataset_id)
        mine.close()

    with ThreadPoolExecutor(3) as pool:
        list(pool.map(fill, [dataset.id for dataset in made]))
    rows = [row for dataset in made for row in store.examples(dataset.id)]
    assert len({row.id for row in rows}) == 450
    assert all(row.body["messages"][0]["content"] == str(row.dataset_id) for row in rows)
