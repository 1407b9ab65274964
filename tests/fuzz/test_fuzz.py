"""Ten thousand guided inputs for every reader: no exception, no hang, bounded memory."""

from __future__ import annotations

import importlib.util
import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest

from tests.fuzz.targets import BETWEEN, TARGETS, _with_sheet, _without_a_parser, seeds

ROOT = Path(__file__).resolve().parents[2]
RUNS, SECONDS = 10_000, 60


@pytest.mark.parametrize("name", TARGETS)
def test_every_target_stands_its_own_seeds(name: str) -> None:
    for seed in [b"", b"\0", *seeds(name)]:
        TARGETS[name][0](seed)


def test_sheets_that_no_parser_is_needed_for_are_read_without_one(tmp_path: Path) -> None:
    for seed in seeds("plain"):
        sheet, _mark, shared = seed.partition(BETWEEN)
        path = tmp_path / "plain.xlsx"
        path.write_bytes(_with_sheet(sheet, shared))
        assert _without_a_parser(path)


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_ten_thousand_guided_inputs_break_nothing() -> None:
    if importlib.util.find_spec("atheris") is None and os.environ.get("CI") != "true":
        pytest.skip("atheris is not installed here (it is made for Linux and Python 3.11 to 3.13)")
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    command = [sys.executable, "-m", "tests.fuzz", "--runs", str(RUNS)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert done.returncode == 0, done.stdout
    assert done.stdout.count("sound") == len(TARGETS)
    assert after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime < SECONDS
