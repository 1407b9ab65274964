"""Which engines this server offers."""

from __future__ import annotations

from core.server.engines.base import Engine


def engines() -> list[Engine]:
    """The engines, one of each. Their libraries load when they first work."""
    from core.server.engines.classic.engine import ClassicEngine
    from core.server.engines.lora.engine import LoraEngine, installed
    from core.settings import Settings

    lora = [LoraEngine()] if Settings.from_env().lora_models and installed() else []
    return [ClassicEngine(), *lora]
