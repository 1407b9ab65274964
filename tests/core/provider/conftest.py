"""A provider that can go wrong, and a client of it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from faultyprovider import FaultyProvider

from core.provider import Connection
from core.provider.client import Client
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
def connection(provider: FaultyProvider) -> Connection:
    return Connection("there", "There", provider.url, key_source="env:THERE_KEY")


@pytest.fixture
def keyed(settings: Settings) -> Settings:
    """Settings whose environment holds the key of `connection`."""
    from dataclasses import replace

    return replace(settings, environment={**settings.environment, "THERE_KEY": "sk-secret-0123456789"})


@pytest.fixture
def client(keyed: Settings, connection: Connection) -> Iterator[Client]:
    with Client(keyed, connection, patience=0) as client:
        yield client
