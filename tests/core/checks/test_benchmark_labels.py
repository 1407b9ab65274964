"""The benchmark of wrong labels measures what it says, on the samples and a part of the public sets."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from benchmarks import labels


def test_it_measures_the_samples(capsys: pytest.CaptureFixture[str]) -> None:
    labels.main([])
    lines = capsys.readouterr().out.splitlines()
    assert lines[::2] == ["hotline_zh", "helpdesk_en"]
    for line in lines[1::2]:
        figures = json.loads(line)
        assert figures["rows"] == 410 and figures["planted"] == 8 and figures["recall"] >= 0.5


@pytest.mark.data
@pytest.mark.slow
def test_the_planted_labels_head_the_list_of_banking(shared_data: Callable[[str], Path]) -> None:
    rows = labels.sets(shared_data("banking77_train.csv").parent, 2_000)["Banking77"]
    figures = labels.measured(rows, 0.02)
    assert figures["p@k/2"] >= 0.95 and figures["recall"] >= 0.9 and figures["right_suggestion"] >= 0.9
