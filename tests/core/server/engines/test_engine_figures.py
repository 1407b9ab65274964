"""The figures that the classic engine is known for, on public sets; benchmarks/engines.py prints them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from benchmarks import engines

pytestmark = pytest.mark.data
PROMPT = "对给定文本进行分类，类别包括：科技、金融、娱乐、世界。\n\n给定文本：\n{}\n类别："


def test_tnews_small_in_its_prompt(shared_data: Callable[[str], Path], tmp_path: Path) -> None:
    train, test = engines.tnews_small(shared_data("tnews.json").parent)
    assert (len(train), len(test)) == (8955, 1000)
    result = engines.measure(train, test, tmp_path, PROMPT)
    assert result.accuracy >= 0.50
    assert result.calibration_error <= 0.08  # a thousand rows by themselves are worth about 0.03
    assert result.train < 15


def test_banking77(shared_data: Callable[[str], Path], tmp_path: Path) -> None:
    train, test = engines.banking77(shared_data("banking77_train.csv").parent)
    result = engines.measure(train, test, tmp_path)
    assert result.accuracy >= 0.905
    assert result.calibration_error <= 0.03
    assert result.answer_ms <= 5


@pytest.mark.slow
def test_tnews_whole(shared_data: Callable[[str], Path], tmp_path: Path) -> None:
    train, test = engines.tnews(shared_data("tnews_train.tsv").parent)
    assert (len(train), len(test)) == (53_360, 10_000)
    result = engines.measure(train, test, tmp_path)
    assert result.accuracy >= 0.57
    assert result.calibration_error <= 0.06
    assert result.train < 60  # seconds; generous, for machines that do other work too
    assert result.answer_ms <= 5
    assert result.open <= 0.3


def test_free_answers_are_looked_up(shared_data: Callable[[str], Path], tmp_path: Path) -> None:
    train, test = engines.medical(shared_data("medical_qa_alpaca.jsonl").parent)
    result = engines.measure(train, test, tmp_path)
    assert result.mode == "open"
    assert result.answer_ms <= 10
