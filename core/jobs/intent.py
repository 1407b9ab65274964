"""The intent: what a person wants to train, checked and written down before anything is sent."""

from __future__ import annotations

import hashlib
import secrets
import shutil
import uuid
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson

from core.dataset.examples import Kind, kind_of, load
from core.errors import BadInput
from core.graders import BadGrader, check
from core.jobs import files
from core.jobs.values import Job, JobDraft
from core.provider import Connection
from core.settings import Settings
from core.words import T

if TYPE_CHECKING:
    from core.store import Store


def launch(store: Store, settings: Settings, draft: JobDraft, who: str = "", *, price: str = "") -> Job:
    """Write down the intent to train a version. Nothing is sent yet: run_launch does that.

    The same draft twice (two clicks, two tabs) gives the same job. `price` is what the person was shown.
    """
    if draft.version_id is None:
        raise BadInput(T("Choose the data to train with."), T("Open a dataset and freeze a version of it."))
    version = store.version(draft.version_id)
    method = method_for(store.dataset(version.dataset_id).kind, draft.grader)
    values = {"version_id": version.id, "dataset_id": version.dataset_id}
    job, _new = _write(store, draft, who, {**draft.params, "method": method, "price_shown": price}, values, "")
    return job


def method_for(kind: Kind | None, grader: dict[str, Any] | None) -> str:
    """How examples of this format are trained. Raises BadInput where reinforcement has no grader that can be used."""
    if kind != Kind.REINFORCEMENT:
        return "dpo" if kind == Kind.PREFERENCE else "supervised"
    if grader is None:
        raise BadInput(T("These examples need a grader, which judges the model's answers."), T("Choose one."))
    try:
        check(grader)
    except BadGrader as error:
        raise BadInput(error.message) from error
    return "reinforcement"


def launch_file(
    store: Store, settings: Settings, draft: JobDraft, train: Path, validation: Path | None = None, who: str = ""
) -> Job:
    """Write down the intent to train with files as they are now; they are copied, so later changes do no harm."""
    sources = {role: path for role, path in zip(files.ROLES, (train, validation), strict=True) if path is not None}
    for path in sources.values():
        if not path.is_file():
            raise BadInput(T("There is no file {path}.", path=str(path)))
    token = uuid.uuid4().hex
    folder = settings.folder("launches", token)
    new = False
    try:
        digest = _copy(sources, folder, token)
        names = {role: path.name for role, path in sources.items()}
        params = {**draft.params, "method": method_for(kind_of_file(train), draft.grader), "files": names}
        job, new = _write(store, draft, who, params, {}, digest, token)
    finally:
        if not new:
            shutil.rmtree(folder, ignore_errors=True)
    return job


def _copy(sources: dict[str, Path], folder: Path, token: str) -> str:
    """Copy the files to where a launch looks for them; returns the hash of what they hold."""
    digest = hashlib.sha256()
    for role, source in sources.items():
        path = folder / files.name_of(role, token)
        shutil.copyfile(source, path)
        with path.open("rb") as copy:
            digest.update(hashlib.file_digest(copy, "sha256").digest())
    return digest.hexdigest()


def kind_of_file(path: Path) -> Kind | None:
    """The format of a file's first example."""
    with path.open("rb") as lines:
        for line in lines:
            if line.strip():
                with suppress(ValueError):
                    return kind_of(load(line.decode()))
                return None
    return None


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
        "name": (draft.name.strip() or draft.suffix.strip() or draft.model)[:200],
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
    odd = any(sign in "/:?#%" or not sign.isprintable() for sign in suffix)  # it becomes a part of the model's name
    if odd or len(suffix) > most or (not connection.preset.suffix_dots and "." in suffix):
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
        judged = {"grader": chosen["grader"]} if method == "reinforcement" else {}
        body["method"] = {"type": method, method: {**judged, "hyperparameters": hyperparameters}}
    elif hyperparameters:
        body["hyperparameters"] = hyperparameters
    return {**chosen.get("extra", {}), **body}
