"""The benchmark of what is found of personal data runs, and its messages hold what is promised of the rules."""

from __future__ import annotations

import json

import pytest

from benchmarks import privacy, privatetexts
from core.checks.privacy import PERSONAL, Style, masked, scan


def test_the_benchmark_tells_what_is_found_and_how_fast(capsys: pytest.CaptureFixture[str]) -> None:
    privacy.main(["--rows", "200", "--rounds", "1"])
    figures = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert set(figures["rows_per_s"]) == {"short Chinese", "short English", "mixed lengths", "masked"}
    found, there = (sum(part[name] for part in figures["quality"].values()) for name in ("found", "there"))
    assert there >= 170 and found >= 0.97 * there
    assert not any(part["false"] for part in figures["quality"].values())
    assert figures["quality"]["held_out"]["found"] >= 0.95 * figures["quality"]["held_out"]["there"]


@pytest.mark.parametrize("style", Style)
@pytest.mark.parametrize("part", privatetexts.PARTS)
def test_nothing_is_found_any_more_where_it_was_masked(part: str, style: Style) -> None:
    for message, _spans in privatetexts.messages(getattr(privatetexts, part)):
        assert scan(masked(message, PERSONAL, style)) == [], message
