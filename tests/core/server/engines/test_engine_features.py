from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.server.engines.classic.features import Sparse, Vocabulary, hash_fields, normal


def hashes(text: str, **which: tuple[int, ...]) -> set[int]:
    return set(hash_fields([[text]], **which)[0].tolist())


def by_hand(gram: str, kind: int) -> int:
    """The hash of one n-gram in plain integers."""
    value = sum((ord(char) + 1) * 0x9E3779B97F4A7C15**place for place, char in enumerate(gram)) + kind * 0x9E3779B1
    for factor in (0xFF51AFD7ED558CCD, 0xC4CEB9FE1A85EC53):
        value %= 1 << 64
        value = (value ^ (value >> 33)) * factor
    value %= 1 << 64
    return value ^ (value >> 33)


def test_the_hash_is_the_one_that_models_on_disk_were_made_with() -> None:
    found = hash_fields([["Ab 新"]], (1, 2), (1,))[0].tolist()
    padded = " ab 新 "
    expected = [by_hand(char, 1) for char in padded]
    expected += [by_hand(padded[i : i + 2], 2) for i in range(5)] + [by_hand("ab", 101), by_hand("新", 101)]
    assert sorted(found) == sorted(expected)
    assert min(found) == 1246446607736644989


@given(st.text(max_size=30), st.text(max_size=30))
def test_a_text_has_the_same_hashes_whatever_stands_beside_it(one: str, other: str) -> None:
    alone = hash_fields([[one]])
    found, owners = hash_fields([[other, one, other]])
    assert sorted(found[owners == 1].tolist()) == sorted(alone[0].tolist())


@given(st.lists(st.text("ab c新", max_size=8), max_size=5))
def test_every_window_of_characters_is_found(texts: list[str]) -> None:
    expected = 0
    for text in map(normal, texts):
        length = len(text) + 2 if text else 0
        expected += sum(max(0, length - n + 1) for n in (1, 2, 3))
    assert len(hash_fields([texts], words=())[0]) == expected


@pytest.mark.parametrize(
    ("one", "other"), [("ＡＢＣ", "abc"), ("a  b\n", "a b"), ("ﬁne", "fine"), ("①", "1"), ("ÉTÉ", "été")]
)
def test_spellings_that_mean_the_same_are_the_same(one: str, other: str) -> None:
    assert hashes(one) == hashes(other)


def test_words_are_told_from_characters_and_from_pairs_of_words() -> None:
    assert len(hashes("red, green blue", chars=(), words=(1,))) == 3
    assert len(hashes("red, green blue", chars=(), words=(1, 2))) == 5
    assert hashes("red, green", chars=(), words=(1,)) < hashes("green (red)", chars=(), words=(1, 2))
    assert not hashes("a", chars=(1,), words=()) & hashes("a", chars=(), words=(1,))


def test_the_same_words_in_another_field_are_other_features() -> None:
    asked, beside = set(hash_fields([["card"], [""]])[0].tolist()), set(hash_fields([[""], ["card"]])[0].tolist())
    assert len(asked) == len(beside)
    assert not asked & beside


def test_broken_text_is_hashed_too() -> None:
    assert len(hash_fields([["a\ud800b", "", "\x00", "𠮷"]])[0]) > 0


def test_work_stops_where_it_is_asked_to() -> None:
    def stop() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        hash_fields([["a"]], look=stop)


def learnt(texts: list[str], most: int = 10**6) -> tuple[Vocabulary, Sparse]:
    found = hash_fields([texts])
    vocabulary = Vocabulary.learn(found, len(texts), most)
    return vocabulary, vocabulary.vectors(found, len(texts))


@given(st.lists(st.text(max_size=12), min_size=1, max_size=6))
def test_vectors_have_length_one_or_are_empty(texts: list[str]) -> None:
    _, vectors = learnt(texts)
    lengths = np.sqrt(np.bincount(vectors.owners, vectors.values**2, minlength=len(texts)))
    assert np.allclose(lengths, [1.0 if normal(text) else 0.0 for text in texts], atol=1e-5)


def test_common_grams_tell_less_than_rare_ones() -> None:
    vocabulary, _ = learnt(["tea cup", "tea pot", "tea leaf"])
    idf = dict(zip(vocabulary.hashes.tolist(), vocabulary.idf.tolist(), strict=True))
    (tea,) = hashes("tea", chars=(), words=(1,))
    (pot,) = hashes("pot", chars=(), words=(1,))
    assert idf[tea] == 1.0 < idf[pot]


def test_a_vocabulary_that_would_be_too_large_drops_what_is_rare() -> None:
    texts = ["red apple", "red pear", "red plum"]
    vocabulary, _ = learnt(texts, most=20)
    assert len(vocabulary.hashes) <= 20
    assert hashes("red", chars=(), words=(1,)) <= set(vocabulary.hashes.tolist())


def test_unknown_words_are_passed_over() -> None:
    vocabulary, _ = learnt(["aa bb"])
    vectors = vocabulary.vectors(hash_fields([["zz", "aa"]]), 2)
    assert np.diff(vectors.starts)[1] > np.diff(vectors.starts)[0]
    empty, _ = learnt([""])
    assert len(empty.vectors(hash_fields([["aa"]]), 1).columns) == 0


def test_rows_are_taken_in_the_order_asked_for() -> None:
    _, vectors = learnt(["a", "bb", "ccc"])
    taken = vectors.take(np.array([2, 0, 2]))
    used, dense = taken.block()
    assert dense.shape == (3, len(used))
    assert np.array_equal(dense[0], dense[2])
    assert not np.array_equal(dense[0], dense[1])


def test_columns_that_are_left_out_leave_rows_of_length_one() -> None:
    _, vectors = learnt(["tea cup", "tea pot"])
    kept = np.zeros(vectors.columns.max() + 1, bool)
    kept[vectors.take(np.array([0])).columns] = True
    shortened = vectors.only(kept)
    assert np.diff(shortened.starts)[1] < np.diff(vectors.starts)[1]
    assert np.isclose((shortened.take(np.array([1])).values ** 2).sum(), 1)
