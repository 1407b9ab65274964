"""Waiting for what comes true by itself."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any


def _rest() -> None:
    time.sleep(0.05)


def wait_for(look: Callable[[], Any], seconds: float = 90, pause: Callable[[], object] = _rest) -> Any:
    """The first true value of `look`; an error where there is none within the seconds. `pause`: done between."""
    deadline = time.monotonic() + seconds
    while not (value := look()):
        assert time.monotonic() < deadline, f"not within {seconds} s"
        pause()
    return value
