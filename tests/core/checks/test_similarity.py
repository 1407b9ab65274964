"""Texts that are alike are found, in Chinese and in English, among many, and only those."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rapidfuzz import fuzz

from benchmarks import similarity as benchmark
from core.checks.similarity import NEAR, Index, normal, unwrapped
from core.checks.similarity.signatures import FULL, HASHES, signatures


@pytest.mark.parametrize(
    ("one", "two", "same"),
    [
        ("How do I pay?", "how do i pay", True),
        ("你好，世界！", "你好世界", True),
        ("ＡＢＣ１２３", "abc123", True),
        ("“Quoted”, (twice)", "quoted twice", True),
        ("a\u200bb\ufeff", "ab", True),
        ("Straße", "STRASSE", True),
        ("What is C?", "What is C++?", False),
        ("3-5", "3+5", False),
        ("1.5 kg", "15 kg", False),
        ("1,5 kg", "1.5 kg", False),
        ("at 10:30", "at 1030", False),
        ("กา", "ก", False),
        ("कि", "क", False),
        ("?", "!", False),
        ("5 €", "5 $", False),
    ],
)
def test_only_marks_that_carry_no_meaning_are_left_out(one: str, two: str, same: bool) -> None:
    assert (normal(one) == normal(two)) is same


@given(st.text())
def test_the_normal_form_is_empty_only_for_blank_text(text: str) -> None:
    assert bool(normal(text)) == bool(text.strip())


TITLES = [
    "国足今晚迎战日本队全场直播预告",
    "这家小店的牛肉面排队两小时才吃到",
    "新能源车企公布第三季度财报数据",
    "冬季养生记住这六个字就够了",
    "村里老人说今年玉米收成好",
]
ENGLISH = ("Name the topic of the following headline in one word: ", " Answer with nothing but the topic, please.")


@pytest.mark.parametrize(
    ("lead", "tail"), [("", ""), ("对给定文本进行分类，类别包括：科技、体育、财经。给定文本：", ""), ENGLISH]
)
def test_a_template_around_every_text_is_no_likeness(lead: str, tail: str) -> None:
    texts = [normal(f"{lead}{title}{tail}") for title in TITLES]
    assert unwrapped(texts) == TITLES
    assert Index(unwrapped(texts)).pairs() == []


def test_two_texts_that_begin_alike_are_no_template() -> None:
    alike = ["Where is my parcel from last week?", "Where is my parcel from last weekend?"]
    assert unwrapped([*alike, *TITLES]) == [*alike, *TITLES]


def test_several_templates_in_one_set_are_all_left_out() -> None:
    rng = random.Random(3)
    titles = ["".join(rng.choices("天地玄黄宇宙洪荒日月盈昃辰宿列张寒来暑往秋收冬藏", k=14)) for _ in range(600)]
    leads = ("Name the topic of this title in one word: ", "请判断下面这条新闻属于哪一类，只回答类别：")
    texts = [leads[n % 2] + title for n, title in enumerate(titles)]
    assert unwrapped(texts) == titles


@pytest.mark.parametrize(
    ("one", "two"),
    [
        ("国足今晚迎战日本队全场直播预告", "国足今晚迎战韩国队全场直播预告"),
        ("mycardhasnotarrivedyetpleasehelp", "mycardhasntarrivedyetpleasehelp"),
        ("今日天气多云转晴", "今日天气多云转阴"),
        ("".join(map(str, range(300))), "".join(map(str, range(20, 300)))),
    ],
)
def test_an_edit_is_found_and_scored(one: str, two: str) -> None:
    [pair] = Index([*TITLES[1:3], one, two]).pairs(0.8)
    assert (pair.first, pair.second) == (2, 3)
    assert pair.score == pytest.approx(fuzz.ratio(one, two) / 100, abs=1e-4)


@pytest.mark.parametrize("length", [100, 102, 103, 127, 128, 129, 200, 256, 257, 600, 5_000])
def test_long_texts_on_both_sides_of_a_border_meet(length: int) -> None:
    rng = random.Random(length)
    text = "".join(rng.choices("abcdefghijklmnopqrstuvwxyz", k=length))
    shorter = text[: length // 2] + text[length // 2 + max(1, length // 12) :]
    other = "".join(rng.choices("abcdefghijklmnopqrstuvwxyz", k=length))
    assert [pair[:2] for pair in Index([text, other, shorter]).pairs()] == [(0, 2)]


def test_planted_edits_are_found_as_all_pairs_find_them() -> None:
    texts, planted = benchmark.texts_with_copies(4_000)
    number: dict[str, int] = {}
    places = [number.setdefault(normal(text), len(number)) for text in texts]
    found = {pair[:2] for pair in Index(list(number)).pairs()}
    assert benchmark.recall(planted, places, found)["all"] >= 0.97
    queries = [places[copy] for _original, copy, _edit in planted[:40]]
    truth, _seconds = benchmark.peer(list(number), queries)
    assert len(truth & found) >= 0.97 * len(truth)
    assert {pair for pair in found if set(pair) & set(queries)} <= truth


def test_a_crowd_of_alike_texts_costs_no_square() -> None:
    texts = [f"pleasedeliverorder{n:07d}tomyhomeaddress" for n in range(5_000)]
    pairs = Index(texts).pairs()
    assert 5_000 < len(pairs) < 16 * 8 * 5_000


def test_a_new_text_finds_its_like() -> None:
    texts, planted = benchmark.texts_with_copies(2_000)
    unique = list(dict.fromkeys(map(normal, texts)))
    index = Index(unique)
    found = 0
    for original, copy, _edit in planted:
        wanted = unique.index(normal(texts[original]))
        found += any(pair.second == wanted for pair in index.like(normal(texts[copy])))
    near = [fuzz.ratio(normal(texts[a]), normal(texts[b])) >= 100 * NEAR for a, b, _edit in planted]
    assert found >= 0.97 * sum(near)
    assert index.like("") == index.like("abc") == []


@settings(max_examples=60, deadline=None)
@given(st.lists(st.text(max_size=300), unique=True, max_size=12), st.text(max_size=20))
def test_any_text_at_all_can_be_indexed_and_finds_itself(texts: list[str], new: str) -> None:
    index = Index(texts)
    for pair in index.pairs():
        assert pair.first < pair.second and NEAR <= pair.score <= 1
    index.like(new)
    for place, text in enumerate(texts):
        if len(text) >= 5:
            assert (place, 1.0) in [(pair.second, pair.score) for pair in index.like(text)]


@given(st.lists(st.integers(0, 700), min_size=1, max_size=20))
def test_each_text_has_a_signature_in_one_level_or_two(lengths: list[int]) -> None:
    rng = random.Random(1)
    texts = ["".join(rng.choices("abcdefghijklmnopqrstuvwxyz", k=length)) for length in lengths]
    blocks = list(signatures(texts))
    owners = [int(owner) for block in blocks for owner in block.owners]
    assert set(owners) == {place for place, length in enumerate(lengths) if length}
    assert all(owners.count(place) == 1 for place, length in enumerate(lengths) if 0 < length < FULL / 1.25)
    assert all(block.values.shape == (len(block.owners), HASHES) for block in blocks)


def test_nothing_can_be_indexed() -> None:
    assert Index([]).pairs() == Index(["", "ab"]).pairs() == Index([]).like("something") == []
