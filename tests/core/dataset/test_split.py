"""The split: exact, fair to every class, the same for everybody who gives the same seed."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.dataset.examples import Split
from core.dataset.split import assign
from core.errors import BadInput

labels = st.lists(st.sampled_from("aaaabbcde"), min_size=2, max_size=60)


def held_out(pairs: list[tuple[int, str]], validation: float | int, seed: int = 0) -> Counter[str]:
    result = assign(pairs, validation=validation, seed=seed)
    return Counter(label for i, label in pairs if result[i] is Split.VALIDATION)


@given(labels, st.floats(0, 0.99), st.integers())
def test_the_number_is_exact_and_no_class_loses_all_its_rows(classes: list[str], share: float, seed: int) -> None:
    pairs = list(enumerate(classes))
    sizes = Counter(classes)
    wanted = round(len(pairs) * share)
    most = sum(max(1, size - 1) for size in sizes.values())
    if wanted > most:
        with pytest.raises(BadInput, match=f"{most} rows? at most"):
            assign(pairs, validation=share, seed=seed)
        return
    out = held_out(pairs, share, seed)
    assert out.total() == wanted
    assert all(out[label] < size for label, size in sizes.items() if size > 1)


@given(labels, st.integers(0, 5), st.randoms())
def test_the_order_of_the_rows_does_not_matter(classes: list[str], seed: int, chance) -> None:  # type: ignore[no-untyped-def]
    pairs = [(i * 7, label) for i, label in enumerate(classes)]
    shuffled = chance.sample(pairs, len(pairs))
    assert assign(pairs, validation=0.1, seed=seed) == assign(shuffled, validation=0.1, seed=seed)


def test_each_class_gives_its_share() -> None:
    pairs = list(enumerate("a" * 700 + "b" * 200 + "c" * 95 + "d" * 5))
    assert held_out(pairs, 100) == {"a": 70, "b": 20, "c": 10} or held_out(pairs, 100) == {
        "a": 70,
        "b": 20,
        "c": 9,
        "d": 1,
    }
    assert held_out(pairs, 0.1).total() == 100


def test_another_seed_gives_other_rows() -> None:
    pairs = list(enumerate("ab" * 50))
    assert assign(pairs, validation=0.2, seed=1) != assign(pairs, validation=0.2, seed=2)


def test_rows_that_are_alone_in_their_class_stay_to_be_learnt() -> None:
    pairs = list(enumerate("a" * 10 + "bcd"))
    assert held_out(pairs, 5) == {"a": 5}


def test_a_set_without_labels_is_one_class() -> None:
    assert held_out([(i, "") for i in range(10)], 0.3) == {"": 3}
    assert held_out([(i, f"answer {i}") for i in range(10)], 3).total() == 3


def test_ids_may_be_texts() -> None:
    assert set(assign([("x", "a"), ("y", "a")], validation=1).values()) == {Split.TRAIN, Split.VALIDATION}


@pytest.mark.parametrize(
    ("validation", "words"), [(1.0, "share 1.0"), (-0.1, "share -0.1"), (10, "cannot be held out of 10"), (-1, "-1")]
)
def test_what_cannot_be_held_out_is_said(validation: float | int, words: str) -> None:
    with pytest.raises(BadInput, match=words):
        assign(list(enumerate("a" * 10)), validation=validation)


def test_nothing_is_held_out_where_nothing_is_asked() -> None:
    assert set(assign(enumerate("aab"), validation=0).values()) == {Split.TRAIN}
    assert assign([], validation=0.1) == {}
