"""What is new, changed, gone: told apart deterministically, and applied exactly."""

from __future__ import annotations

import random
import time
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.dataset.difference import Changed, Coming, Difference, Known, compare, edits, key
from core.dataset.examples import Draft, Kind, dump


def known(id: int, user: str, answer: str, *, was: tuple[str, str] | None = None, row: int = 0) -> Known:
    fields = {"user": user, "assistant": answer}
    base = dict(zip(fields, was, strict=True)) if was else fields
    return Known(id, 1, fields, base, tuple(dict.fromkeys((base["user"], user))), ("f", "", row))


def coming(user: str, answer: str, *, id: int = 0, row: int = 0) -> Coming:
    return Coming({"user": user, "assistant": answer}, user, id, ("f", "", row), Draft(dump({"q": user}), Kind.CHAT))


def told(difference: Difference) -> tuple[list[str], list[tuple[int, dict[str, str]]], list[int]]:
    """New questions, changed ids with their new values, gone ids."""
    return (
        [entry.coming.question for entry in difference.new],
        [(entry.known.id, {f.name: f.new for f in entry.fields}) for entry in difference.changed],
        [row.id for row in difference.gone],
    )


A, B, C = known(1, "Where is it?", "Here", row=2), known(2, "Why?", "So", row=3), known(3, "When?", "Now", row=4)

CASES = {
    "the same": ([coming("Where is it?", "Here"), coming("Why?", "So"), coming("When?", "Now")], ([], [], [])),
    "moved": ([coming("When?", "Now"), coming("Where is it?", "Here"), coming("Why?", "So")], ([], [], [])),
    "an answer": (
        [coming("Where is it?", "There"), coming("Why?", "So"), coming("When?", "Now")],
        ([], [(1, {"assistant": "There"})], []),
    ),
    "a question, between the same neighbours": (
        [coming("Where is it?", "Here"), coming("Whyy?", "So"), coming("When?", "Now")],
        ([], [(2, {"user": "Whyy?"})], []),
    ),
    "another question in its place": (
        [coming("Where is it?", "Here"), coming("Ich lese ein Buch", "So"), coming("When?", "Now")],
        (["Ich lese ein Buch"], [], [2]),
    ),
    "one gone": ([coming("Where is it?", "Here"), coming("When?", "Now")], ([], [], [2])),
    "one new": (
        [coming("Where is it?", "Here"), coming("x", "y"), coming("Why?", "So"), coming("When?", "Now")],
        (["x"], [], []),
    ),
    "one twice": (
        [coming("Where is it?", "Here"), coming("Why?", "So"), coming("Why?", "So"), coming("When?", "Now")],
        (["Why?"], [], []),
    ),
    "ids beat texts": (
        [coming("Why?", "So", id=1), coming("Where is it?", "Here!", id=2), coming("When?", "Now", id=3)],
        ([], [(1, {"user": "Why?", "assistant": "So"}), (2, {"user": "Where is it?", "assistant": "Here!"})], []),
    ),
    "a copied row is new": (
        [coming("Where is it, please?", "Here", id=1), coming("Where is it?", "Here", id=1)],
        (["Where is it, please?"], [], [2, 3]),
    ),
    "an id that nobody has": (
        [coming("x", "y", id=77), *(coming(*row.fields.values()) for row in (A, B, C))],
        (["x"], [], []),
    ),
    "sorted without their ids": (
        [coming("When?", "Now", id=1), coming("Where is it?", "Here", id=2), coming("Why?", "So", id=3)],
        ([], [], []),
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_what_came_in_is_told_apart(name: str) -> None:
    rows, expected = CASES[name]
    assert told(compare([A, B, C], rows)) == expected


def test_of_equal_rows_the_one_from_the_same_place_is_it() -> None:
    twins = [known(1, "q", "a", row=2), known(2, "q", "a", row=3)]
    difference = compare(twins, [coming("q", "a", row=3)])
    assert [row.id for row in difference.gone] == [1]


def test_what_was_edited_here_only_is_no_change_of_the_file() -> None:
    edited = known(1, "q", "better", was=("q", "a"))
    difference = compare([edited], [coming("q", "a")])
    assert not difference and difference.kept == 1 and difference.same == 0


def test_a_field_edited_on_both_sides_is_a_clash_and_the_other_field_is_not() -> None:
    edited = known(1, "q", "mine", was=("q", "a"))
    (entry,) = compare([edited], [coming("q", "theirs")]).changed
    assert entry.clash and [(f.name, f.old, f.new) for f in entry.fields] == [("assistant", "mine", "theirs")]
    (entry,) = compare([edited], [coming("Q", "a", id=1)]).changed
    assert not entry.clash and [f.name for f in entry.fields] == ["user"]


def test_a_row_edited_here_is_found_again_by_the_question_it_had() -> None:
    edited = known(1, "What is it now?", "a", was=("q", "a"))
    assert told(compare([edited], [coming("q", "b")])) == ([], [(1, {"assistant": "b"})], [])


def test_a_new_row_stands_below_the_one_above_it() -> None:
    difference = compare([A, B, C], [coming("x", "1"), *(coming(*r.fields.values()) for r in (A, B)), coming("y", "2")])
    assert [added.after_id for added in edits(difference).added] == [0, 2]


def test_what_is_left_out_is_not_applied() -> None:
    difference = compare([A, B, C], [coming("Where is it?", "There", row=2), coming("x", "y", row=3)])
    everything = [*difference.new, *difference.changed, *difference.gone]
    assert not edits(difference, lambda _entry: False)
    assert len(edits(difference, lambda entry: key(entry) == "c1").changed) == 1
    assert len({key(entry) for entry in everything}) == len(everything) == 4


texts = st.sampled_from(["", "a", "b", "where is it", "where is it?", "why so", "why so late", "1-2"])
pairs = st.lists(st.tuples(texts, texts), max_size=12)


def applied(rows: list[Known], difference: Difference) -> dict[int, tuple[str, str]]:
    """The dataset after the edits, new rows under negative ids."""
    after = {row.id: dict(row.fields) for row in rows}
    wanted = edits(difference)
    for change in wanted.changed:
        after[change.example_id].update({name: value or "" for name, value in change.fields.items()})
    for removed in wanted.removed:
        del after[removed.example_id]
    for number, entry in enumerate(difference.new, 1):
        after[-number] = dict(entry.coming.fields)
    return {id: (fields["user"], fields["assistant"]) for id, fields in after.items()}


@given(pairs, pairs, st.randoms(use_true_random=False), st.booleans())
def test_the_full_difference_makes_exactly_what_came_in(
    before: list[tuple[str, str]], after: list[tuple[str, str]], chance: random.Random, with_ids: bool
) -> None:
    rows = [known(id, *texts, row=id) for id, texts in enumerate(before, 1)]
    incoming = [
        coming(*texts, id=chance.randrange(len(rows) + 3) if with_ids else 0, row=chance.randrange(5))
        for texts in after
    ]
    difference = compare(rows, incoming)
    assert Counter(applied(rows, difference).values()) == Counter(after)
    assert difference.same + difference.kept + len(difference.changed) + len(difference.new) == len(after)
    ids = [entry.known.id for entry in difference.changed] + [row.id for row in difference.gone]
    assert len(set(ids)) == len(ids)
    assert compare(rows, incoming) == difference


@given(pairs, st.randoms(use_true_random=False), st.booleans())
def test_the_same_rows_in_any_order_are_no_difference(
    before: list[tuple[str, str]], chance: random.Random, with_ids: bool
) -> None:
    rows = [known(id, *texts) for id, texts in enumerate(before, 1)]
    incoming = [coming(*row.fields.values(), id=row.id if with_ids else 0) for row in rows]
    chance.shuffle(incoming)
    difference = compare(rows, incoming)
    assert not difference and difference.same == len(rows)


@given(pairs, st.data())
def test_rows_that_keep_their_ids_are_never_mixed_up(before: list[tuple[str, str]], data: st.DataObject) -> None:
    rows = [known(id, f"{id} {texts[0]}", texts[1]) for id, texts in enumerate(before, 1)]
    answers = {row.id: data.draw(texts) for row in rows}
    incoming = [coming(row.fields["user"], f"{row.id} {answers[row.id]}", id=row.id) for row in rows]
    changed: list[Changed] = list(compare(rows, incoming).changed)
    assert all(entry.known.id == entry.coming.id for entry in changed) and len(changed) == len(rows)


def test_a_hundred_thousand_rows_take_about_a_second() -> None:
    chance = random.Random(1)
    rows = [known(n, f"question {n} " + "x" * 50, f"answer {n % 7}", row=n) for n in range(1, 100_001)]
    incoming = [
        coming(row.fields["user"], "another" if chance.random() < 0.02 else row.fields["assistant"], row=row.id + 1)
        for row in rows
    ]
    chance.shuffle(incoming)
    began = time.process_time()
    difference = compare(rows, incoming)
    assert time.process_time() - began < 4  # 0.6 s on a quiet machine
    assert not difference.new and not difference.gone and 1_500 < len(difference.changed) < 2_500


def test_many_equal_rows_take_no_longer() -> None:
    rows = [known(n, "q", "a", row=n) for n in range(1, 20_001)]
    began = time.process_time()
    assert not compare(rows, [coming("q", "a", row=n + 1) for n in range(1, 20_001)])
    assert time.process_time() - began < 2
