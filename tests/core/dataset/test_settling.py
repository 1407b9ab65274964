"""What a comparison found is settled: one row kept, one answer kept, one part, one name; always to be undone."""

from __future__ import annotations

import pytest

from core.dataset import relating, settling
from core.dataset.edits import Change, Edits
from core.dataset.examples import Draft, Kind, Split, dump, user_text
from core.errors import BadInput
from core.store import Dataset, Store

ROWS = [
    ("Where is my parcel from last Monday?", "delivery", Split.TRAIN),
    ("WHERE IS MY PARCEL FROM LAST MONDAY", "delivery", Split.VALIDATION),
    ("Where is my parcel from last Mondai?", "delivery", Split.TRAIN),
    ("where is my parcel from last monday!", "refund", Split.TRAIN),
    ("How do I change the card that I pay with?", "payment", Split.TRAIN),
    ("How do I change the card that I pay with.", "account", Split.TEST),
    *(
        (text, "payment", Split.TRAIN)
        for text in ["天地玄黄宇宙洪荒", "日月盈昃辰宿列张", "寒来暑往秋收冬藏", "Vouchers", "VAT", "Tips"]
    ),
    ("Can I pay by bank transfer instead?", "paymnet", Split.TRAIN),
    ("Is there a fee for it abroad, too?", "Payment", Split.TRAIN),
]


@pytest.fixture
def dataset(store: Store) -> Dataset:
    made = store.create_dataset("Desk", Kind.CHAT)
    drafts = []
    for question, answer, split in ROWS:
        said = [{"role": "user", "content": question}, {"role": "assistant", "content": answer}]
        drafts.append(Draft(dump({"messages": said}), Kind.CHAT, answer, split))
    store.add_drafts(made.id, drafts)
    dataset = store.finish_import(made.id)
    relating.relate(store, dataset.id)
    return dataset


def ids(store: Store, dataset: Dataset) -> list[int]:
    return [row.id for row in store.examples(dataset.id)]


def left(store: Store, dataset: Dataset) -> list[str]:
    return [user_text(row.body) for row in store.examples(dataset.id)]


def test_one_row_of_several_is_kept_and_the_others_come_back(store: Store, dataset: Dataset) -> None:
    rows = ids(store, dataset)
    applied = settling.keep_row(store, dataset.id, rows[:3], rows[1], "Ann")
    assert applied.saved == 2 and ids(store, dataset) == [rows[1], *rows[3:]]
    store.undo(dataset.id, "Ann", applied.batch_id)
    assert ids(store, dataset) == rows


def test_one_answer_is_kept_with_all_rows_that_give_it(store: Store, dataset: Dataset) -> None:
    rows = ids(store, dataset)
    assert settling.keep_answer(store, dataset.id, [rows[0], rows[1], rows[3]], rows[0], "Ann").saved == 1
    assert rows[3] not in ids(store, dataset) and rows[1] in ids(store, dataset)


def test_the_answer_of_most_rows_is_kept_and_a_draw_is_left_to_a_person(store: Store, dataset: Dataset) -> None:
    rows = ids(store, dataset)
    assert settling.keep_common_answers(store, dataset.id, "Ann").saved == 1
    assert set(rows) - set(ids(store, dataset)) == {rows[3]}


def test_near_repeats_go_where_the_answer_is_the_same(store: Store, dataset: Dataset) -> None:
    rows = ids(store, dataset)
    assert settling.thin(store, dataset.id, "Ann").saved == 2
    assert set(rows) - set(ids(store, dataset)) == {rows[1], rows[2]}


def test_no_row_of_a_locked_test_set_goes(store: Store, dataset: Dataset) -> None:
    rows = ids(store, dataset)
    store.splits.set_lock(dataset.id, True, "Ann")
    relating.relate(store, dataset.id)
    settling.keep_answer(store, dataset.id, rows[4:6], rows[4], "Ann")
    assert rows[5] in ids(store, dataset)


def test_a_leak_is_moved_beside_its_twin(store: Store, dataset: Dataset) -> None:
    rows = ids(store, dataset)
    settling.move_beside(store, dataset.id, [rows[1], rows[0]], "Ann")
    assert store.example(rows[1]).split is Split.TRAIN


def test_all_slips_of_names_are_written_rightly_at_once(store: Store, dataset: Dataset) -> None:
    assert settling.write_labels(store, dataset.id, "Ann").saved == 2
    assert store.label_counts(dataset.id)["payment"] == 9


@pytest.mark.parametrize("verb", [settling.thin, settling.keep_common_answers, settling.write_labels])
def test_what_is_done_to_many_rows_needs_a_comparison_that_still_holds(
    store: Store, dataset: Dataset, verb: settling.Verb
) -> None:
    row = next(store.examples(dataset.id))
    store.apply(dataset.id, Edits(changed=[Change(row.id, row.revision, {"user": "new"})]), "Bo")
    with pytest.raises(BadInput, match="changed since"):
        verb(store, dataset.id, "Ann")
    assert len(left(store, dataset)) == len(ROWS)
