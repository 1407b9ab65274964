"""The preparer's fixes in the real store: one batch, undone in one step, held-out rows stay held out."""

from __future__ import annotations

import json

from core.dataset.examples import Draft, Kind, Split
from core.dataset.mending import advice, mend
from core.store import Dataset, Store


def completions(store: Store, *pairs: tuple[str, str], **more: object) -> Dataset:
    dataset = store.create_dataset("x", Kind.COMPLETION)
    drafts = [Draft(json.dumps({"prompt": q, "completion": a, **more}), Kind.COMPLETION) for q, a in pairs]
    store.add_drafts(dataset.id, drafts)
    return store.finish_import(dataset.id)


def raws(store: Store, dataset: Dataset) -> list[str]:
    return [example.raw for example in store.examples(dataset.id)]


PAIRS = [("one", "first it is"), ("two", "second so far"), ("one", "first it is"), ("three", "")]


def test_all_fixes_are_one_batch_and_one_undo(store: Store) -> None:
    dataset = completions(store, *PAIRS)
    before = raws(store, dataset)
    found = advice(store, dataset, 1_000)
    fixable = [finding for finding in found if finding.fix]
    assert [f.code for f in fixable] == [
        "empty_answers", "duplicates", "missing_separator", "missing_ending", "missing_space"
    ]  # fmt: skip
    applied = mend(store, dataset.id, fixable, "Ada")
    assert (applied.saved, applied.conflicts, applied.problems) == (4, (), ())
    assert [tuple(json.loads(raw).values()) for raw in raws(store, dataset)] == [
        ("one ->", " first it is\n"), ("two ->", " second so far\n")
    ]  # fmt: skip
    assert not [f for f in advice(store, store.dataset(dataset.id), 1_000) if f.fix]
    store.undo(dataset.id, "Ada")
    assert raws(store, dataset) == before and not store.can_undo(dataset.id)


def test_one_fix_leaves_the_others(store: Store) -> None:
    dataset = completions(store, *PAIRS)
    (finding,) = [f for f in advice(store, dataset, 1_000) if f.code == "duplicates"]
    assert finding.preview[0].before.id == 3, "rows go by their place"
    mend(store, dataset.id, [finding], "Ada")
    assert [json.loads(raw)["prompt"] for raw in raws(store, dataset)] == ["one", "two", "three"]


def test_rows_that_somebody_found_fine_are_neither_counted_nor_removed(store: Store) -> None:
    dataset = completions(store, ("one", "a"), ("one", "a"), ("two", "b"), ("two", "b"), ("one", "a"))
    fine = next(store.examples(dataset.id)).content_hash
    store.asides.add(dataset.id, [("exact", fine), ("near", "else")])
    (finding,) = [f for f in advice(store, dataset, 1_000) if f.code == "duplicates"]
    assert finding.count == 1 and [shown.before.id for shown in finding.preview] == [4]
    mend(store, dataset.id, [finding], "Ada")
    assert [json.loads(raw)["prompt"] for raw in raws(store, dataset)] == ["one", "one", "two", "one"]
    assert not [f for f in advice(store, store.dataset(dataset.id), 1_000) if f.code == "duplicates"]


def test_keys_that_do_not_belong_are_taken_out_of_the_line(store: Store) -> None:
    dataset = completions(store, ("one", "a b"), ("two", "c d"), note="x")
    (finding,) = [f for f in advice(store, dataset, 1_000) if f.code == "extra_columns"]
    mend(store, dataset.id, [finding], "Ada")
    assert raws(store, dataset) == ['{"prompt":"one","completion":"a b"}', '{"prompt":"two","completion":"c d"}']


def test_the_parts_of_a_held_out_row_stay_held_out_and_in_order(store: Store) -> None:
    dataset = completions(store, ("word " * 5_000, "long"), ("two", "c d"), ("three", "e"))
    first = next(iter(store.examples(dataset.id)))
    store.assign_splits(dataset.id, {first.id: Split.VALIDATION}, "Ada")
    (finding,) = [f for f in advice(store, dataset, 1_000) if f.code == "long_examples"]
    mend(store, dataset.id, [finding.by("split")], "Ada")
    examples = list(store.examples(dataset.id))
    parts = [e for e in examples if e.body["completion"] == "long"]
    assert len(parts) == 3 and examples[:3] == parts and {e.split for e in parts} == {Split.VALIDATION}
    assert "".join(e.body["prompt"] for e in parts).replace(" ", "") == "word" * 5_000
    store.undo(dataset.id, "Ada")
    assert len(raws(store, dataset)) == 3


def test_a_chat_keeps_its_other_fields_exactly(store: Store) -> None:
    dataset = store.create_dataset("x", Kind.CHAT)
    line = '{"messages":[{"role":"user","content":"q"},{"role":"assistant","content":" a ","weight":1}],"n":1.10}'
    store.add_drafts(dataset.id, [Draft(line, Kind.CHAT)])
    store.finish_import(dataset.id)
    dataset = store.dataset(dataset.id)
    mend(store, dataset.id, advice(store, dataset, 1_000), "Ada")
    assert raws(store, dataset) == [line.replace(" a ", "a")]
