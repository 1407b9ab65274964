from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.server.engines.classic.features import normal
from core.server.engines.classic.retrieval import Index, agreement, threshold

QUESTIONS = ["when do you open", "how do I renew a book", "where can I park", "几点开门", "怎么续借图书", ""]


def nearest(index: Index, question: str, count: int = 1) -> list[int]:
    return index.nearest([[question]], count)[0].tolist()


@pytest.mark.parametrize(
    ("question", "row"),
    [("When do you open?", 0), ("renewing books", 1), ("parking", 2), ("你们几点开门", 3), ("图书怎么续借", 4)],
)
def test_the_nearest_question_is_found(question: str, row: int) -> None:
    assert nearest(Index.build([QUESTIONS]), question) == [row]


def test_a_question_is_as_near_as_can_be_to_itself() -> None:
    index = Index.build([QUESTIONS])
    for row, question in enumerate(QUESTIONS[:5]):
        rows, near = index.nearest([[question]], 2)
        assert rows[0] == row
        assert near[0] == pytest.approx(1, abs=0.01)
        assert near[1] < 0.5


def test_another_language_is_far() -> None:
    assert Index.build([QUESTIONS[:3]]).nearest([["几点"]], 1)[1][0] < 0.1


def test_only_rows_before_a_row_are_looked_at_where_asked() -> None:
    index = Index.build([QUESTIONS])
    assert index.nearest([["几点开门"]], 1, before=3)[0][0] < 3
    assert len(index.nearest([["几点开门"]], 1, before=0)[0]) == 0


def test_nothing_is_near_to_nothing() -> None:
    assert nearest(Index.build([QUESTIONS]), "  ") == []
    assert nearest(Index.build([[""]]), "open") == []


@given(st.lists(st.text("abc 新", max_size=10), min_size=1, max_size=8), st.text("abc 新", max_size=10))
def test_nearness_is_in_order_and_never_negative(questions: list[str], question: str) -> None:
    rows, near = Index.build([questions]).nearest([[question]], 3)
    assert len(rows) == (min(3, len(questions)) if normal(question) and any(map(normal, questions)) else 0)
    assert all(near[:-1] >= near[1:])
    assert all(near >= 0)


@pytest.mark.parametrize(
    ("one", "other", "share"), [("abc", "abc", 1), ("abc", "xyz", 0), ("", "", 1), ("续借", "续借图书", 0.5)]
)
def test_agreement_is_the_share_of_common_pairs(one: str, other: str, share: float) -> None:
    assert agreement(one, other) == pytest.approx(share, abs=0.01)
    assert agreement(one, other) == agreement(other, one)


def test_the_threshold_divides_what_helps_from_what_does_not() -> None:
    near = [i / 100 for i in range(100)]
    told = [0.9 if n >= 0.4 else 0.1 for n in near]
    assert threshold(near, told, by_chance=0.1) == pytest.approx(0.4)


@pytest.mark.parametrize(("told", "expected"), [(0.0, 0.9), (1.0, 0.1)])
def test_the_threshold_stays_within_bounds(told: float, expected: float) -> None:
    assert threshold([0.05, 0.95], [told, told], 0.2) == expected
    assert threshold([], [], 0.2) == 0.1


def test_an_index_of_thousands_answers_in_milliseconds() -> None:
    import time

    random = np.random.default_rng(0)
    words = [f"word{i}" for i in range(500)]
    index = Index.build([[" ".join(random.choice(words, 6)) for _ in range(5_000)]])
    began = time.process_time()
    for _ in range(20):
        nearest(index, "word1 word2 word3")
    assert (time.process_time() - began) / 20 < 0.02
