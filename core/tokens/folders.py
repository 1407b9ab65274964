"""The folder of an open-weight model, read as what a stranger made: few files, none of them large, none a program."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import stat
from collections.abc import Iterator
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from typing import Any

from core.errors import BadInput, NotFound
from core.settings import Settings
from core.words import T

INSTALLED, GIVEN = "own:", "folder:"  # how the names of such encodings begin
FILES = {"tokenizer.json": 96 << 20, "tokenizer_config.json": 8 << 20, "chat_template.jinja": 256 << 10}  # most bytes
HUB = "snapshots"  # the folder in which the hub's own store keeps what a model was at some time
_PICKLES = (".bin", ".pkl", ".pickle", ".pt", ".pth", ".ckpt")


def is_own(name: str) -> bool:
    """Whether an encoding is a model's own tokenizer."""
    return name.startswith((INSTALLED, GIVEN))


def read_folder(folder: Path) -> dict[str, bytes]:
    """The files of FILES that are there. Raises BadInput where the tokenizer is missing, or not to be trusted."""
    if not folder.is_dir():
        told = T("There is no folder {path}.", path=str(folder)[:200])
        raise BadInput(told, T("Give the folder of the model, which holds tokenizer.json."))
    found = {name: data for name, most in FILES.items() if (data := _read(_own(folder / name), most)) is not None}
    if "tokenizer.json" not in found:
        raise _without(folder)
    return found


def _own(path: Path) -> Path:
    """The file itself where the hub's own store keeps it elsewhere, and links to it."""
    return path.resolve() if path.parent.parent.name == HUB else path


def model_folder(source: str) -> Path | None:
    """The folder of an open-weight model, given as such or by its name at the hub; None where it is not here."""
    if is_folder(source):
        folder = Path(source).expanduser().resolve()
        return folder if folder.is_dir() else None
    try:
        from huggingface_hub import try_to_load_from_cache
    except ImportError:
        return None
    found = try_to_load_from_cache(source, "config.json")
    return Path(found).parent if isinstance(found, str) else None


def is_folder(source: str) -> bool:
    """Whether a model was given as a folder, not by its name at the hub."""
    return source.startswith(("~", ".")) or Path(source).expanduser().is_absolute()


def _read(path: Path, most: int) -> bytes | None:
    """The bytes of an ordinary file of bearable size; None where there is none."""
    try:
        handle = os.open(path, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0))
    except FileNotFoundError:
        return None
    except OSError as error:
        if path.is_symlink():
            told = T("{file} is a link to somewhere else.", file=path.name)
            raise BadInput(told, T("Copy the model's files themselves into the folder.")) from error
        raise BadInput(T("{file} cannot be read: {reason}.", file=path.name, reason=error.strerror or "")) from error
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        raise BadInput(T("{file} is no ordinary file.", file=path.name), T("Give the folder of a model."))
    with os.fdopen(handle, "rb") as file:
        data = file.read(most + 1)
    if len(data) > most:
        told = T("{file} has more than {most} MB, which no tokenizer needs.", file=path.name, most=max(1, most >> 20))
        raise BadInput(told, T("Give the folder of a model."))
    return data


def _without(folder: Path) -> BadInput:
    """What to do about a folder without tokenizer.json, by what it holds instead."""
    names = {path.name for path, _at in zip(folder.iterdir(), range(10_000), strict=False)}
    save = T("Open it once with transformers and save it: that writes tokenizer.json. Then give that folder.")
    if names & {"tokenizer.model", "spiece.model", "sentencepiece.bpe.model"}:
        return BadInput(T("The folder holds a SentencePiece model, but no tokenizer.json."), save)
    if {"vocab.json", "merges.txt"} <= names or "vocab.txt" in names:
        return BadInput(T("The folder holds the older vocabulary files, but no tokenizer.json."), save)
    if any(name.endswith(_PICKLES) for name in names):
        told = T("The folder holds only pickled files, which are programs and are never opened here.")
        return BadInput(told, T("Get tokenizer.json from where the model is published."))
    return BadInput(T("The folder holds no tokenizer.json."), T("Give the folder of the model itself."))


def home() -> Path:
    """Where tokenizers that were brought are kept."""
    return Settings.from_env().home / "tokenizers"


def install(folder: Path | str) -> str:
    """Keep a copy of a model's tokenizer; returns the name of its encoding. Raises BadInput where it is none."""
    from core.tokens.own import OwnTokenizer

    folder = Path(folder).expanduser()
    files = read_folder(folder)
    OwnTokenizer(files)
    target = home() / _short_name(folder, files)
    if not target.exists():
        part = target.with_name(f".{target.name}.{os.getpid()}")
        part.mkdir(parents=True, exist_ok=True, mode=0o700)
        for name, data in files.items():
            (part / name).write_bytes(data)
        part.rename(target)
    return INSTALLED + target.name


def _short_name(folder: Path, files: dict[str, bytes]) -> str:
    digest = hashlib.sha256(b"\0".join(files.get(name, b"") for name in FILES)).hexdigest()[:8]
    here = folder.resolve()
    name = here.parent.parent.name.rpartition("--")[2] if here.parent.name == HUB else here.name
    short = re.sub(r"[^A-Za-z0-9.]+", "-", name).strip("-.")[:24] or "model"
    return f"{short}-{digest}"


def own_name(folder: Path) -> str:
    """The name of the encoding of a model's folder, as `install` gives it. Raises BadInput where it has none."""
    stamps = [(name, (found.st_size, found.st_mtime_ns)) for name in FILES if (found := _stat(folder / name))]
    return _own_name(folder, tuple(stamps))


@lru_cache(maxsize=64)
def _own_name(folder: Path, _stamps: tuple[Any, ...]) -> str:
    return INSTALLED + _short_name(folder, read_folder(folder))


def _stat(path: Path) -> os.stat_result | None:
    try:
        return path.stat()
    except OSError:
        return None


def at_hand() -> dict[str, Path]:
    """The folder of each tokenizer that can count: those kept here, and of the models that are trained here."""
    found = {INSTALLED + folder.name: folder for folder in _kept()}
    for _name, source in Settings.from_env().lora_models:
        folder = model_folder(source)
        with suppress(BadInput, OSError):
            if folder is not None:
                found.setdefault(own_name(folder), folder)
    return found


def installed() -> list[str]:
    """The names of the tokenizers that are kept here."""
    return [INSTALLED + folder.name for folder in _kept()]


def _kept() -> Iterator[Path]:
    place = home()
    if place.is_dir():
        yield from sorted(path for path in place.iterdir() if path.is_dir() and not path.name.startswith("."))


def remove(name: str) -> None:
    """Delete a tokenizer that is kept here."""
    if name in installed():
        shutil.rmtree(home() / name.removeprefix(INSTALLED), ignore_errors=True)


def files_of(name: str) -> dict[str, bytes]:
    """The files behind the name of such an encoding. Raises NotFound where they are gone."""
    if name.startswith(GIVEN):
        return read_folder(Path(name.removeprefix(GIVEN)).expanduser())
    folder = at_hand().get(name)
    if folder is None:
        told = T("The tokenizer {name} is not here any more.", name=name)
        raise NotFound(told, T("Bring its folder again under Models and prices, or count with another one."))
    return read_folder(folder)


def config_of(files: dict[str, bytes]) -> dict[str, Any]:
    """The settings beside a tokenizer. Raises BadInput where they are no JSON object."""
    try:
        found = json.loads(files.get("tokenizer_config.json", b"{}").decode("utf-8-sig"))
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise BadInput(T("tokenizer_config.json cannot be read."), T("Get it anew from where the model is published."))
    return found
