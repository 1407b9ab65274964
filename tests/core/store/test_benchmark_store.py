"""The benchmark of the store runs, and prints its figures."""

from __future__ import annotations

import json

import pytest

from benchmarks import store


def test_the_figures_are_printed_with_their_limits(capsys: pytest.CaptureFixture[str]) -> None:
    store.main(["--rows", "60", "300", "--rounds", "1"])
    lines = capsys.readouterr().out.splitlines()
    figures = json.loads(lines[-1])
    assert figures["rows"] == [60, 300] and all(len(figures[name]) == 2 for name in ("edit", "any page by tokens"))
    assert sum("at most" in line for line in lines) >= 12
