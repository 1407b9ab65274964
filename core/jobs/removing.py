"""Taking a training off the list, and putting it back: nothing is deleted, neither here nor at its provider."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from core.errors import BadInput, NotFound
from core.jobs.values import Job
from core.words import T

if TYPE_CHECKING:
    from core.settings import Settings
    from core.store import Store


def remove(store: Store, settings: Settings, job_id: int) -> Job:
    """Take a training that is over off the list, or one whose connection is gone, so that nobody can follow it.

    Raises BadInput where it may still be at work.
    """
    job = store.jobs.get(job_id)
    if not job.is_over:
        with suppress(NotFound):
            store.jobs.connection(job.connection_id)
            raise BadInput(
                T("“{name}” is not over yet, and stays on the list.", name=job.name),
                T("Stop it or give it up first, or wait for its end."),
            )
    return store.jobs.update(job.id, params={**job.params, "removed": True})


def put_back(store: Store, settings: Settings, job_id: int) -> Job:
    """Put a training back on the list."""
    job = store.jobs.get(job_id)
    return store.jobs.update(job.id, params={**job.params, "removed": False})
