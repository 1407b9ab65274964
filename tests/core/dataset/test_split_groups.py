"""Three parts, groups that stay together, and rows that never move once they have their part."""

from __future__ import annotations

from collections import Counter, defaultdict

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from core.dataset.examples import Split
from core.dataset.split import Item, divide
from core.errors import BadInput

HELD_OUT = (Split.TEST, Split.VALIDATION)
shares = st.floats(0, 0.4)
seeds = st.integers(0, 9)
labels = st.sampled_from("aaaaabbbc")
rows = st.lists(labels, min_size=1, max_size=80).map(
    lambda classes: [Item(n, label, f"text {n}") for n, label in enumerate(classes)]
)
grouped = st.lists(st.tuples(labels, st.integers(0, 25)), min_size=1, max_size=80).map(
    lambda pairs: [Item(n, label, f"text {n}", f"group {of}" if of else "") for n, (label, of) in enumerate(pairs)]
)


def parts_of(items: list[Item[int]], validation: float, test: float, seed: int) -> dict[int, Split]:
    """The parts, wherever the classes can give so many rows."""
    try:
        return divide(items, validation=validation, test=test, seed=seed)
    except BadInput:
        assume(False)
        raise


def fixed(items: list[Item[int]], parts: dict[int, Split]) -> list[Item[int]]:
    return [item._replace(split=parts[item.id], fixed=True) for item in items]


def by_group(items: list[Item[int]], parts: dict[int, Split]) -> dict[str, set[Split]]:
    sides: dict[str, set[Split]] = defaultdict(set)
    for item in items:
        if item.group:
            sides[item.group].add(parts[item.id])
    return sides


@given(rows, shares, shares, seeds)
def test_each_class_has_its_share_in_each_part_within_one_row(
    items: list[Item[int]], validation: float, test: float, seed: int
) -> None:
    try:
        parts = divide(items, validation=validation, test=test, seed=seed)
    except BadInput:
        return  # more than the classes can give: said by another test
    sizes, counts = Counter(item.label for item in items), Counter((i.label, parts[i.id]) for i in items)
    assert sum(parts[i.id] is Split.VALIDATION for i in items) == round(len(items) * validation)
    assert sum(parts[i.id] is Split.TEST for i in items) == round(len(items) * test)
    enough = all(size * (1 - validation - test) >= 2 for size in sizes.values())
    for label, size in sizes.items():
        assert counts[label, Split.TRAIN] >= 1 or size == 1
        for part, amount in zip(HELD_OUT, (test, validation), strict=True):
            wanted = round(len(items) * amount) * size / len(items)
            assert not enough or abs(counts[label, part] - wanted) <= 1


@given(grouped, shares, shares, seeds)
def test_nothing_of_a_group_is_on_two_sides_and_every_row_has_a_part(
    items: list[Item[int]], validation: float, test: float, seed: int
) -> None:
    parts = parts_of(items, validation, test, seed)
    assert parts.keys() == {item.id for item in items} and Split.NONE not in parts.values()
    assert all(len(sides) == 1 for sides in by_group(items, parts).values())
    sizes, taught = Counter(item.label for item in items), Counter(i.label for i in items if parts[i.id] is Split.TRAIN)
    assert all(taught[label] for label, size in sizes.items() if size > 1)


@given(grouped, shares, seeds, st.randoms())
def test_neither_the_order_of_the_rows_nor_their_ids_matter(
    items: list[Item[int]], validation: float, seed: int, chance
) -> None:  # type: ignore[no-untyped-def]
    shuffled = [item._replace(id=n) for n, item in enumerate(chance.sample(items, len(items)))]
    one, two = (parts_of(some, validation, 0.1, seed) for some in (items, shuffled))
    assert {item.key: one[item.id] for item in items} == {item.key: two[item.id] for item in shuffled}


@given(grouped, grouped, shares, shares, seeds)
def test_adding_rows_moves_none_and_breaks_no_group(
    items: list[Item[int]], more: list[Item[int]], validation: float, test: float, seed: int
) -> None:
    before = parts_of(items, validation, test, seed)
    new = [item._replace(id=1_000 + item.id, key=f"new {item.key}") for item in more]
    after = divide([*fixed(items, before), *new], validation=validation, test=test, seed=seed)
    assert {item.id: after[item.id] for item in items} == before
    assert all(len(sides) == 1 for sides in by_group([*items, *new], after).values())


@given(st.integers(20, 60), st.integers(20, 60), seeds)
def test_the_shares_hold_for_old_and_new_rows_together(old: int, new: int, seed: int) -> None:
    items = [Item(n, "ab"[n % 2], f"text {n}") for n in range(old)]
    before = divide(items, validation=0.2, test=0.1, seed=seed)
    added = [Item(old + n, "abb"[n % 3], f"new {n}") for n in range(new)]
    after = divide([*fixed(items, before), *added], validation=0.2, test=0.1, seed=seed)
    sizes = Counter(item.label for item in (*items, *added))
    for part, amount in ((Split.VALIDATION, 0.2), (Split.TEST, 0.1)):
        counts = Counter(item.label for item in (*items, *added) if after[item.id] is part)
        assert all(abs(counts[label] - amount * size) <= 1 for label, size in sizes.items())


@given(grouped, shares, seeds)
def test_rows_of_a_locked_test_set_never_move_and_nothing_joins_but_their_groups(
    items: list[Item[int]], validation: float, seed: int
) -> None:
    first = parts_of(items, 0.0, 0.3, seed)
    held = [item._replace(split=first[item.id], fixed=first[item.id] is Split.TEST) for item in items]
    again = parts_of(held, validation, 0.0, seed + 1)
    tested = {item.id for item in items if first[item.id] is Split.TEST}
    assert {number for number, part in again.items() if part is Split.TEST} == tested


def test_a_number_of_rows_stays_that_number_when_rows_are_added() -> None:
    items = [Item(n, "ab"[n % 2], f"text {n}") for n in range(100)]
    before = divide(items, validation=10, test=5)
    added = [Item(100 + n, "c", f"new {n}") for n in range(50)]
    after = Counter(divide([*fixed(items, before), *added], validation=10, test=5).values())
    assert (after[Split.VALIDATION], after[Split.TEST]) == (10, 5)


def test_new_rows_join_the_side_that_their_group_is_on() -> None:
    old = [Item(1, "a", "1", "x", Split.TEST, True), Item(2, "a", "2", "y", Split.TRAIN, True)]
    parts = divide([*old, Item(3, "a", "3", "x"), Item(4, "b", "4", "y")], validation=0.0)
    assert parts[3] is Split.TEST and parts[4] is Split.TRAIN


def test_a_group_on_several_sides_already_grows_where_it_does_the_least_harm() -> None:
    old = [Item(1, "a", "1", "x", Split.VALIDATION, True), Item(2, "a", "2", "x", Split.TRAIN, True)]
    assert divide([*old, Item(3, "a", "3", "x")], validation=0.0)[3] is Split.TRAIN


def test_coarse_groups_come_as_near_as_they_can() -> None:
    items = [Item(n, "a", f"text {n}", f"group {n // 5}") for n in range(100)]
    counts = Counter(divide(items, validation=0.13).values())
    assert counts[Split.VALIDATION] in (10, 15)


@pytest.mark.parametrize(("validation", "test"), [(0.6, 0.6), (60, 60)])
def test_more_than_there_is_cannot_be_held_out(validation: float, test: float) -> None:
    with pytest.raises(BadInput, match="rows at most"):
        divide([Item(n, "a", str(n)) for n in range(100)], validation=validation, test=test)
