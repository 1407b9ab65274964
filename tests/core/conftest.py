"""A provider that can go wrong, for the rooms that talk to one."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent / "provider"))

from faultyprovider import FaultyProvider

from core.settings import Settings


@pytest.fixture(scope="session")
def running_provider() -> Iterator[FaultyProvider]:
    provider = FaultyProvider()
    yield provider
    provider.close()


@pytest.fixture
def provider(running_provider: FaultyProvider) -> FaultyProvider:
    running_provider.forget()
    return running_provider


@pytest.fixture
def keyed(settings: Settings) -> Settings:
    """Settings whose environment holds the key of the connection "there"."""
    return replace(settings, environment={**settings.environment, "THERE_KEY": "sk-secret-0123456789"})
