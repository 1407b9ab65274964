"""Files that a person brought: kept under names of our own, so that a reload finds them and no name is ever a path."""

from __future__ import annotations

import re
import secrets
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from core.dataset.readers import Member, packed, several
from core.settings import Settings

TYPES = [
    "csv", "tsv", "txt", "xlsx", "xls", "xlsb", "ods", "json", "jsonl", "ndjson", "parquet", "html", "htm", "xml", "md",
    "gz", "bz2", "xz", "zip",
]  # fmt: skip
_TOKEN = re.compile(r"[0-9a-f]{32}")


@dataclass(frozen=True)
class Upload:
    """A kept file, and what its owner calls it."""

    token: str
    path: Path
    name: str


def keep(settings: Settings, file: BinaryIO, name: str) -> Upload:
    """Write an uploaded file down under a fresh name."""
    folder, token = settings.folder("uploads"), secrets.token_hex(16)
    path = folder / token
    with path.open("wb") as out:
        shutil.copyfileobj(file, out, 1 << 20)
    (folder / f"{token}.name").write_text(name, encoding="utf-8", errors="replace")
    return Upload(token, path, name)


def keep_all(settings: Settings, files: Sequence[tuple[BinaryIO, str]]) -> Upload:
    """Write uploaded files down, packed ones unpacked; several are kept in one folder and read as one.

    Raises BadInput where one cannot be unpacked; nothing is kept then.
    """
    kept = [keep(settings, file, name) for file, name in files]
    try:
        members = [member for upload in kept for member in _members(upload)]
    except BaseException:
        for upload in kept:
            _forget(upload)
        raise
    if len(members) == 1 == len(kept) and members[0].path == kept[0].path:
        return kept[0]
    folder, token = settings.folder("uploads"), secrets.token_hex(16)
    (folder / token).mkdir()
    for number, member in enumerate(members, start=1):
        path = folder / token / f"{number:04}"
        member.path.replace(path)
        several.write_name(path, member.name)
    for upload in kept:
        _forget(upload)
    name = several.title([member.name for member in members])
    (folder / f"{token}.name").write_text(name, encoding="utf-8", errors="replace")
    return Upload(token, folder / token, name)


def _members(upload: Upload) -> list[Member]:
    if not upload.path.stat().st_size or not packed.is_packed(upload.path):
        return [Member(upload.path, upload.name)]
    return packed.unpack(upload.path, upload.name, _beside(upload))


def _beside(upload: Upload) -> Path:
    return upload.path.with_name(f"{upload.token}.unpacked")


def discard(upload: Upload) -> None:
    """Delete a kept file, or a folder of them."""
    if upload.path.is_dir():
        shutil.rmtree(upload.path, ignore_errors=True)
        upload.path.with_name(f"{upload.token}.name").unlink(missing_ok=True)
    else:
        _forget(upload)


def _forget(upload: Upload) -> None:
    shutil.rmtree(_beside(upload), ignore_errors=True)
    upload.path.unlink(missing_ok=True)
    upload.path.with_name(f"{upload.token}.name").unlink(missing_ok=True)


def find(settings: Settings, token: str) -> Upload | None:
    """The file with this token; None where there is none (or the token is not one of ours)."""
    if not _TOKEN.fullmatch(token):
        return None
    path = settings.folder("uploads") / token
    name = path.with_name(f"{token}.name")
    return Upload(token, path, name.read_text(encoding="utf-8")) if path.exists() and name.is_file() else None
