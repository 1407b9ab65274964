"""The launch that never doubles: written down, sent once, looked up when in doubt, then a question."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from filelock import FileLock, Timeout

from core.errors import AppError
from core.jobs import files
from core.jobs.absorb import now, values_of
from core.jobs.intent import create_body
from core.jobs.values import Job, LaunchState
from core.provider import Connection, connect
from core.provider.outcome import Outcome, Reply
from core.settings import Settings
from core.words import T

if TYPE_CHECKING:
    from core.provider.client import Client
    from core.store import Store

LOOK_UPS = (0.0, 2.0, 5.0, 15.0, 30.0, 60.0)  # seconds after the answer was lost
Sleep = Callable[[float], None]
CONNECT_AGAIN = (1.0, 3.0, 8.0)  # seconds before a launch that was certainly not sent is tried again
_WAITING = (LaunchState.INTENT, LaunchState.ASK, LaunchState.REFUSED)
_OPEN = (LaunchState.SENDING, LaunchState.UNKNOWN, LaunchState.ASK)


def run_launch(
    store: Store,
    settings: Settings,
    job_id: int,
    *,
    sleep: Sleep = time.sleep,
    look_ups: Sequence[float] = LOOK_UPS,
) -> Job:
    """Bring a launch as far as it goes: upload, create with ONE request, look it up where the answer was lost.

    Safe to run again after a crash: what may have been sent is only looked up, never sent a second time. Where
    another process of this machine is at it, that one is waited for.
    """
    with _alone(settings, store.jobs.get(job_id), sleep):
        return _run(store, settings, job_id, sleep, look_ups)


@contextmanager
def _alone(settings: Settings, job: Job, sleep: Sleep) -> Iterator[None]:
    """Holds a launch, so that the command line and the worker do not both upload its files."""
    lock = FileLock(settings.folder("launches", job.token) / "lock")
    while not lock.is_locked:
        try:
            lock.acquire(timeout=0.3, poll_interval=0.05)
        except Timeout:
            sleep(0.0)  # whoever waits may be asked to stop meanwhile
    try:
        yield
    finally:
        lock.release()


def _run(store: Store, settings: Settings, job_id: int, sleep: Sleep, look_ups: Sequence[float]) -> Job:
    job = store.jobs.get(job_id)
    if job.state == LaunchState.SENDING:  # the process that sent it is gone, else it would hold the launch
        job = store.jobs.move(job.id, [LaunchState.SENDING], LaunchState.UNKNOWN) or store.jobs.get(job_id)
    for wait in (0.0, *CONNECT_AGAIN):
        if job.state == LaunchState.INTENT and not job.error:
            sleep(wait)
            job = _attempt(store, settings, job, sleep, last=wait == CONNECT_AGAIN[-1])
    if job.state != LaunchState.UNKNOWN:
        return job
    with suppress(AppError), connect(settings, store.jobs.connection(job.connection_id), patience=2) as client:
        waited = 0.0
        for moment in look_ups:
            sleep(moment - waited)
            waited = moment
            job = _look_up(store, client, job)
            if job.state != LaunchState.UNKNOWN:
                return job
    return _ask(store, job)


def _attempt(store: Store, settings: Settings, job: Job, sleep: Sleep, *, last: bool) -> Job:
    """Try to send it; where no connection came about, nothing was sent and the job stays as it is."""
    connection = store.jobs.connection(job.connection_id)
    try:
        with connect(settings, connection) as client:
            return _upload_and_send(store, settings, client, connection, job, sleep, last=last)
    except AppError as error:
        reply = Reply[Any](Outcome.UNREACHABLE, message=error.message, hint=error.hint)
        return _not_sent(store, connection, job, reply, [LaunchState.INTENT], last=last)


def _upload_and_send(
    store: Store,
    settings: Settings,
    client: Client,
    connection: Connection,
    job: Job,
    sleep: Sleep,
    *,
    last: bool,
) -> Job:
    for role, path in files.prepare(store, settings, job).items():
        if not getattr(job, role):
            reply = files.send(store, client, job, role, path, sleep)
            if not reply.ok:
                return _not_sent(store, connection, job, reply, [LaunchState.INTENT], last=last)
            job = store.jobs.get(job.id)
    if not job.training_file:
        nothing = Reply[Any](Outcome.REFUSED, message=T("There are no rows to train with."))
        return _not_sent(store, connection, job, nothing, [LaunchState.INTENT], last=last)
    sending = store.jobs.move(
        job.id,
        [LaunchState.INTENT],
        LaunchState.SENDING,
        attempt=job.attempt + 1,
        sent_at=now(),
        error="",
        hint="",
        error_code="",
    )
    if sending is None:  # another worker won
        return store.jobs.get(job.id)
    reply = client.create_job(create_body(sending, connection), sending.idempotency_key)
    if reply.ok:
        return _launched(store, sending, [reply.value or {}])
    if reply.outcome in (Outcome.REFUSED, Outcome.UNREACHABLE):
        return _not_sent(store, connection, sending, reply, [LaunchState.SENDING, LaunchState.UNKNOWN], last=last)
    code = f"http_{reply.http_status}" if reply.http_status else ""
    told = {"error": reply.message, "hint": reply.hint, "error_code": code}
    return store.jobs.move(job.id, [LaunchState.SENDING], LaunchState.UNKNOWN, **told) or store.jobs.get(job.id)


def _not_sent(
    store: Store,
    connection: Connection,
    job: Job,
    reply: Reply[Any],
    sources: Sequence[LaunchState],
    *,
    last: bool,
) -> Job:
    """Nothing was created: refused for good, or (no connection) still to be sent, which is said after the last try."""
    unreachable = reply.outcome == Outcome.UNREACHABLE
    target = LaunchState.INTENT if unreachable else LaunchState.REFUSED
    if reply.training_refused and not connection.is_local:
        store.jobs.save_connection(replace(connection, refused=str(reply.message)))
    told: dict[str, Any] = {"uploads": files.arrived(store.jobs.get(job.id))}  # in one step with the state
    if last or not unreachable:
        told |= {"error": reply.message, "hint": reply.hint, "error_code": reply.code}
    return store.jobs.move(job.id, sources, target, **told) or store.jobs.get(job.id)


def _launched(store: Store, job: Job, found: list[dict[str, Any]]) -> Job:
    """The job is known at the provider; the oldest is ours where there are several."""
    found = sorted(found, key=lambda remote: remote.get("created_at") or 0)
    values = values_of(found[0], job)
    status = values.pop("status")
    others = tuple(str(remote["id"]) for remote in found[1:])
    cleared = {"error": "", "hint": "", "error_code": "", **values}
    moved = store.jobs.move(
        job.id, _OPEN, LaunchState.LAUNCHED, remote_id=str(found[0]["id"]), duplicates=others, **cleared
    )
    if moved and not str(job.params.get("draft_id", "")):
        store.jobs.release_draft(job.id)
    return store.jobs.update(job.id, status=status) if moved else store.jobs.get(job.id)


def matches(job: Job, remote: dict[str, Any]) -> bool:
    """Whether a remote job carries any marker of this launch: its token, its own file, its random seed."""
    metadata = remote.get("metadata")
    token = metadata.get("client_token") if isinstance(metadata, dict) else None
    random_seed = job.params.get("seed") is None
    return bool(
        remote.get("id")
        and (
            token == job.token
            or (job.training_file and remote.get("training_file") == job.training_file)
            or (random_seed and remote.get("seed") == job.seed)
        )
    )


def _look_up(store: Store, client: Client, job: Job) -> Job:
    listed = client.list_jobs()
    found = [remote for remote in listed.value or [] if matches(job, remote)]
    return _launched(store, job, found) if found else store.jobs.get(job.id)


def _ask(store: Store, job: Job) -> Job:
    asked = {
        "error": T("Whether the job was created is not known: it may already be running at the provider."),
        "hint": T("Check again, or wait. Launching again may cost twice."),
    }
    return store.jobs.move(job.id, [LaunchState.UNKNOWN], LaunchState.ASK, **asked) or store.jobs.get(job.id)


def look_once(store: Store, client: Client, job: Job) -> Job:
    """One look for a launch whose answer was lost; a minute after it was sent the person is asked."""
    job = _look_up(store, client, job)
    lost = now() - (job.sent_at or job.updated_at)
    late = lost > timedelta(seconds=LOOK_UPS[-1])
    return _ask(store, job) if job.state == LaunchState.UNKNOWN and late else job


def check_again(store: Store, settings: Settings, job_id: int) -> Job:
    """Look once more whether a launch in doubt has arrived. Raises ProviderError where nothing can be seen."""
    job = store.jobs.get(job_id)
    if job.state not in (LaunchState.UNKNOWN, LaunchState.ASK):
        return job
    with connect(settings, store.jobs.connection(job.connection_id)) as client:
        client.list_jobs(limit=1).unwrap()
        return _look_up(store, client, job)


def launch_again(store: Store, settings: Settings, job_id: int) -> Job:
    """A person's explicit wish to send it again; the task is to be enqueued after it. Never called by itself."""
    job = store.jobs.get(job_id)
    values: dict[str, Any] = {"error": "", "hint": "", "error_code": "", "collected": False}
    values["params"] = {**job.params, "removed": False}
    if job.state == LaunchState.REFUSED or job.error_code.startswith("http_"):
        values["idempotency_key"] = uuid.uuid4().hex  # the old key would only bring the old answer back
    moved = store.jobs.move(job.id, [job.state] if job.state in _WAITING else [], LaunchState.INTENT, **values)
    if moved is None:
        raise AppError(
            T("This job cannot be launched again: it stands at “{state}”.", state=job.shown),
            T("Wait until it is known whether it arrived."),
        )
    return moved


def withdraw(store: Store, settings: Settings, job_id: int) -> Job:
    """Give up a launch that is not (known to be) at the provider."""
    moved = store.jobs.move(job_id, _WAITING, LaunchState.WITHDRAWN)
    if moved is None:
        raise AppError(T("This job cannot be withdrawn any more."), T("Cancel it instead."))
    return moved


def recover(store: Store) -> int:
    """At the start of the worker: what was being sent when it died is in doubt now. Returns how many launches."""
    return store.jobs.recover()
