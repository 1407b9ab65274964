"""What a person does to jobs and models at a provider: cancel, pause, resume, list, delete."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from core.errors import AppError, ProviderError
from core.jobs.absorb import now, values_of
from core.jobs.launch import withdraw
from core.jobs.values import Job, LaunchState
from core.provider import Reply, connect
from core.provider.status import Status, status_of
from core.settings import Settings
from core.words import T

if TYPE_CHECKING:
    from core.provider.client import Client, Remote
    from core.store import Store


def cancel(store: Store, settings: Settings, job_id: int) -> Job:
    """Stop a job: look, act once, look again. Harmless where it has ended. Raises AppError with what to do."""
    job = store.jobs.get(job_id)
    if job.state == LaunchState.INTENT:
        return withdraw(store, settings, job.id)
    return _act(
        store, settings, job, lambda client, id: client.cancel(id), lambda s: s.is_terminal or s == Status.CANCELLING
    )


def pause(store: Store, settings: Settings, job_id: int) -> Job:
    """Let a job rest at its provider; nothing it has learnt is lost. Harmless where it rests or has ended."""
    job = store.jobs.get(job_id)
    return _act(
        store, settings, job, lambda client, id: client.pause(id), lambda s: s.is_terminal or s == Status.PAUSED
    )


def resume(store: Store, settings: Settings, job_id: int) -> Job:
    """Let a job that rests go on. Harmless where it does already."""
    job = store.jobs.get(job_id)
    return _act(store, settings, job, lambda client, id: client.resume(id), lambda s: s != Status.PAUSED)


def _act(
    store: Store,
    settings: Settings,
    job: Job,
    verb: Callable[[Client, str], Reply[Remote]],
    reached: Callable[[Status], bool],
) -> Job:
    """Look whether it is so already, act once, look again: an answer that was lost is no reason to act twice."""
    if job.state != LaunchState.LAUNCHED:
        raise AppError(
            T("This job is not known at the provider: it stands at “{state}”.", state=job.shown),
            T("Check again whether it arrived; then it can be stopped."),
        )
    with connect(settings, store.jobs.connection(job.connection_id)) as client:
        remote = client.get_job(job.remote_id).unwrap()
        if not reached(status_of(remote.get("status"))):
            acted = verb(client, job.remote_id)
            after = client.get_job(job.remote_id)
            remote = after.value or acted.value or remote
            if not acted.ok and not reached(status_of(remote.get("status"))):
                store.jobs.update(job.id, **values_of(remote, job))
                raise ProviderError(acted.message, acted.hint)
        return store.jobs.update(job.id, **values_of(remote, job))


def cancel_duplicates(store: Store, settings: Settings, job_id: int) -> Job:
    """Stop the further remote jobs that one launch made, and keep the one that is followed."""
    job = store.jobs.get(job_id)
    left = list(job.duplicates)
    with connect(settings, store.jobs.connection(job.connection_id)) as client:
        for remote_id in job.duplicates:
            acted = client.cancel(remote_id)
            ended = status_of((client.get_job(remote_id).value or {}).get("status"))
            if acted.ok or ended.is_terminal:
                left.remove(remote_id)
                job = store.jobs.update(job.id, duplicates=left)
            else:
                raise ProviderError(acted.message, acted.hint)
    return job


def sweep(store: Store, settings: Settings, *, older_than: timedelta = timedelta(hours=24)) -> int:
    """Delete at the providers the uploads of launches that came to nothing; returns how many files.

    For the worker, now and then: a provider that does not answer is left for the next time.
    """
    over = (LaunchState.REFUSED, LaunchState.WITHDRAWN)
    old = [job for job in store.jobs.list() if job.state in over and not job.collected]
    old = [job for job in old if now() - job.updated_at > older_than]
    swept = 0
    for connection_id in {job.connection_id for job in old}:
        mine = [job for job in old if job.connection_id == connection_id]
        with suppress(AppError), connect(settings, store.jobs.connection(connection_id), patience=0) as client:
            listed = client.files().unwrap()
            for job in mine:
                ends = f"-{job.token[:12]}.jsonl"
                ids = [
                    str(file["id"]) for file in listed if str(file.get("filename")).endswith(ends) and file.get("id")
                ]
                gone = [client.delete_file(id) for id in ids]
                if all(reply.ok or reply.is_missing for reply in gone):
                    swept += len(ids)
                    store.jobs.update(job.id, collected=True, training_file="", validation_file="", uploads={})
    return swept


def list_models(store: Store, settings: Settings, connection_id: str) -> list[dict[str, Any]]:
    """The models of a provider as it lists them. Raises ProviderError."""
    with connect(settings, store.jobs.connection(connection_id)) as client:
        return client.models().unwrap()


def delete_models(store: Store, settings: Settings, job_id: int) -> Job:
    """Delete what a job made at its provider, the model and its checkpoints; the job stays, with its curves. Those that
    are gone already are no matter. Raises ProviderError."""
    job = store.jobs.get(job_id)
    kept = [checkpoint.model for checkpoint in store.jobs.checkpoints(job.id)]
    for model in dict.fromkeys(filter(None, (*kept, job.fine_tuned_model))):
        delete_model(store, settings, job.connection_id, model)
    return store.jobs.update(job.id, params={**job.params, "model_deleted": True})


def delete_model(store: Store, settings: Settings, connection_id: str, model: str) -> bool:
    """Delete a fine-tuned model at its provider; False where it does not know one. Raises ProviderError."""
    with connect(settings, store.jobs.connection(connection_id)) as client:
        reply = client.delete_model(model)
        if not reply.ok and reply.http_status != 404:
            raise ProviderError(reply.message, reply.hint)
        return reply.ok
