"""A store, a provider that can go wrong, and a file to train with."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "provider"))

from faultyprovider import FaultyProvider

from core.jobs import JobDraft
from core.provider import Connection
from core.settings import Settings
from core.store import Store


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


@pytest.fixture
def store(keyed: Settings, provider: FaultyProvider) -> Iterator[Store]:
    """A store that knows the connection "there"."""
    store = Store.open(keyed)
    store.jobs.save_connection(Connection("there", "There", provider.url, key_source="env:THERE_KEY"))
    yield store
    store.close()


@pytest.fixture
def train(tmp_path: Path) -> Path:
    """A file of twelve examples."""
    path = tmp_path / "train.jsonl"
    path.write_text("".join(f"{json.dumps(example(i))}\n" for i in range(12)), encoding="utf-8")
    return path


@pytest.fixture
def draft() -> JobDraft:
    return JobDraft("there", None, "base-1", suffix="tone", epochs=2)


def example(i: int) -> dict[str, object]:
    answer = ("billing", "shipping", "account")[i % 3]
    return {"messages": [{"role": "user", "content": f"about {answer} {i}"}, {"role": "assistant", "content": answer}]}
