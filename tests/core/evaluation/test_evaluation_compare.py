from __future__ import annotations

import time
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import settings as rules
from hypothesis import strategies as some

from core import evaluation
from core.errors import BadInput
from core.evaluation import EvaluationDraft, ModelRef, difference
from core.settings import Settings
from core.store import Store


def joined(pieces: evaluation.Difference, without: str) -> str:
    return "".join(text for op, text in pieces if op != without)


@pytest.mark.parametrize(
    ("a", "b", "pieces"),
    [
        ("", "", []),
        ("same", "same", [("equal", "same")]),
        ("", "new", [("insert", "new")]),
        ("old", "", [("delete", "old")]),
        ("今天天气好", "今天天气不好", [("equal", "今天天气"), ("insert", "不"), ("equal", "好")]),
        ("the red car", "the blue car", [("equal", "the "), ("delete", "red"), ("insert", "blue"), ("equal", " car")]),
        ("文化", "体育", [("delete", "文化"), ("insert", "体育")]),
    ],
)
def test_words_and_chinese_characters_are_what_differs(a: str, b: str, pieces: evaluation.Difference) -> None:
    assert difference(a, b) == pieces


@given(some.text(alphabet="ab 文化\n。.", max_size=60), some.text(alphabet="ab 文化\n。.", max_size=60))
def test_a_difference_joins_back_to_both_texts(a: str, b: str) -> None:
    pieces = difference(a, b)
    assert joined(pieces, "insert") == a and joined(pieces, "delete") == b
    assert all(text for _op, text in pieces)
    assert all(one != other for (one, _), (other, _) in pairwise(pieces))


@rules(max_examples=20, deadline=None)
@given(some.lists(some.sampled_from(["甲乙丙。", "one two! ", "x\n", "丁" * 40]), max_size=400), some.randoms())
def test_long_texts_join_back_too(parts: list[str], random: Any) -> None:
    a, other = "".join(parts), list(parts)
    random.shuffle(other)
    b = "".join(other)
    pieces = difference(a, b)
    assert joined(pieces, "insert") == a and joined(pieces, "delete") == b


@pytest.mark.parametrize("unit", ["天地玄黄宇宙洪荒", "ab", "lorem ipsum dolor. ", "没有标点" * 3])
def test_long_texts_are_compared_in_short_time(unit: str) -> None:
    a = unit * (20_000 // len(unit))
    b = "x" + a[::-1] + "y"
    started = time.process_time()
    difference(a, b)
    assert time.process_time() - started < 2


@pytest.fixture
def compared(store: Store, settings: Settings, oracle: Any, version: Callable[[int], int]) -> int:
    """Eight rows: the base model says "odd" always, the tuned one is right but for q0, and q7 fails."""

    def answer(model: str, question: str) -> str | int:
        number = int(question[1:])
        if model == "base":
            return "odd"
        return 400 if number == 7 else "odd" if number % 2 or number == 0 else "even"

    oracle.answer = answer
    models = (ModelRef("toy", "base"), ModelRef("toy", "tuned"))
    begun = evaluation.start(store, settings, EvaluationDraft("both", version(8), models), "me")
    evaluation.run(store, settings, begun.id)
    return begun.id


@pytest.mark.parametrize(
    ("only", "questions"),
    [
        ("all", [0, 1, 2, 3, 4, 5, 6, 7]),
        ("different", [2, 4, 6]),
        ("wrong", [0]),
        ("fixed", [2, 4, 6]),
        ("broken", []),
        ("failed", [7]),
    ],
)
def test_a_comparison_shows_the_rows_one_wants_to_see(
    store: Store, compared: int, only: str, questions: list[int]
) -> None:
    page = evaluation.side_by_side(store, compared, only=only)
    assert [row.question.text for row in page.rows] == [f"q{i}" for i in questions]
    assert page.total == len(questions)


def test_a_row_holds_the_question_the_expected_answer_and_each_models_words(store: Store, compared: int) -> None:
    row = evaluation.side_by_side(store, compared, only="fixed").rows[0]
    assert (row.question.text, row.question.expected) == ("q2", "even")
    assert {model: (answer.text, answer.correct) for model, answer in row.answers.items()} == {
        0: ("odd", False),
        1: ("even", True),
    }
    assert store.example(row.question.example_id).position >= 1


def test_pages_and_search_are_made_by_the_database(store: Store, compared: int) -> None:
    page = evaluation.side_by_side(store, compared, page=3, size=3)
    assert ([row.question.text for row in page.rows], page.total, page.pages) == (["q6", "q7"], 8, 3)
    assert evaluation.side_by_side(store, compared, page=99, size=3).page == 3
    assert [row.question.text for row in evaluation.side_by_side(store, compared, text="Q5").rows] == ["q5"]
    assert evaluation.side_by_side(store, compared, text="even", only="wrong").total == 1
    assert evaluation.side_by_side(store, compared, text="%").total == 0


def test_models_can_change_places(store: Store, compared: int) -> None:
    assert evaluation.side_by_side(store, compared, only="broken", first=1, second=0).total == 3
    with pytest.raises(BadInput):
        evaluation.side_by_side(store, compared, only="nonsense")


def test_an_evaluation_can_be_forgotten(store: Store, compared: int) -> None:
    assert [each.id for each in store.evaluations.all()] == [compared]
    store.evaluations.delete(compared)
    assert store.evaluations.all() == [] and list(store.evaluations.answers(compared)) == []
