"""Files that a person brought: kept under names of our own, so that a reload finds them and no name is ever a path."""

from __future__ import annotations

import re
import secrets
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from core.settings import Settings

TYPES = ["csv", "tsv", "txt", "xlsx", "json", "jsonl", "ndjson"]
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


def find(settings: Settings, token: str) -> Upload | None:
    """The file with this token; None where there is none (or the token is not one of ours)."""
    if not _TOKEN.fullmatch(token):
        return None
    path = settings.folder("uploads") / token
    name = path.with_name(f"{token}.name")
    return Upload(token, path, name.read_text(encoding="utf-8")) if path.is_file() and name.is_file() else None
