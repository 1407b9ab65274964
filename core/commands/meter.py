"""How far long work is, on a terminal: a percentage and the time that is left, written over itself."""

from __future__ import annotations

import sys
import time
from types import TracebackType

from core.words import _

_EVERY = 0.2  # seconds between two lines
_SETTLED = 1.0  # seconds before a guess of the time left is worth saying


class Meter:
    """A line on standard error while work goes on; silent where nobody watches."""

    def __init__(self, *, shown: bool = True) -> None:
        self.shown = shown and sys.stderr.isatty()
        self._begun = self._told = time.monotonic()
        self._width = 0

    def __enter__(self) -> Meter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.clear()

    def show(self, done: int, total: int) -> None:
        """Say that `done` of `total` is done."""
        now = time.monotonic()
        if not self.shown or now - self._told < _EVERY:
            return
        self._told = now
        text = f"{done * 100 // max(total, 1):3d} %"
        taken = now - self._begun
        if done and taken > _SETTLED:
            text += ", " + _("{time} left", time=_clock(taken * (total - done) / done))
        self._write(text)

    def clear(self) -> None:
        """Take the line away, before something else is printed."""
        if self._width:
            self._write("")
            self._width = 0

    def _write(self, text: str) -> None:
        print("\r" + text.ljust(self._width), end="" if text else "\r", file=sys.stderr, flush=True)
        self._width = len(text)


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes}:{rest:02d}"
