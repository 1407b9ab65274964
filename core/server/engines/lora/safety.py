"""A model folder is what a stranger made: looked through before anything of it is opened.

What could run code (pickled weights, code of its own, a template that never ends) or reach elsewhere (links, paths in
an index, an adapter that names another base) is refused with a sentence. What stays is numbers and plain settings.
"""

from __future__ import annotations

import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from core.errors import BadInput
from core.server.engines.lora.weights import (
    INDEX,
    INDEX_LIMIT,
    JSON_LIMIT,
    SINGLE,
    UnsafeModel,
    read_header,
    read_json,
    weight_files,
)
from core.tokens.templates import Template
from core.words import T

__all__ = ["UnsafeModel", "check_folder"]

ENTRIES = 10_000  # files and folders that are looked at
PICKLES = (".bin", ".pt", ".pth", ".pkl", ".pickle", ".ckpt")
LARGER = {"tokenizer.json": 96 << 20, "vocab.json": 32 << 20, INDEX: INDEX_LIMIT}  # bytes
# Settings by which a folder asks for code: its own, or a kernel from elsewhere.
CODE_KEYS = ("auto_map", "custom_pipelines", "custom_generate")
ATTENTION_KEYS = ("attn_implementation", "_attn_implementation", "experts_implementation", "_experts_implementation")
TALK = [{"role": "user", "content": "a question"}, {"role": "assistant", "content": "an answer"}]


def check_folder(path: Path) -> None:
    """Raises UnsafeModel where a folder should not be opened as a model; reads headers and settings only."""
    if not path.is_dir():
        raise UnsafeModel(T("There is no model folder {path}.", path=str(path)[:200]))
    names = {entry.relative_to(path).as_posix() for entry in _entries(path)}
    if "adapter_config.json" in names:
        told = T("The folder holds an adapter, which names a model elsewhere. Give the folder of the model itself.")
        raise UnsafeModel(told)
    read_json(path / "config.json")
    settings = {name: path / name for name in names if name.endswith(".json")}
    for name, file in sorted(settings.items()):
        _check_settings(name, file)
    if not {SINGLE, INDEX} & names:
        _refuse_other_weights(names)
    for file in weight_files(path):
        read_header(file)
    for source, named, constants in _templates(path, names):
        _check_template(source, named, constants)


def _entries(folder: Path) -> Iterator[Path]:
    """Everything in the folder. Raises UnsafeModel for what is no file, leads outside, or is too much."""
    home = _home(folder)
    waiting, seen = [folder], 0
    while waiting:
        for entry in sorted(waiting.pop().iterdir()):
            seen += 1
            if seen > ENTRIES:
                raise UnsafeModel(T("The model folder holds more than {n} files.", n=ENTRIES))
            name = entry.relative_to(folder).as_posix()
            try:
                inside = not entry.is_symlink() or entry.resolve(strict=True).is_relative_to(home)
                mode = entry.stat().st_mode
            except (OSError, RuntimeError):
                raise UnsafeModel(T("{file} is a link to nowhere.", file=name)) from None
            if not inside:
                raise UnsafeModel(T("{file} is a link to a place outside the model folder.", file=name))
            if stat.S_ISDIR(mode):
                if not entry.is_symlink():
                    waiting.append(entry)
            elif not stat.S_ISREG(mode):
                raise UnsafeModel(T("{file} is no ordinary file.", file=name))
            yield entry


def _home(folder: Path) -> Path:
    """Where links may lead: the folder; for a snapshot in the hub's cache, the model's part of that cache."""
    real = folder.resolve()
    cached = real.parent.name == "snapshots" and real.parent.parent.name.startswith("models--")
    return real.parent.parent if cached else real


def _check_settings(name: str, file: Path) -> None:
    limit = LARGER.get(name, JSON_LIMIT)
    if file.stat().st_size > limit:
        raise UnsafeModel(T("{file} has more than {most} MB, which no model needs.", file=name, most=limit >> 20))
    if name in LARGER or "/" in name:
        return
    waiting: list[Any] = [read_json(file)]
    while waiting:
        item = waiting.pop()
        if isinstance(item, dict):
            asked = next((key for key in CODE_KEYS if item.get(key)), None)
            asked = asked or next((key for key in ATTENTION_KEYS if "/" in str(item.get(key, ""))), None)
            if asked:
                told = T("{file} asks to run code that came with the model ({key}). Such models are not opened here.",
                         file=name, key=asked)  # fmt: skip
                raise UnsafeModel(told)
            waiting.extend(item.values())
        elif isinstance(item, list):
            waiting.extend(item)


def _refuse_other_weights(names: set[str]) -> None:
    if any(name.endswith(PICKLES) for name in names):
        raise UnsafeModel(
            T("The weights are pickled, and a pickle is a program. Get the model as safetensors, or convert it.")
        )
    if any(name.endswith(".gguf") for name in names):
        raise UnsafeModel(T("A GGUF file cannot be trained. Give the folder of the original model, with safetensors."))


def _templates(folder: Path, names: set[str]) -> Iterator[tuple[str, str, dict[str, str]]]:
    """The chat templates with their names (empty: the usual one) and the words that they may use."""
    config = read_json(folder / "tokenizer_config.json") if "tokenizer_config.json" in names else {}
    constants = {key: _word(value) for key, value in config.items() if key.endswith("_token") and _word(value)}
    told = config.get("chat_template")
    for one in told if isinstance(told, list) else [{"name": "default", "template": told}]:
        if isinstance(one, dict) and isinstance(one.get("template"), str):
            yield one["template"], "" if one.get("name") == "default" else str(one.get("name")), constants
    if "chat_template.json" in names:
        yield str(read_json(folder / "chat_template.json").get("chat_template", "")), "", constants
    for name in sorted(names):
        if name.endswith(".jinja"):
            if (folder / name).stat().st_size > JSON_LIMIT:
                raise UnsafeModel(T("The chat template cannot be used: {reason}", reason=T("it is too long")))
            source = (folder / name).read_bytes().decode("utf-8", "replace")
            yield source, "" if name == "chat_template.jinja" else name, constants


def _check_template(source: str, named: str, constants: dict[str, str]) -> None:
    """Renders a short talk within the sandbox's limits of time, steps and size."""
    tools = [{"type": "function", "function": {"name": "look", "parameters": {"type": "object", "properties": {}}}}]
    try:
        template = Template(source, constants)
        template.render(TALK[:1], tools if named else None, ask=True)
        template.render(TALK, tools if named else None)
    except BadInput as error:
        raise UnsafeModel(T("The chat template cannot be used: {reason}", reason=error.message)) from None


def _word(value: Any) -> str:
    found = value.get("content") if isinstance(value, dict) else value
    return found if isinstance(found, str) else ""
