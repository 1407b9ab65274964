from __future__ import annotations

from pathlib import Path

import pytest
from engine_bench import free_pairs, pairs

from benchmarks import engines


def test_sets_that_are_not_there_are_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["engines", "--data", str(tmp_path)])
    engines.main()
    assert capsys.readouterr().out.count("left out") == len(engines.SETS) + 2


def test_what_is_measured_is_what_was_trained(tmp_path: Path) -> None:
    (tmp_path / "closed").mkdir()
    result = engines.measure(pairs(), pairs()[::5], tmp_path / "closed", "Which desk?\n{}\nDesk:")
    assert (result.mode, result.rows, result.asked, result.accuracy) == ("closed", 72, 15, 1.0)
    assert 0 <= result.calibration_error < 0.5
    (tmp_path / "open").mkdir()
    assert engines.measure(free_pairs(), free_pairs()[:3], tmp_path / "open").accuracy == 1.0
