"""A provider that can go wrong, and a client of it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from faultyprovider import FaultyProvider

from core.provider import Connection
from core.provider.client import Client
from core.settings import Settings


@pytest.fixture
def connection(provider: FaultyProvider) -> Connection:
    return Connection("there", "There", provider.url, key_source="env:THERE_KEY")


@pytest.fixture
def client(keyed: Settings, connection: Connection) -> Iterator[Client]:
    with Client(keyed, connection, patience=0) as client:
        yield client
