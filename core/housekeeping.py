"""What nobody needs any more: old uploads, copies of launches that are over, imports that were killed."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from pathlib import Path

from core import drafts
from core.settings import Settings
from core.store import Store

DAY = 86_400.0
IMPORTED = 1 * DAY  # how long an upload stays after its import
UPLOADED = 30 * DAY  # one that was never imported, and a mapping that nobody touched
IMPORTING = 1 * DAY  # an import that no task knows of
_TAKING = ("import", "update")  # work that reads an upload
LAUNCHED = 30 * DAY  # the copies of a launch of which nothing more is to come


def clean(store: Store, settings: Settings, at: float | None = None) -> int:
    """Delete what is past its age and in use by nothing; how many uploads, launches and half imports went."""
    moment = time.time() if at is None else at
    return _uploads(store, settings, moment) + _launches(store, settings, moment) + _halves(store, moment)


def _halves(store: Store, moment: float) -> int:
    """Imports that were killed before their task could note them: nobody sees them, nobody goes on with them."""
    held = {task.result.get("dataset_id") for task in store.tasks.active()}
    begun = [dataset for dataset in store.datasets(importing=True) if dataset.state == "importing"]
    old = [half for half in begun if half.id not in held and moment - half.created_at.timestamp() > IMPORTING]
    for half in old:
        store.discard(half.id)
    return len(old)


def _uploads(store: Store, settings: Settings, moment: float) -> int:
    """Kept until taken in or given up: work that is not over and a recent draft hold their file."""
    folder = settings.folder("uploads")
    tasks = [task for task in store.tasks.recent(10_000) if task.kind in _TAKING]
    held = {_token(task.args.get("path")) for task in tasks if task.is_active}
    imported = {_token(task.args.get("path")) for task in tasks if task.state == "succeeded"}
    for draft in drafts.listed(store):
        if moment - draft.at < UPLOADED:
            held.add(draft.token)
        else:
            drafts.forget(store, draft.token)
    gone = 0
    for token, paths in _by_token(folder):
        age = moment - max(map(_touched, paths), default=moment)
        if token not in held and age > (IMPORTED if token in imported else UPLOADED):
            for path in paths:
                _remove(path)
            gone += 1
    return gone


def _launches(store: Store, settings: Settings, moment: float) -> int:
    folder = settings.folder("launches")
    held = {job.token for job in store.jobs.unsettled()}
    old = [path for path in folder.iterdir() if path.name not in held and moment - _touched(path) > LAUNCHED]
    for path in old:
        _remove(path)
    return len(old)


def _token(path: object) -> str:
    return Path(path).name if isinstance(path, str) else ""


def _by_token(folder: Path) -> Iterator[tuple[str, list[Path]]]:
    """A kept file or folder, its name beside it, what was unpacked of it."""
    found: dict[str, list[Path]] = {}
    for path in folder.iterdir():
        found.setdefault(path.name.split(".")[0], []).append(path)
    yield from found.items()


def _touched(path: Path) -> float:
    """When something was last written there."""
    try:
        inside = path.iterdir() if path.is_dir() and not path.is_symlink() else ()
        return max(path.lstat().st_mtime, *(one.lstat().st_mtime for one in inside), 0.0)
    except OSError:  # it is being written or removed now
        return time.time()


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)
