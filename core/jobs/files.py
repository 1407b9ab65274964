"""The files of a launch: made from a frozen version (or copied from the person's own), then sent once each."""

from __future__ import annotations

import os
from codecs import BOM_UTF8
from collections.abc import Callable, Iterable
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

from core.dataset.examples import Split
from core.dataset.replacing import replacing
from core.jobs.values import Job
from core.provider.outcome import Outcome, Reply
from core.settings import Settings
from core.words import T

if TYPE_CHECKING:
    from core.provider.client import Client
    from core.store import Store

ROLES = {"training_file": "train", "validation_file": "validation"}
LOOKS = (0.0, 2.0, 5.0)  # seconds between looks for an upload whose answer was lost


def name_of(role: str, token: str) -> str:
    """The name of a launch's file: unlike that of any other launch, so that it can be looked for."""
    return f"{ROLES[role]}-{token[:12]}.jsonl"


def path_of(settings: Settings, job: Job, role: str) -> Path:
    """Where the file of this launch lies."""
    return settings.folder("launches", job.token) / name_of(role, job.token)


def write_whole(path: Path, blocks: Iterable[bytes]) -> None:
    """Write a file so that it is there whole and durable, or not at all, whoever else writes it now."""
    with replacing(path) as part, part.open("wb") as opened:
        opened.writelines(blocks)
        opened.flush()
        os.fsync(opened.fileno())


def prepare(store: Store, settings: Settings, job: Job) -> dict[str, Path]:
    """The files to send: role -> path. Those of a version are written here; a person's own were copied before."""
    if job.version_id is not None:
        by_split = store.version(job.version_id).by_split
        mark = [BOM_UTF8] if store.jobs.connection(job.connection_id).preset.byte_order_mark else []
        train = Split.TRAIN if by_split.get(Split.TRAIN) else Split.NONE
        for role, split in (("training_file", train), ("validation_file", Split.VALIDATION)):
            path = path_of(settings, job, role)
            if by_split.get(split) and not path.exists():
                rows = store.version_rows(job.version_id, split)
                write_whole(path, chain(mark, (row.raw.encode("utf-8") + b"\n" for row in rows)))
    return {role: path for role in ROLES if (path := path_of(settings, job, role)).exists()}


def send(
    store: Store, client: Client, job: Job, role: str, path: Path, sleep: Callable[[float], None]
) -> Reply[dict[str, Any]]:
    """Upload one file: one request, and a look at the provider where its answer was lost.

    The intent to upload is written down first, so that a process that dies in between looks before it sends.
    """
    entry = {"name": path.name, "bytes": path.stat().st_size}
    if role in job.uploads:
        reply: Reply[dict[str, Any]] = Reply(Outcome.UNKNOWN)
    else:
        job = store.jobs.update(job.id, uploads={**job.uploads, role: entry})
        reply = client.upload(path)
    if reply.outcome in (Outcome.UNKNOWN, Outcome.MALFORMED, Outcome.RATE_LIMITED):
        reply = _look(client, entry, sleep)
    if reply.ok:
        store.jobs.update(job.id, **{role: str((reply.value or {})["id"])})
    return reply


def arrived(job: Job) -> dict[str, Any]:
    """The uploads that are done; the others may be sent once more after the person's next click."""
    return {role: entry for role, entry in job.uploads.items() if getattr(job, role)}


def _look(client: Client, entry: dict[str, Any], sleep: Callable[[float], None]) -> Reply[dict[str, Any]]:
    for wait in LOOKS:
        sleep(wait)
        listed = client.files()
        for file in listed.value or []:
            if file.get("filename") == entry["name"] and file.get("bytes") == entry["bytes"] and file.get("id"):
                return Reply(Outcome.OK, file)
    return Reply(
        Outcome.REFUSED,
        message=T("The file {name} did not arrive at the provider.", name=entry["name"]),
        hint=T("No job was created. Launch again when the connection is better."),
    )
