"""What a handler is given: its task, and the ways to say how far it is and to hear that it should stop."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from core.errors import Cancelled
from core.settings import Settings
from core.store import Store
from core.store.tasks import Task
from core.words import T, Text

WRITE_SECONDS = 0.5  # between two writes of progress
LOOK_SECONDS = 0.3  # between two looks at whether to stop


class Work:
    """One task while it is being done."""

    def __init__(self, store: Store, settings: Settings, task: Task, pause: Callable[[], None]) -> None:
        self.store = store
        self.settings = settings
        self.task = task
        self._pause = pause
        self._written = self._looked = -1e9
        self._stop = False
        self._message: Text | str | None = None

    @property
    def number(self) -> int:
        """The subject as an id."""
        return int(self.task.subject)

    def arg(self, name: str, default: Any = None) -> Any:
        """One of the values the work was asked for with."""
        return self.task.args.get(name, default)

    def progress(self, done: int, total: int | None = None, message: Text | str | None = None) -> None:
        """Write how far it is, at most every 0.5 s (the last unit at once)."""
        self._pause()
        self._message = message if message is not None else self._message
        moment = time.monotonic()
        if moment - self._written >= WRITE_SECONDS or done == total:
            self.store.tasks.update_progress(self.task.id, done, total, self._message)
            self._written = moment

    def note(self, result: dict[str, Any]) -> None:
        """Write down what a later attempt at this task should know; it is then in `task.result`."""
        self.store.tasks.note(self.task.id, result)

    def cancelled(self) -> bool:
        """Whether somebody asked for it to stop; looks at most every 0.3 s."""
        self._pause()
        moment = time.monotonic()
        if not self._stop and moment - self._looked >= LOOK_SECONDS:
            self._stop = self.store.tasks.cancel_requested(self.task.id)
            self._looked = moment
        return self._stop

    def sleep(self, seconds: float) -> None:
        """Wait; raises Cancelled as soon as somebody asks for it to stop."""
        until = time.monotonic() + seconds
        while True:
            if self.cancelled():
                raise Cancelled(T("The work was stopped."))
            left = until - time.monotonic()
            if left <= 0:
                return
            time.sleep(min(left, LOOK_SECONDS))
