from __future__ import annotations

import pytest

from core.errors import AppError
from core.evaluation.scoring import is_closed, is_right, pair, score
from core.store.evaluations import Answer, ModelRef

REF, OTHER = ModelRef("toy", "m", "Tuned"), ModelRef("toy", "n", "Base")


def said(texts: list[str | None], expected: list[str]) -> list[Answer]:
    """Answers by row; None is one that failed; the seconds are 1, 2, 3 …"""
    return [
        Answer(i, 0, text or "", None if text is None else is_right(expected[i], text), fail(text), i + 1.0)
        for i, text in enumerate(texts)
    ]


def fail(text: str | None) -> AppError | None:
    return AppError("no") if text is None else None


def table(expected: list[str], texts: list[str | None], *, closed: bool = True):
    return score(REF, dict(enumerate(expected)), said(texts, expected), closed=closed)


def test_accuracy_f1_and_confusion_are_those_worked_out_by_hand() -> None:
    expected = ["a", "a", "a", "b", "b", "c"]
    got = table(expected, ["a", " a\n", "b", "b", "zzz", None])
    assert (got.rows, got.answered, got.errors, got.right) == (6, 5, 1, 3)
    assert got.accuracy == pytest.approx(3 / 5)
    assert got.labels == ("a", "b", "c")
    assert got.confusion == ((2, 1, 0, 0), (0, 1, 0, 1), (0, 0, 0, 0))
    a, b, c = got.per_class
    assert (a.precision, a.recall, a.f1, a.support) == (1.0, pytest.approx(2 / 3), pytest.approx(0.8), 3)
    assert (b.precision, b.recall, b.f1, b.support) == (0.5, 0.5, 0.5, 2)
    assert (c.precision, c.recall, c.f1, c.support) == (None, None, None, 0)
    assert got.macro_f1 == pytest.approx((0.8 + 0.5) / 2)
    assert (got.seconds_median, got.seconds_p95) == (3.0, pytest.approx(4.8))
    assert got.similarity is None


def test_the_interval_is_wilsons() -> None:
    # Newcombe 1998, table I: 81 of 263 gives 0.2553 to 0.3662.
    expected = ["a"] * 263
    got = table(expected, ["a"] * 81 + ["b"] * 182)
    assert got.interval == (pytest.approx(0.2553, abs=5e-5), pytest.approx(0.3662, abs=5e-5))


def test_a_label_never_said_has_no_precision_but_an_f1_of_nought() -> None:
    got = table(["a", "a", "b"], ["a", "a", "a"])
    b = got.per_class[1]
    assert (b.label, b.precision, b.recall, b.f1) == ("b", None, 0.0, 0.0)
    assert got.macro_f1 == pytest.approx(0.4)


@pytest.mark.parametrize("texts", [[], [None, None]])
def test_where_there_are_no_data_there_is_no_score(texts: list[str | None]) -> None:
    got = table(["a", "b"], texts)
    assert (got.accuracy, got.interval, got.macro_f1, got.similarity) == (None, None, None, None)
    assert (got.per_class, got.confusion, got.seconds_median) == ((), (), None)


def test_rows_without_an_expected_answer_are_not_scored() -> None:
    got = table(["", "a"], ["anything", "a"])
    assert (got.answered, got.right, got.accuracy) == (2, 1, 1.0)


def test_open_answers_are_scored_by_likeness() -> None:
    expected = ["图书馆周一闭馆。", "The library is closed on Mondays."]
    same = table(expected, list(expected), closed=False)
    near = table(expected, ["图书馆周日闭馆。", "The library is closed on Sundays."], closed=False)
    far = table(expected, ["我不知道", "qqq"], closed=False)
    assert (same.similarity, same.accuracy) == (1.0, 1.0)
    assert same.similarity > near.similarity > far.similarity
    assert near.labels == () and near.macro_f1 is None


def test_the_figures_are_plain_values_for_json() -> None:
    plain = table(["a", "b"], ["a", "b"]).as_json()
    assert plain["model"] == "m" and plain["accuracy"] == 1.0 and plain["per_class"][0]["support"] == 1


@pytest.mark.parametrize(
    ("expected", "closed"),
    [
        (["a", "b"] * 10, True),
        (["a", "a", "b"], False),  # a third of the rows is not repeated
        (["a", "a", "a", "a", "b"], True),  # just 80 %
        ([], False),
        (["", " "], False),
        (["x" * 65] * 9, False),
        (["x" * 64] * 9, True),
        ([str(i) for i in range(500)] * 2, True),
        ([str(i) for i in range(501)] * 2, False),
    ],
)
def test_answers_form_a_closed_set_when_they_are_few_short_and_repeated(expected: list[str], closed: bool) -> None:
    assert is_closed(expected) is closed


def test_two_models_are_compared_on_the_rows_both_answered() -> None:
    expected = ["a"] * 1000
    before = said(["b"] * 1000, expected)
    after = said(["a"] * 512 + ["c"] * 488, expected)
    both = pair(OTHER, before, REF, after)
    assert str(both.sentence) == "Tuned is right on 512 of 1,000 rows; Base on 0."
    assert str(both.verdict) == "So Tuned is better; a gap like this is hardly chance (p < 0.001)."
    assert (both.only_first, both.only_second) == (0, 512)


def test_a_small_gap_is_called_chance() -> None:
    expected = ["a"] * 10
    # 3 rows only right before, 1 only right after: exact two-sided p = 2 * (1 + 4) / 16 = 0.625
    before = said(["a"] * 8 + ["b"] * 2, expected)
    after = said(["a"] * 5 + ["b"] * 3 + ["a"] + ["b"], expected)
    both = pair(OTHER, before, REF, after)
    assert (both.only_first, both.only_second, both.p) == (3, 1, pytest.approx(0.625))
    assert "can be chance (p = 0.625)" in str(both.verdict)


@pytest.mark.parametrize(
    ("before", "after", "verdict"),
    [
        (["a"], ["a"], "They are right and wrong on the same rows."),
        ([None], ["a"], "No row was answered by both, so they cannot be compared yet."),
    ],
)
def test_where_nothing_differs_it_says_so(before: list[str | None], after: list[str | None], verdict: str) -> None:
    both = pair(OTHER, said(before, ["a"]), REF, said(after, ["a"]))
    assert both.p is None and str(both.verdict) == verdict


def test_free_texts_are_compared_by_which_is_nearer_to_the_expected_one() -> None:
    expected = {n: f"Our shop opens at {n} and closes at nine." for n in range(8)}
    wanted = list(expected.values())
    before = said(["I have not learnt anything yet."] * 8, wanted)
    after = said([*("Our shop opens at noon and closes at nine.",) * 7, expected[7]], wanted)
    both = pair(OTHER, before, REF, after, expected)
    assert (both.only_first, both.only_second, both.second_right) == (0, 8, 1)
    assert str(both.sentence) == "Tuned is nearer to the expected answer in 8 of 8 rows; Base in 0."
    assert "Tuned is better" in str(both.verdict)
    same = pair(OTHER, after, REF, after, expected)
    assert same.p is None and str(same.verdict) == "Both are equally near everywhere."
