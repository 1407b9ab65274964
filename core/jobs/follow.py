"""Following a job: one quick step at a time, each safe to repeat, until there is nothing more to learn."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from core.errors import AppError
from core.jobs import absorb
from core.jobs.files import write_whole
from core.jobs.launch import look_once
from core.jobs.metrics import parse_result
from core.jobs.values import Event, Job, LaunchState, Metric
from core.provider import LOCAL_ID, ProviderKind, connect
from core.provider.outcome import Reply
from core.provider.status import Status
from core.settings import Settings
from core.words import T, Text

if TYPE_CHECKING:
    from core.provider.client import Client
    from core.store import Store

LOCAL_SECONDS, REMOTE_SECONDS = 1.0, 20.0  # a step makes two requests: at most one each 10 s to others
LONGEST_SECONDS = 300.0
GIVE_UP = 5  # answers in a row that say "no such job", or failures to fetch the last files
_LIVE_CHECKPOINTS = (ProviderKind.LOCAL, ProviderKind.NEBIUS)


def next_poll_delay(job: Job) -> float:
    """Seconds to wait before the next poll: longer for providers elsewhere, and where no answer came."""
    base = LOCAL_SECONDS if job.connection_id == LOCAL_ID else REMOTE_SECONDS
    return min(LONGEST_SECONDS if base > LOCAL_SECONDS else 30.0, base * 2.0 ** min(job.failures, 8))


def poll(store: Store, settings: Settings, job_id: int) -> Job:
    """Learn what is new of a job and keep it. Quick, repeatable, raises nothing that the network does."""
    job = store.jobs.get(job_id)
    if job.is_settled or job.state not in (LaunchState.LAUNCHED, LaunchState.UNKNOWN):
        return job
    try:
        client = connect(settings, store.jobs.connection(job.connection_id), patience=0)
    except AppError as error:
        return _missed(store, job, error.message, error.hint)
    with client:
        if job.state == LaunchState.UNKNOWN:
            return look_once(store, client, job)
        reply = client.get_job(job.remote_id)
        if not reply.ok:
            return _no_job(store, job, reply)
        return _learn(store, settings, client, job, reply.value or {})


def _learn(store: Store, settings: Settings, client: Client, job: Job, remote: dict[str, Any]) -> Job:
    values = absorb.values_of(remote, job)
    events_known = _events(store, client, job, values)
    ended = (job.status or Status.UNKNOWN).is_terminal or values["status"].is_terminal
    checkpoints_known = True
    if ended or client.connection.kind in _LIVE_CHECKPOINTS:
        checkpoints_known = _checkpoints(store, client, job)
    if not ended:
        return store.jobs.update(job.id, **values)
    complete = events_known and checkpoints_known and _result(store, settings, client, job, remote, values)
    values["failures"] = 0 if complete else job.failures + 1
    values["collected"] = complete or values["failures"] >= GIVE_UP
    values["estimated_finish"] = None
    if values["finished_at"] is None:
        values["finished_at"] = absorb.now()
    if values["collected"] and job.version_id is not None:  # the version holds the same rows
        shutil.rmtree(settings.folder("launches", job.token), ignore_errors=True)
    return store.jobs.update(job.id, **values)


def _events(store: Store, client: Client, job: Job, values: dict[str, Any]) -> bool:
    """Keep new events and their figures; writes step, total and estimate into `values`. False: ask again."""
    known = store.jobs.known_events(job.id)
    reply = client.events(job.remote_id, known.__contains__)
    if not reply.ok:
        return reply.is_missing  # a provider without events has nothing more to tell
    events = absorb.events_of(reply.value or [])
    metrics, step, total = absorb.metrics_of_events(events)
    store.jobs.add_metrics(job.id, metrics)  # before the events: known events are not read a second time
    store.jobs.add_events(job.id, events)
    values["step"] = max(step or 0, job.step or 0) if step is not None else job.step
    values["total_steps"] = total or job.total_steps
    if values["estimated_finish"] is None and values["status"] == Status.RUNNING:
        values["estimated_finish"] = _estimate(store.jobs.events(job.id), values)
    return True


def _estimate(events: Sequence[Event], values: dict[str, Any]) -> datetime | None:
    """When it should be done, from the pace between the first and the last step that were told."""
    told = [(event.at, step) for event in events if (step := absorb.metrics_of_events([event])[1]) is not None]
    if len(told) < 2 or not values["total_steps"]:
        return None
    (began, first), (at, last) = told[0], told[-1]
    if last <= first or at <= began:
        return None
    pace = (at - began) / (last - first)
    return at + timedelta(seconds=pace.total_seconds() * max(0, values["total_steps"] - last))


def _checkpoints(store: Store, client: Client, job: Job) -> bool:
    if not client.connection.preset.checkpoints:
        return True
    reply = client.checkpoints(job.remote_id)
    if not reply.ok:
        return reply.is_missing
    found = absorb.checkpoints_of(reply.value or [])
    store.jobs.add_checkpoints(job.id, found)
    store.jobs.add_metrics(job.id, absorb.metrics_of_checkpoints(found))
    return True


def _result(
    store: Store, settings: Settings, client: Client, job: Job, remote: dict[str, Any], values: dict[str, Any]
) -> bool:
    """Keep the bytes of the result file and its figures. None at all is fine; False: ask again."""
    metrics: list[Metric] = []
    for id in absorb.result_files(remote):
        reply = client.content(id)
        if reply.is_missing:
            continue
        if not reply.ok or reply.value is None:
            return False
        found = parse_result(reply.value)
        if found or not values.get("result_file"):
            path = settings.folder("results") / f"{job.id}-{job.token[:12]}.csv"
            write_whole(path, [reply.value])
            values["result_file"] = str(path)
            values["result_sha256"] = hashlib.sha256(reply.value).hexdigest()
        if found:
            metrics = found
            break
    store.jobs.add_metrics(job.id, metrics)
    return True


def _no_job(store: Store, job: Job, reply: Reply[Any]) -> Job:
    """No usable answer; a job that the provider denies several times in a row is followed no longer."""
    if not reply.is_missing:
        return _missed(store, job, reply.message, reply.hint)
    if job.failures + 1 < GIVE_UP:
        return _missed(store, job, reply.message, reply.hint)
    return store.jobs.update(
        job.id,
        failures=job.failures + 1,
        collected=True,
        error=T("The provider does not know this job any more."),
        hint=T("It may have been deleted there, or the data of the local provider was removed."),
    )


def _missed(store: Store, job: Job, message: Text | str, hint: Text | str) -> Job:
    return store.jobs.update(job.id, failures=job.failures + 1, error=message, hint=hint)
