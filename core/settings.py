"""Where Luopan keeps things and how it is set up: the only reader of the environment."""

from __future__ import annotations

import getpass
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from core.errors import BadInput
from core.words import T

# name -> (default, what it is for). An empty value means the default. The README shows this table.
VARIABLES: dict[str, tuple[str, str]] = {
    "LUOPAN_HOME": ("~/.luopan", "folder for the database, uploaded files, models and keys"),
    "LUOPAN_DATABASE_URL": ("", "SQLAlchemy URL of the store; empty means SQLite in LUOPAN_HOME"),
    "LUOPAN_PROVIDER_PORT": ("8790", "port of the local provider; the next free one is taken if it is busy"),
    "LUOPAN_USER": ("", "name written into the history of edits; empty means the name you logged in with"),
    "LUOPAN_AUTOSTART": ("1", "0: the app does not start its worker and its local provider"),
    "LUOPAN_LORA_MODELS": ("", "open models to train with LoRA: folders or hub names, comma between, or `name=folder`"),
    "LUOPAN_VLLM_URL": ("", "a vLLM server that answers for the models published there, as `http://127.0.0.1:8000/v1`"),
    "LUOPAN_VLLM_KEY": ("", "the key of that server, if it asks for one"),
    "LUOPAN_RAY_ADDRESS": ("", "a Ray cluster that trains open models, such as `auto` or `ray://head:10001`"),
    "LUOPAN_LORA_WORKERS": (
        "",
        "how many GPUs or cluster workers share one LoRA training; empty: all GPUs of this machine",
    ),
}


@dataclass(frozen=True)
class Settings:
    """One machine's set-up. Folders are made when they are first asked for."""

    home: Path
    database_url: str
    provider_port: int
    user: str
    autostart: bool
    lora_models: tuple[tuple[str, str], ...]  # the id of each open model, and its folder or hub name
    vllm_url: str
    vllm_key: str = field(repr=False)
    ray_address: str
    lora_workers: int  # 0: as many as this machine has GPUs
    environment: Mapping[str, str] = field(repr=False)

    @classmethod
    def from_env(cls, environ: Mapping[str, str] | None = None) -> Settings:
        """Read LUOPAN_* from the environment (or from the mapping given). Raises BadInput that names the variable."""
        source = os.environ if environ is None else environ
        value = {name: source.get(name, "").strip() or default for name, (default, _help) in VARIABLES.items()}
        home = Path(value["LUOPAN_HOME"]).expanduser().resolve()
        return cls(
            home=home,
            database_url=value["LUOPAN_DATABASE_URL"] or f"sqlite:///{home / 'luopan.db'}",
            provider_port=_port(value["LUOPAN_PROVIDER_PORT"]),
            user=value["LUOPAN_USER"] or _login_name(),
            autostart=value["LUOPAN_AUTOSTART"] != "0",
            lora_models=_named_models(value["LUOPAN_LORA_MODELS"]),
            vllm_url=value["LUOPAN_VLLM_URL"],
            vllm_key=value["LUOPAN_VLLM_KEY"],
            ray_address=value["LUOPAN_RAY_ADDRESS"],
            lora_workers=_workers(value["LUOPAN_LORA_WORKERS"]),
            environment=dict(source),
        )

    def folder(self, *parts: str) -> Path:
        """A folder below home, private to this user, made when missing."""
        path = self.home.joinpath(*parts)
        path.mkdir(parents=True, exist_ok=True, mode=0o700)
        return path

    @property
    def tasks_url(self) -> str:
        """Database of the durable tasks: beside a SQLite store, or inside the PostgreSQL one."""
        if self.database_url.startswith("sqlite"):
            return f"sqlite:///{self.folder() / 'tasks.db'}"
        return self.database_url

    @property
    def provider_home(self) -> Path:
        """Folder of the local provider: its database, files, jobs, models, key and endpoint."""
        return self.folder("provider")


def _port(text: str) -> int:
    if not text.isdecimal() or int(text) > 65535:
        message = T("LUOPAN_PROVIDER_PORT is “{seen}”.", seen=text[:40])
        raise BadInput(message, T("Give it the number of a port, such as 8790, or leave it out."))
    return int(text)


def _named_models(text: str) -> tuple[tuple[str, str], ...]:
    """The open models of a list: each has the name that it is given, else that of its folder, else its hub name."""
    found: dict[str, str] = {}
    for entry in re.split(r"[,\n]", text):
        alias, equals, source = (part.strip() for part in entry.partition("="))
        if not equals or "/" in alias:  # a folder may have = in its name
            alias, source = "", entry.strip()
        if not source:
            continue
        folder = source.startswith(("~", ".")) or Path(source).expanduser().is_absolute()
        name = alias or (Path(source).expanduser().resolve().name if folder else source)
        if not re.fullmatch(r"[A-Za-z0-9][\w./-]{0,99}", name) or found.setdefault(name, source) != source:
            message = T("LUOPAN_LORA_MODELS names a model “{seen}”.", seen=name[:40])
            raise BadInput(message, T("Give each model a name of its own, of letters and digits: name=folder."))
    return tuple(found.items())


def _workers(text: str) -> int:
    if text and not (text.isdecimal() and 0 < int(text) <= 1024):
        message = T("LUOPAN_LORA_WORKERS is “{seen}”.", seen=text[:40])
        raise BadInput(message, T("Give it a whole number from 1, or leave it out."))
    return int(text or 0)


def _login_name() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "me"
