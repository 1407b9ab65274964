"""The bench that the engines' tests train on."""

from __future__ import annotations

from pathlib import Path

import pytest
from engine_bench import Bench


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    """A folder to train in."""
    return Bench(tmp_path)
