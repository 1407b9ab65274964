"""A find that was looked at and is fine is set aside: it counts no more until its text is another."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest
from sqlalchemy import delete, text
from store_samples import change, draft, make

from core import privacy
from core.dataset import relating, settling
from core.dataset.examples import Split
from core.errors import BadInput
from core.settings import Settings
from core.store import Filter, Store, migrations
from core.store.doubts import LabelDoubt, LabelReport
from core.store.relations import slip_mark

LONG = "where on earth is the parcel that I ordered from you"


def test_a_find_of_personal_data_counts_no_more_until_its_row_is_edited(store: Store) -> None:
    dataset = make(store, [draft("Call 13812345678"), draft("Call 13912345678 or write to a@b.cn")])
    privacy.scan_dataset(store, dataset.id)
    first, second = store.examples(dataset.id)
    store.asides.add(dataset.id, [("phone", row.content_hash) for row in (first, second)])
    store.asides.add(dataset.id, [("phone", first.content_hash)])
    assert store.findings.counts(dataset.id) == {"email": (1, 1)}
    assert store.findings.counts(dataset.id, aside=True) == {"phone": (2, 2)}
    assert store.findings.rows(dataset.id, ["phone"], aside=True) == [first.id, second.id]
    assert store.page(dataset.id, Filter(finding="phone")).total == 0
    privacy.scan_dataset(store, dataset.id)
    assert store.findings.counts(dataset.id) == {"email": (1, 1)}, "not after another look either"
    assert privacy.fix(store, dataset.id, ["phone", "email"], "ann").saved == 1
    said = [row.body["messages"][0]["content"] for row in store.examples(dataset.id)]
    assert said == ["Call 13812345678", "Call 13912345678 or write to [e-mail]"]
    assert store.findings.counts(dataset.id) == {}, "masking the one does not bring the other back"
    change(store, first.id, user="Call 13812345678 now")
    privacy.scan_dataset(store, dataset.id)
    assert store.findings.counts(dataset.id) == {"phone": (1, 1)}
    store.undo(dataset.id, "ann")
    assert store.findings.counts(dataset.id, aside=True)["phone"] == (1, 1)
    store.asides.take_back(dataset.id, [("phone", first.content_hash)])
    privacy.scan_dataset(store, dataset.id)
    assert store.findings.rows(dataset.id, ["phone"]) == [first.id]


def test_what_compared_rows_have_in_common_is_set_aside_and_left_by_every_mending(store: Store) -> None:
    rows = [draft("Twice", "a"), draft("Twice", "a"), draft("Two", "a"), draft("Two", "b"), draft("Two", "b"),
            draft(f"{LONG}?", "c"), draft(f"{LONG}s?", "c"), draft("Held", "d"),
            draft("Held", "d", split=Split.TEST)]  # fmt: skip
    dataset = make(store, rows)
    ids = [row.id for row in store.examples(dataset.id)]

    def counts() -> dict[str, int]:
        relating.relate(store, dataset.id)
        found = store.relations.latest(dataset.id)
        assert found is not None
        return found.counts

    before = counts()
    assert (before["repeat_groups"], before["near_pairs"], before["contradictions"], before["leaks"]) == (3, 1, 1, 1)
    for kind in ("exact", "near", "contradiction", "leak"):
        for group in store.relations.groups(dataset.id, kind):
            settling.set_aside(store, dataset.id, kind, group)
        assert store.relations.groups(dataset.id, kind) == []
        assert store.relations.groups(dataset.id, kind, aside=True)
    after = counts()
    assert not any(number for name, number in after.items() if name != "texts"), after
    found = store.relations.latest(dataset.id)
    assert found is not None and found.aside == {"exact": 3, "near": 1, "contradiction": 1, "leak": 1, "label_slip": 0}
    assert (store.repeats(dataset.id).extra, store.repeats(dataset.id).leaked) == (0, 0)
    for verb in (relating.delete_repeats, relating.move_leaks, settling.keep_common_answers, settling.thin):
        assert verb(store, dataset.id, "ann").batch_id is None, verb.__name__
    change(store, ids[5], user=f"{LONG}!")
    assert counts()["near_pairs"] == 1, "another text, and the question is back"
    store.asides.take_back(dataset.id, store.asides.marks(dataset.id))
    assert counts() == before | {"texts": counts()["texts"]}


def test_what_changed_since_it_was_compared_cannot_be_set_aside(store: Store) -> None:
    dataset = make(store, [draft("Twice"), draft("Twice")])
    relating.relate(store, dataset.id)
    (group,) = store.relations.groups(dataset.id, "exact")
    change(store, group.rows[0], user="Once")
    with pytest.raises(BadInput):
        settling.set_aside(store, dataset.id, "exact", group)
    assert store.asides.marks(dataset.id) == set()


def test_two_label_names_may_be_meant_as_they_are(store: Store) -> None:
    rows = [draft(f"q{n}", "account", label="account") for n in range(6)]
    dataset = make(store, [*rows, draft("x", "acount", label="acount")])
    relating.relate(store, dataset.id)
    found = store.relations.latest(dataset.id)
    assert found is not None and len(found.labels) == 1
    store.asides.add(dataset.id, [slip_mark(found.labels[0])])
    without = store.relations.latest(dataset.id)
    assert without is not None and (without.labels, without.counts["label_slips"], without.aside["label_slip"]) == (
        [],
        0,
        1,
    )
    assert store.relations.slips_aside(dataset.id) == found.labels
    assert settling.write_labels(store, dataset.id, "ann").batch_id is None


def test_marks_go_with_their_dataset_and_those_of_an_older_database_are_taken_over(
    store: Store, store_settings: Settings
) -> None:
    dataset = make(store, [draft("q", "red", label="red")])
    (row,) = store.examples(dataset.id)
    doubt = LabelDoubt(0, row.id, row.content_hash, "red", "blue", 0.1, 0.8, [])
    store.doubts.save(LabelReport(dataset.id, 1, 1, 2, 1, 0.75, datetime.now(UTC)), [doubt])
    with store.database.write() as connection:
        connection.execute(text("DROP TABLE set_aside"))
        connection.execute(text("DROP TABLE relation_group"))
        connection.execute(text("CREATE TABLE relation_group (dataset_id INTEGER)"))
        connection.execute(text("CREATE TABLE label_kept (dataset_id INTEGER, content_hash TEXT, label TEXT)"))
        kept = {"dataset": dataset.id, "content": row.content_hash, "label": "red"}
        connection.execute(text("INSERT INTO label_kept VALUES (:dataset, :content, :label)"), kept)
        connection.execute(delete(migrations.applied).where(migrations.applied.c.name == "m_set_aside"))
    opened = Store.open(store_settings)
    assert opened.doubts.waiting(dataset.id) == 0 and opened.doubts.page(dataset.id, kept=True) == [doubt]
    relating.relate(opened, dataset.id)
    opened.delete_dataset(dataset.id)
    assert opened.asides.marks(dataset.id) == set()
    opened.close()
    assert json.loads(slip_mark(["é", 1, "e", 2, "form"])[1]) == ["é", "e"]


def test_looks_hold_where_no_text_has_changed(store: Store) -> None:
    dataset = make(store, [draft("Call 13812345678"), draft("Twice"), draft("Twice")])
    relating.relate(store, dataset.id)
    privacy.scan_dataset(store, dataset.id)
    store.doubts.save(LabelReport(dataset.id, dataset.revision, 3, 0, 0, 0.0, datetime.now(UTC)), [])

    def fresh() -> list[bool]:
        now = store.dataset(dataset.id).revision
        looks = (store.relations.latest(dataset.id), store.findings.latest(dataset.id), store.doubts.latest(dataset.id))
        return [look is not None and look.revision == now for look in looks]

    assert fresh() == [True, True, True]
    store.set_encoding(dataset.id, "cl100k_base")
    assert fresh() == [True, True, True], "tokens were counted, nothing else"
    first = next(iter(store.examples(dataset.id)))
    store.assign_splits(dataset.id, {first.id: Split.TEST}, "ann")
    assert fresh() == [False, True, True], "leaks look at the splits"
    change(store, first.id, user="Other")
    store.assign_splits(dataset.id, {first.id: Split.TRAIN}, "ann")
    assert fresh() == [False, False, False]
