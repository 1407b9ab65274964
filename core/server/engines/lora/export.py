"""A trained adapter taken out of here: its files, named as others know the base, with a card that says what it is."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from core.errors import AppError, BadInput, NotFound
from core.server.database import Database
from core.server.engines.children import ROOT, is_secret
from core.server.engines.lora import recipes
from core.server.engines.lora.bases import Base, configured
from core.server.engines.lora.safety import UnsafeModel, check_folder
from core.server.engines.lora.weights import read_json
from core.server.home import Home
from core.words import T

WEIGHTS, CONFIG = "adapter_model.safetensors", "adapter_config.json"
TEMPLATE = "chat_template.jinja"
WORDS = (  # files of a tokenizer, as far as there are any
    "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "added_tokens.json", "vocab.json",
    "merges.txt", "tokenizer.model", TEMPLATE,
)  # fmt: skip
QUIET = "{%- set enable_thinking = enable_thinking | default(false) -%}"


@dataclass(frozen=True)
class Tuned:
    """A trained adapter: the model's id, its folder, the id of its base, what is known of its training, and the base as
    the settings name it now, if they do."""

    id: str
    adapter: Path
    base: str
    facts: Mapping[str, Any]
    source: Base | None = None

    @property
    def config(self) -> dict[str, Any]:
        """The adapter's own settings. Raises BadInput where there are none."""
        try:
            return read_json(self.adapter / CONFIG)
        except UnsafeModel as error:
            raise BadInput(
                T("The adapter of {model} cannot be read: {why}", model=self.id, why=error.message)
            ) from None

    @property
    def rank(self) -> int:
        """The largest rank in it."""
        own = self.config.get("rank_pattern")
        return max(int(rank) for rank in (self.config.get("r") or 1, *(own.values() if isinstance(own, dict) else ())))

    def base_folder(self) -> Path | None:
        """Where the base is by the settings, or was when the adapter was trained, if it is still there."""
        known = self.source.folder() if self.source else None
        if known is not None and known.is_dir():
            return known
        told = Path(str(self.config.get("base_model_name_or_path") or "none")).expanduser()
        return told if told.is_absolute() and told.is_dir() else None

    def base_name(self) -> str:
        """What the base is called elsewhere: its name at the hub where it came from there, else its id here."""
        if self.source is not None and not self.source.local:
            return self.source.source
        told = str(self.config.get("base_model_name_or_path") or "")
        cached = re.search(r"models--([^/\\]+?)--([^/\\]+)[/\\]snapshots", told)
        if cached:
            return f"{cached[1]}/{cached[2]}"
        return self.base if not told or Path(told).expanduser().is_absolute() else told


@dataclass(frozen=True)
class Exported:
    """What was written: the folder of everything, of the adapter, and of the merged model where one was asked for."""

    folder: Path
    adapter: Path
    merged: Path | None


def find(folder: Path, wanted: str) -> Tuned:
    """The adapter of a model or job in the provider's data folder. Raises NotFound, or BadInput where it has none."""
    home = Home(folder)
    database = Database(home.database)
    try:
        with database.read() as connection:
            row = connection.execute(
                "SELECT models.id AS model, models.path, models.engine AS made_by, jobs.* FROM models"
                " JOIN jobs ON jobs.id = models.job_id"
                " WHERE models.id = ? OR (jobs.id = ? AND models.id = jobs.fine_tuned_model)",
                (wanted, wanted),
            ).fetchone()
    finally:
        database.close()
    if row is None:
        raise NotFound(
            T("There is no trained model {model} here.", model=wanted[:120]),
            T("See them: python -m core models list"),
        )
    adapter = home.folder / row["path"]
    if row["made_by"] != "lora" or not (adapter / WEIGHTS).is_file():
        raise BadInput(
            T("{model} is no adapter of an open model.", model=row["model"]),
            T("Only models that were trained with LoRA can be taken elsewhere."),
        )
    source = next((base for base in configured() if base.id == row["base"]), None)
    return Tuned(row["model"], adapter, row["base"], _facts(row, home), source)


def _facts(row: Any, home: Home) -> dict[str, Any]:
    data = home.file(row["training_file"])
    digest = None
    if data.is_file():
        with data.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
    return {
        "job": row["id"],
        "method": row["method"],
        "hyperparameters": json.loads(row["hyperparameters"]),
        "seed": row["seed"],
        "trained_tokens": row["trained_tokens"],
        "finished": row["finished_at"],
        "sha256": digest,
    }


def export(
    tuned: Tuned,
    to: Path,
    *,
    merged: bool = False,
    gguf: bool = False,
    base: Path | None = None,
    base_name: str = "",
    environment: Mapping[str, str] | None = None,
) -> Exported:
    """Writes the adapter, how to serve it, and what else is asked for, into a new folder. `base` is the folder of the
    base model where it is not found by itself. Raises BadInput where that is needed and not there."""
    to = to.expanduser().absolute()
    if to.exists() and (not to.is_dir() or any(to.iterdir())):
        raise BadInput(T("{folder} is there already.", folder=str(to)), T("Name a new folder with --to."))
    found = base.expanduser().resolve() if base else tuned.base_folder()
    if merged and found is None:
        raise BadInput(T("The folder of the base model is needed to merge."), T("Give it with --base."))
    name = base_name or tuned.base_name()
    part = to.with_name(f".{to.name}.{os.getpid()}.part")
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True)
    try:
        write_adapter(tuned, part / "adapter", name, found)
        if merged and found is not None:
            merge(part / "adapter", found, part / "merged", environment or {})
            _write_words(part / "adapter", None, part / "merged")
            (part / "merged" / "README.md").write_text(card(tuned, name, found, merged=True), "utf-8")
        for file, text in recipes.files(tuned.id, name, found, tuned.rank, merged=merged, gguf=gguf).items():
            (part / file).write_text(text, "utf-8")
            (part / file).chmod(0o755 if file.endswith(".sh") else 0o644)
        if to.exists():
            to.rmdir()
        part.rename(to)
    finally:
        shutil.rmtree(part, ignore_errors=True)
    return Exported(to, to / "adapter", to / "merged" if merged else None)


def write_adapter(tuned: Tuned, folder: Path, base_name: str, base: Path | None) -> None:
    """The adapter's files, its base named as given, its tokenizer and chat template beside it."""
    folder.mkdir(parents=True)
    shutil.copyfile(tuned.adapter / WEIGHTS, folder / WEIGHTS)
    config = {**tuned.config, "base_model_name_or_path": base_name, "inference_mode": True}
    (folder / CONFIG).write_text(json.dumps(config, indent=2, ensure_ascii=False) + "\n", "utf-8")
    _write_words(tuned.adapter, base, folder)
    (folder / "README.md").write_text(card(tuned, base_name, base), "utf-8")


def _write_words(first: Path, second: Path | None, target: Path) -> None:
    """Copies the tokenizer with its chat template, which lies in a file of its own afterwards; it answers without
    thinking aloud unless it is told otherwise, as it was trained."""
    for name in WORDS:
        source = next((f / name for f in (first, second) if f is not None and (f / name).is_file()), None)
        if source is not None:
            shutil.copyfile(source, target / name)
    config = json.loads((target / WORDS[1]).read_text("utf-8")) if (target / WORDS[1]).is_file() else {}
    inside = config.pop("chat_template", None)
    if isinstance(inside, str) and not (target / TEMPLATE).exists():
        (target / TEMPLATE).write_text(inside, "utf-8")
        (target / WORDS[1]).write_text(json.dumps(config, indent=2, ensure_ascii=False) + "\n", "utf-8")
    if (target / TEMPLATE).exists():
        source_text = (target / TEMPLATE).read_text("utf-8")
        if "enable_thinking" in source_text and not source_text.startswith(QUIET):
            (target / TEMPLATE).write_text(QUIET + source_text, "utf-8")


def merge(adapter: Path, base: Path, target: Path, environment: Mapping[str, str]) -> None:
    """Lays the adapter into a copy of its base, in a process of its own. Raises AppError with its last words."""
    try:
        check_folder(base)
    except UnsafeModel as error:
        raise BadInput(error.message) from None
    env = {name: value for name, value in environment.items() if not is_secret(name)}
    env |= {"HF_HUB_OFFLINE": "1", "OMP_WAIT_POLICY": "PASSIVE"}
    command = [sys.executable, "-m", "core.server.engines.lora.merging", str(adapter), str(base), str(target)]
    done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, stdin=subprocess.DEVNULL)
    if done.returncode != 0:
        last = (done.stderr.strip().splitlines() or [f"exit code {done.returncode}"])[-1]
        raise AppError(
            T("The adapter could not be merged into its base: {why}.", why=last[:300]),
            T("Merging needs requirements-lora.txt, and memory for the whole model."),
        )


def licence_of(base: Path | None) -> str:
    """The licence that the base's own card names; empty where it names none."""
    card_file = base / "README.md" if base else None
    if card_file is None or not card_file.is_file():
        return ""
    with card_file.open(encoding="utf-8", errors="replace") as file:
        head = file.read(16_384)
    found = re.search(r"^license:[ \t]*[\"']?([\w.+-]+)", head.split("\n---", 1)[0], re.MULTILINE)
    return found[1] if head.startswith("---") and found else ""


def card(tuned: Tuned, base_name: str, base: Path | None, *, merged: bool = False) -> str:
    """The README of an adapter or merged model, as hubs read it."""
    licence = licence_of(base)
    facts = tuned.facts
    head = {
        "base_model": base_name,
        "library_name": "transformers" if merged else "peft",
        "license": licence or "other",
    }
    kind = "whole model, its adapter merged in" if merged else "LoRA adapter"
    chosen = ", ".join(f"{key} {value}" for key, value in sorted(dict(facts.get("hyperparameters") or {}).items()))
    when = datetime.fromtimestamp(facts["finished"], UTC).date().isoformat() if facts.get("finished") else "unknown"
    told = f"the base's own card says {licence}" if licence else "unknown here; look at where the base was published"
    lines = [
        "---",
        *(f"{key}: {json.dumps(value, ensure_ascii=False)}" for key, value in head.items()),
        "tags: [lora, luopan]",
        "---",
        "",
        f"# {tuned.id}",
        "",
        f"A {kind}, trained with Luopan on top of `{base_name}`.",
        "",
        f"- Licence of the base: {told}. It holds for this model as well.",
        f"- Method: {facts.get('method')}; {chosen or 'usual settings'}; seed {facts.get('seed')}; rank {tuned.rank}.",
        f"- Data: SHA-256 of the training file {facts.get('sha256') or 'unknown (the file was deleted)'}.",
        f"- Trained tokens: {facts.get('trained_tokens') or 'unknown'}. Finished: {when}. Job: {facts.get('job')}.",
        "- It answers without thinking aloud, as it was trained; give it the chat template that lies beside it.",
        "- It was judged by nobody but its trainer: compare it with its base on rows that it has not seen.",
        "",
    ]
    return "\n".join(lines)
