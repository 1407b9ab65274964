"""Providers: who they are, where their keys lie, and one guarded way to speak to them.

`connect(settings, connection)` gives a Client; it lies in core.provider.client, which loads the SDK.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from core.provider.connection import LOCAL, LOCAL_ID, PRESETS, Connection, Preset, ProviderKind
from core.provider.endpoint import check_base_url
from core.provider.keys import Key, forget_key, load_key, redact, save_key
from core.provider.outcome import Outcome, Reply
from core.provider.status import Status
from core.settings import Settings

if TYPE_CHECKING:
    from core.provider.client import Client


def connect(settings: Settings, connection: Connection, *, patience: float = 8.0) -> Client:
    """A client for a connection as it stands now. Raises ProviderError or BadInput with what to do."""
    from core.provider.client import Client

    return Client(settings, connection, patience=patience)


__all__ = [
    "LOCAL",
    "LOCAL_ID",
    "PRESETS",
    "Connection",
    "Key",
    "Outcome",
    "Preset",
    "ProviderKind",
    "Reply",
    "Status",
    "check_base_url",
    "connect",
    "forget_key",
    "load_key",
    "redact",
    "save_key",
]
