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
    assert result.accuracy >= 0.51
    assert result.calibration_error <= 0.08  # a thousand rows by themselves are worth about 0.03
    assert result.cpu < 15


def test_banking77(shared_data: Callable[[str], Path], tmp_path: Path) -> None:
    train, test = engines.banking77(shared_data("banking77_train.csv").parent)
    result = engines.measure(train, test, tmp_path)
    assert result.accuracy >= 0.91
    assert result.calibration_error <= 0.03
    assert result.answer_ms <= 10  # one answer takes a third of a millisecond where nothing else runs


def test_tnews_whole(shared_data: Callable[[str], Path], tmp_path: Path) -> None:
    train, test = engines.tnews(shared_data("tnews_train.tsv").parent)
    assert (len(train), len(test)) == (53_360, 10_000)
    result = engines.measure(train, test, tmp_path)
    assert result.accuracy >= 0.572
    assert result.calibration_error <= 0.06
    assert result.cpu < 30
    assert result.answer_ms <= 10  # one answer takes a third of a millisecond where nothing else runs
    assert result.estimated < 3 * result.cpu and result.cpu < 3 * result.estimated


def test_free_answers_are_looked_up(shared_data: Callable[[str], Path], tmp_path: Path) -> None:
    train, test = engines.medical(shared_data("medical_qa_alpaca.jsonl").parent)
    result = engines.measure(train, test, tmp_path)
    assert result.mode == "open"
    assert result.answer_ms <= 20


@pytest.mark.parametrize(("load", "least"), [("tnews_300", 0.29), ("tnews_1000", 0.395), ("banking_300", 0.505)])
def test_few_rows_teach_much(shared_data: Callable[[str], Path], tmp_path: Path, load: str, least: float) -> None:
    train, test = engines.SETS[load](shared_data("tnews.json").parent)
    assert engines.measure(train, test[:3_000], tmp_path).accuracy >= least
