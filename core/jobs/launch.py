"""The launch that never doubles: written down, sent once, looked up when in doubt, then a question (PROTOCOL 10)."""

from __future__ import annotations

import hashlib
import secrets
import shutil
import time
import uuid
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson

from core.dataset.examples import Kind
from core.errors import AppError, BadInput
from core.jobs import files
from core.jobs.absorb import now, values_of
from core.jobs.values import Job, JobDraft, LaunchState
from core.provider import Connection, connect
from core.provider.outcome import Outcome, Reply
from core.settings import Settings
from core.words import T

if TYPE_CHECKING:
    from core.provider.client import Client
    from core.store import Store

LOOK_UPS = (0.0, 2.0, 5.0, 15.0, 30.0, 60.0)  # seconds after the answer was lost
Sleep = Callable[[float], None]
_OPEN = (LaunchState.SENDING, LaunchState.UNKNOWN, LaunchState.ASK)


def launch(store: Store, settings: Settings, draft: JobDraft, who: str = "", *, price: str = "") -> Job:
    """Write down the intent to train a version. Nothing is sent yet: run_launch does that.

    The same draft twice (two clicks, two tabs) gives the same job. `price` is what the person was shown.
    """
    if draft.version_id is None:
        raise BadInput(T("Choose the data to train with."), T("Open a dataset and freeze a version of it."))
    version = store.version(draft.version_id)
    kind = store.dataset(version.dataset_id).kind
    if kind == Kind.REINFORCEMENT:
        raise BadInput(T("Reinforcement examples need a grader, which cannot be launched from here yet."))
    method = "dpo" if kind == Kind.PREFERENCE else "supervised"
    values = {"version_id": version.id, "dataset_id": version.dataset_id}
    job, _new = _write(store, draft, who, {**draft.params, "method": method, "price_shown": price}, values, "")
    return job


def launch_file(
    store: Store, settings: Settings, draft: JobDraft, train: Path, validation: Path | None = None, who: str = ""
) -> Job:
    """Write down the intent to train with files as they are now; they are copied, so later changes do no harm."""
    sources = {"training_file": train, "validation_file": validation}
    token, digest = uuid.uuid4().hex, hashlib.sha256()
    for role, source in sources.items():
        if source is not None:
            if not source.is_file():
                raise BadInput(T("There is no file {path}.", path=str(source)))
            path = settings.folder("launches", token) / f"{files.ROLES[role]}-{token[:12]}.jsonl"
            shutil.copyfile(source, path)
            digest.update(path.read_bytes())
    params = {**draft.params, "method": "supervised", "files": {r: s.name for r, s in sources.items() if s}}
    job, new = _write(store, draft, who, params, {}, digest.hexdigest(), token)
    if not new:
        shutil.rmtree(settings.folder("launches", token))
    return job


def _write(
    store: Store,
    draft: JobDraft,
    who: str,
    params: dict[str, Any],
    values: dict[str, Any],
    digest: str,
    token: str = "",
) -> tuple[Job, bool]:
    connection = store.jobs.connection(draft.connection_id)
    check_draft(draft, connection)
    token = token or uuid.uuid4().hex
    same = [draft.connection_id, draft.version_id, draft.model, draft.params, digest]
    key = f"draft:{draft.draft_id}"[:64] if draft.draft_id else hashlib.sha256(orjson.dumps(same)).hexdigest()[:60]
    seed = draft.seed if draft.seed is not None else secrets.randbelow(2**31)
    row = {
        "token": token,
        "name": draft.name.strip() or draft.suffix.strip() or draft.model,
        "connection_id": connection.id,
        "model": draft.model.strip(),
        "params": {**params, "draft_id": draft.draft_id},
        "who": who,
        "seed": seed,
        "idempotency_key": token,
    }
    return store.jobs.add(key, {**row, **values})


def check_draft(draft: JobDraft, connection: Connection) -> None:
    """Refuse here what every provider would refuse. Raises BadInput that names the field."""
    if not draft.model.strip():
        raise BadInput(T("Choose the model to begin with."))
    whole = {"epochs": (draft.epochs, 50), "batch_size": (draft.batch_size, 256)}
    for name, (value, most) in whole.items():
        if value != "auto" and (not isinstance(value, int) or not 1 <= value <= most):
            raise BadInput(
                T("{field} is {seen}.", field=name, seen=str(value)),
                T("Enter a whole number from 1 to {most}, or auto.", most=most),
            )
    rate = draft.learning_rate_multiplier
    if rate != "auto" and not (isinstance(rate, int | float) and 0 < rate < 1e6):
        raise BadInput(T("The learning-rate multiplier is {seen}.", seen=str(rate)), T("Enter a number above 0."))
    if draft.seed is not None and not 0 <= draft.seed < 2**31:
        raise BadInput(T("The seed is {seen}.", seen=draft.seed), T("Enter a whole number from 0 to 2147483647."))
    most, suffix = connection.preset.suffix_limit, draft.suffix
    if len(suffix) > most or (not connection.preset.suffix_dots and "." in suffix):
        raise BadInput(
            T("The suffix “{suffix}” cannot be used here.", suffix=suffix[:80]),
            T("Use at most {most} letters, digits and hyphens.", most=most),
        )


def create_body(job: Job, connection: Connection) -> dict[str, Any]:
    """The fields of the create call; the same job always gives the same bytes."""
    preset, chosen = connection.preset, job.params
    names = {"n_epochs": "epochs", "batch_size": "batch_size", "learning_rate_multiplier": "learning_rate_multiplier"}
    hyperparameters = {theirs: chosen[ours] for theirs, ours in names.items() if chosen.get(ours, "auto") != "auto"}
    body: dict[str, Any] = {"model": job.model, "training_file": job.training_file, "seed": job.seed}
    body["metadata"] = {"client_token": job.token}
    if job.validation_file:
        body["validation_file"] = job.validation_file
    if chosen.get("suffix"):
        body["suffix"] = chosen["suffix"]
    method = chosen.get("method", "supervised")
    if preset.method:
        body["method"] = {"type": method, method: {"hyperparameters": hyperparameters}}
    elif hyperparameters:
        body["hyperparameters"] = hyperparameters
    return {**chosen.get("extra", {}), **body}


def run_launch(
    store: Store,
    settings: Settings,
    job_id: int,
    *,
    sleep: Sleep = time.sleep,
    look_ups: Sequence[float] = LOOK_UPS,
) -> Job:
    """Bring a launch as far as it goes: upload, create with ONE request, look it up where the answer was lost.

    Safe to run again after a crash: what may have been sent is only looked up, never sent a second time.
    """
    job = store.jobs.get(job_id)
    if job.state == LaunchState.SENDING:  # the process that sent it is gone
        job = store.jobs.move(job.id, [LaunchState.SENDING], LaunchState.UNKNOWN) or store.jobs.get(job_id)
    if job.state not in (LaunchState.INTENT, LaunchState.UNKNOWN):
        return job
    connection = store.jobs.connection(job.connection_id)
    try:
        client = connect(settings, connection)
    except AppError as error:
        return store.jobs.update(job.id, error=error.message, hint=error.hint)
    with client:
        if job.state == LaunchState.INTENT:
            job = _upload_and_send(store, settings, client, connection, job, sleep)
        waited = 0.0
        for moment in look_ups:
            if job.state != LaunchState.UNKNOWN:
                return job
            sleep(max(0.0, moment - waited))
            waited = moment
            job = _look_up(store, client, job)
    return _ask(store, job) if job.state == LaunchState.UNKNOWN else job


def _upload_and_send(
    store: Store, settings: Settings, client: Client, connection: Connection, job: Job, sleep: Sleep
) -> Job:
    for role, path in files.prepare(store, settings, job).items():
        if not getattr(job, role):
            reply = files.send(store, client, job, role, path, sleep)
            if not reply.ok:
                return _not_sent(store, connection, job, reply, [LaunchState.INTENT])
            job = store.jobs.get(job.id)
    if not job.training_file:
        nothing = Reply[Any](Outcome.REFUSED, message=T("There are no rows to train with."))
        return _not_sent(store, connection, job, nothing, [LaunchState.INTENT])
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
        return _not_sent(store, connection, sending, reply, [LaunchState.SENDING, LaunchState.UNKNOWN])
    code = f"http_{reply.http_status}" if reply.http_status else ""
    told = {"error": reply.message, "hint": reply.hint, "error_code": code}
    return store.jobs.move(job.id, [LaunchState.SENDING], LaunchState.UNKNOWN, **told) or store.jobs.get(job.id)


def _not_sent(store: Store, connection: Connection, job: Job, reply: Reply[Any], sources: Sequence[LaunchState]) -> Job:
    """Nothing was created: refused for good, or (no connection) still to be sent."""
    target = LaunchState.INTENT if reply.outcome == Outcome.UNREACHABLE else LaunchState.REFUSED
    if reply.training_refused and not connection.is_local:
        store.jobs.save_connection(replace(connection, refused=str(reply.message)))
    told = {"error": reply.message, "hint": reply.hint, "error_code": reply.code}
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


def launch_again(store: Store, job_id: int) -> Job:
    """A person's explicit wish to send it again; the task is to be enqueued after it. Never called by itself."""
    job = store.jobs.get(job_id)
    if job.state == LaunchState.INTENT:
        return job
    values: dict[str, Any] = {"error": "", "hint": "", "error_code": ""}
    if job.state == LaunchState.REFUSED or job.error_code.startswith("http_"):
        values["idempotency_key"] = uuid.uuid4().hex  # the old key would only bring the old answer back
    moved = store.jobs.move(job.id, [LaunchState.REFUSED, LaunchState.ASK], LaunchState.INTENT, **values)
    if moved is None:
        raise AppError(
            T("This job cannot be launched again: it stands at “{state}”.", state=job.shown),
            T("Wait until it is known whether it arrived."),
        )
    return moved


def withdraw(store: Store, job_id: int) -> Job:
    """Give up a launch that is not (known to be) at the provider."""
    open_states = [LaunchState.INTENT, LaunchState.ASK, LaunchState.REFUSED]
    moved = store.jobs.move(job_id, open_states, LaunchState.WITHDRAWN)
    if moved is None:
        raise AppError(T("This job cannot be withdrawn any more."), T("Cancel it instead."))
    return moved


def recover(store: Store) -> int:
    """At the start of the worker: what was being sent when it died is in doubt now. Returns how many launches."""
    return store.jobs.recover()
