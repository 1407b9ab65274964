"""Providers: who they are, where their keys lie, and one guarded way to speak to them."""

from core.provider.connection import LOCAL, LOCAL_ID, PRESETS, Connection, Preset, ProviderKind
from core.provider.status import Status

__all__ = ["LOCAL", "LOCAL_ID", "PRESETS", "Connection", "Preset", "ProviderKind", "Status"]
