"""The folder of a local provider: its database, files, jobs, key, lock and the note of where it answers."""

from __future__ import annotations

import json
import os
import secrets
import shutil
from pathlib import Path

from filelock import FileLock, Timeout

from core.errors import AppError
from core.server.engines.base import sync
from core.words import T

ROOM = 8 << 20  # bytes


class Occupied(AppError):
    """Another server already works on this folder."""


class Home:
    """Paths below one data folder. Names are made by the server, never taken from a request."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder.expanduser().resolve()
        for path in (self.folder, self.files, self.incoming, self.parts, self.jobs, self.batches):
            path.mkdir(parents=True, exist_ok=True, mode=0o700)

    @property
    def database(self) -> Path:
        return self.folder / "provider.db"

    @property
    def files(self) -> Path:
        return self.folder / "files"

    @property
    def incoming(self) -> Path:
        """Uploads on their way in; whatever is here when the server starts was never acknowledged."""
        return self.folder / "incoming"

    @property
    def parts(self) -> Path:
        """Parts of uploads that are not completed."""
        return self.folder / "parts"

    @property
    def jobs(self) -> Path:
        return self.folder / "jobs"

    @property
    def batches(self) -> Path:
        return self.folder / "batches"

    @property
    def endpoint(self) -> Path:
        return self.folder / "endpoint.json"

    def file(self, file_id: str) -> Path:
        """Where the bytes of a file are."""
        return self.files / file_id

    def job(self, job_id: str) -> Path:
        """The folder that a job shares with its worker."""
        return self.jobs / job_id

    def batch(self, batch_id: str) -> Path:
        """The folder in which a batch is worked on."""
        return self.batches / batch_id

    def has_room(self) -> bool:
        """Whether the disk has room for more than a few lines."""
        return shutil.disk_usage(self.folder).free >= ROOM

    def key(self) -> str:
        """The bearer token that clients must send; made at the first run, readable by this user only."""
        path = self.folder / "key"
        if not path.exists():
            write_private(path, f"sk-local-{secrets.token_urlsafe(32)}")
        return path.read_text("utf-8").strip()

    def lock(self) -> FileLock:
        """Holds the folder until released. Raises Occupied where another server has it."""
        lock = FileLock(self.folder / "server.lock")
        try:
            lock.acquire(blocking=False)
        except Timeout:
            raise Occupied(
                T("Another local provider already works on {folder}.", folder=str(self.folder)),
                T("Use that one, stop it first, or choose another folder with --data."),
            ) from None
        return lock

    def announce(self, base_url: str) -> None:
        """Notes where this server answers, for clients on the same machine."""
        write_private(self.endpoint, json.dumps({"base_url": base_url, "pid": os.getpid()}))

    def withdraw(self) -> None:
        """Takes the note back."""
        self.endpoint.unlink(missing_ok=True)


def link(source: Path, target: Path) -> None:
    """A second name for a file, or a copy where the disk knows none. What is at `target` stays. Raises
    FileNotFoundError."""
    if target.exists():
        return
    try:
        os.link(source, target)
    except FileNotFoundError:
        raise
    except OSError:
        fresh = target.with_name(target.name + ".tmp")
        try:
            shutil.copyfile(source, fresh)
            fresh.replace(target)
        finally:
            fresh.unlink(missing_ok=True)


def write_private(path: Path, text: str) -> None:
    """Writes a file as a whole, on disk when this returns, readable by this user only."""
    fresh = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    fresh.unlink(missing_ok=True)
    handle = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)
    sync(path.parent)
