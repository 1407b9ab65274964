"""A store, a provider that can go wrong, and a file to train with."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from faultyprovider import FaultyProvider

from core.jobs import JobDraft
from core.provider import Connection
from core.settings import Settings
from core.store import Store


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
