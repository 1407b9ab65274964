"""Asking models: many questions at a time, each once, with a way to stop."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from core.errors import AppError, Cancelled
from core.evaluation.calls import Offered
from core.store.evaluations import ModelRef
from core.words import T

Messages = list[dict[str, Any]]

BATCH_SECONDS = 0.4  # answers are handed on this often
BATCH_SIZE = 200
LOOK_SECONDS = 0.2  # between two looks at whether to stop


@dataclass(frozen=True)
class Ask:
    """One question to one model: its number, the model's place, the model, what it reads and what it may call."""

    number: int
    place: int
    ref: ModelRef
    messages: Messages
    offered: Offered = field(default_factory=dict)


@dataclass(frozen=True)
class Said:
    """What came back: text, or an error; the seconds it took; other answers with their probability, if known."""

    text: str = ""
    error: AppError | None = None
    seconds: float = 0.0
    alternatives: tuple[tuple[str, float], ...] = ()


Asker = Callable[[ModelRef, Messages, Offered], Said]
Heard = list[tuple[Ask, Said]]


def ask_many(
    asks: Iterator[Ask], asker: Asker, *, parallel: int, cancelled: Callable[[], bool] = lambda: False
) -> Iterator[Heard]:
    """Ask everything, `parallel` at a time, and hand on what came every 0.4 s.

    When `cancelled` says so, what has come is handed on and Cancelled is raised within a second; questions that are
    under way then are left to themselves.
    """
    done: queue.SimpleQueue[tuple[Ask, Said] | BaseException | None] = queue.SimpleQueue()
    stopped, turn = threading.Event(), threading.Lock()

    def work() -> None:
        try:
            while not stopped.is_set():
                with turn:
                    ask = next(asks, None)
                if ask is None:
                    break
                done.put((ask, asker(ask.ref, ask.messages, ask.offered)))
        except BaseException as error:  # whatever it is, it is raised where the answers are awaited
            done.put(error)
        done.put(None)

    for i in range(parallel):
        threading.Thread(target=work, name=f"ask-{i}", daemon=True).start()
    working = parallel
    try:
        while working:
            heard, gone, stop = _hear(done, working, cancelled)
            working -= gone
            if heard:
                yield heard
            if stop:
                raise Cancelled(T("The evaluation was stopped. The answers so far are kept."))
    finally:
        stopped.set()


def _hear(
    done: queue.SimpleQueue[tuple[Ask, Said] | BaseException | None], working: int, cancelled: Callable[[], bool]
) -> tuple[Heard, int, bool]:
    """The answers of the next moment, how many of the `working` went home, and whether to stop."""
    heard: Heard = []
    gone, look = 0, 0.0
    until = time.monotonic() + BATCH_SECONDS
    while gone < working and len(heard) < BATCH_SIZE and (left := until - time.monotonic()) > 0:
        if time.monotonic() >= look:
            if cancelled():
                return heard, gone, True
            look = time.monotonic() + LOOK_SECONDS
        try:
            said = done.get(timeout=min(left, LOOK_SECONDS))
        except queue.Empty:
            continue
        if isinstance(said, BaseException):
            raise said
        if said is None:
            gone += 1
        else:
            heard.append(said)
    return heard, gone, False
