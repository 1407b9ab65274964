"""Which engines this server offers."""

from __future__ import annotations

from core.server.engines.base import Engine


def engines() -> list[Engine]:
    """The engines, one of each. Their libraries load when they first work."""
    from core.server.engines.classic.engine import ClassicEngine

    return [ClassicEngine()]
