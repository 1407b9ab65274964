"""Durable tasks: long work that is written down first, done by the worker, and survives every restart.

A page asks for work with `enqueue` and shows the row it gets (`store.tasks.get`). The row is the whole request: it is
committed when `enqueue` returns, and the worker picks it up within half a second, now or when it next runs.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from core.errors import BadInput
from core.settings import Settings
from core.store import Store
from core.store.tasks import Task
from core.words import T

# kind -> whether the same work on the same subject is one task while it waits or runs.
KINDS: dict[str, bool] = {
    "import": False,  # subject: the file's name
    "update": True,  # subject: the dataset's id
    "recount": True,  # subject: the dataset's id
    "relate": True,  # subject: the dataset's id
    "doubt": True,  # subject: the dataset's id
    "scan": True,  # subject: the dataset's id
    "mask": True,  # subject: the dataset's id
    "launch": True,  # subject: the job's id
    "follow": True,  # subject: the job's id
    "evaluate": True,  # subject: the evaluation's id
    "sweep": True,  # subject: "uploads"
}


def enqueue(
    store: Store, settings: Settings, kind: str, subject: str | int, args: Mapping[str, Any] | None = None
) -> Task:
    """Ask for long work. Where the same already waits or runs, that task is returned and nothing is begun twice."""
    if kind not in KINDS:
        raise BadInput(T("There is no work called {kind}.", kind=kind))
    return store.tasks.create(kind, str(subject), args or {}, settings.user, once=KINDS[kind])


def cancel(store: Store, settings: Settings, task_id: str) -> Task:
    """Ask for a task to stop: one that waits is over at once, one that runs within about a second."""
    store.tasks.request_cancel(task_id)
    return store.tasks.get(task_id)
