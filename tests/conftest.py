"""Fixtures that every room's tests share."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import hypothesis
import pytest

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from core import words  # noqa: E402
from core.settings import Settings  # noqa: E402
from core.store import Store  # noqa: E402

DATA = Path(os.environ.get("LUOPAN_TEST_DATA", ROOT.parent / "shared" / "data"))


@pytest.fixture
def shared_data() -> Callable[[str], Path]:
    """The path of a real data file; the test is skipped where the data are not at hand."""

    def find(name: str) -> Path:
        path = DATA / name
        if not path.exists():
            pytest.skip(f"real data are not at hand: {name} (set LUOPAN_TEST_DATA to their folder)")
        return path

    return find


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Settings whose home is a fresh folder."""
    return Settings.from_env({"LUOPAN_HOME": str(tmp_path / "home"), "PATH": os.environ.get("PATH", "")})


@pytest.fixture
def store(settings: Settings) -> Iterator[Store]:
    """An empty store in that home."""
    opened = Store.open(settings)
    yield opened
    opened.close()


@pytest.fixture(autouse=True)
def english() -> None:
    """Every test begins in English."""
    words.use("en")


# In CI every run tries the same examples, so that a change is judged by what it changed; elsewhere they are random.
hypothesis.settings.register_profile("ci", deadline=None, derandomize=True)
hypothesis.settings.register_profile("here", deadline=None)
hypothesis.settings.load_profile("ci" if os.environ.get("CI") == "true" else "here")
