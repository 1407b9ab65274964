"""The course of one start of a worker, the same for every engine: it trains, and the last event says how it ended."""

from __future__ import annotations

import sys
import traceback
from collections.abc import Callable
from typing import Any

from core.server.engines.base import JobDir, Plan, SpecError
from core.server.engines.said import told_with
from core.words import Text


class Stopped(Exception):
    """The server asked the worker to stop; `wanted` is "cancel" or "pause"."""

    def __init__(self, wanted: str) -> None:
        super().__init__(wanted)
        self.wanted = wanted


def go_through(job: JobDir, train: Callable[[], int], explain: Callable[[Exception], Text | str | None]) -> int:
    """Does what is left of a job; the exit status. `train` gives the tokens it trained; it raises Stopped, SpecError
    for what cannot be done, and anything else for what `explain` has a sentence; where it has none there is no last
    event, and the job is to go on from its last checkpoint."""
    events, _offset = job.read_events()
    if events and events[-1]["type"] == "end" and events[-1]["status"] != "paused":
        return 0
    with job.alive():
        try:
            return _end(job, "succeeded", tokens=train())
        except Stopped as stopped:
            return _end(job, "cancelled" if stopped.wanted == "cancel" else "paused")
        except SpecError as error:
            return _end(
                job, "failed", {"code": error.code, **told_with("message", error.message), "param": error.param}
            )
        except Exception as error:
            traceback.print_exc(file=sys.stderr)
            message = explain(error)
            if message is None:
                return 1
            return _end(job, "failed", {"code": "training_failed", **told_with("message", message), "param": None})


def _end(job: JobDir, status: str, error: dict[str, Any] | None = None, tokens: int | None = None) -> int:
    job.emit("end", status=status, error=error, trained_tokens=tokens)
    return 1 if error else 0


def tell_ready(job: JobDir, planned: Plan) -> None:
    """Says with what numbers the training begins."""
    numbers = planned.hyperparameters
    job.emit("ready", key="ready", total_steps=planned.total_steps, mode=planned.mode, hyperparameters=numbers)
