"""Whether a LoRA training fits the memory and how long it will take, reckoned from headers before anything is loaded.

Checked against what was measured on two cores in 32 bits, rank 16, with batches of 8: 135 M parameters 2.4 GB (rows of
43 tokens) and 142 tokens a second, 0.6 B parameters 6.2 GB (rows of 53 tokens) and 48 tokens a second.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from math import ceil
from pathlib import Path
from typing import Any

from core.server.engines.lora.devices import Device, detect
from core.server.engines.lora.weights import read_header, read_json, weight_files
from core.words import T, Text

__all__ = ["Device", "Fit", "Shape", "detect", "estimate", "on_cluster", "refusal", "shape_of"]

RANK = 16
LIBRARIES = {"cpu": 0.85e9, "cuda": 1.2e9, "mps": 1.2e9}  # bytes that torch and the rest take by themselves
# Tokens that go through the model together at most, where a single row is not longer.
TOGETHER = {"cpu": 4_096, "mps": 8_192, "cuda": 16_384}
LIGHT = 2_048  # tokens up to which a processor does not compute layers twice to save memory
LOADING = 15.0  # seconds until the first step
STEP = 0.02  # seconds of every step beside its arithmetic
SPARE = 1.1  # what lies idle between tensors that are in use
WEIGHT_BYTES = {"cpu": 4, "cuda": 2, "mps": 2}
BANDWIDTH = {"cpu": 12e9, "cuda": 1e12, "mps": 1e11}  # bytes of weights that are read in a second while writing
TURN = 0.03  # seconds that every token of an answer takes beside that
HELD_WHOLE = 0.6  # of a GPU's free memory: what weights may take before they are held in 4 bits
FOUR_BITS = 0.53  # bytes of a number then, with its share of the scales
TIGHT = 0.9  # of the free memory, above which a training may not fit
HOURS = 24.0  # what a training may take unless its metadata says otherwise
GIGA = 1e9
MAX_HOURS, MAX_MEMORY = "max_hours", "max_memory_gb"  # keys of a job's metadata that raise the limits


@dataclass(frozen=True)
class Shape:
    """The size of a model: all its numbers, those that work on every token, those of one LoRA rank, and its build."""

    parameters: int
    active: int
    lora_per_rank: int
    layers: int
    hidden: int
    intermediate: int
    vocabulary: int


@dataclass(frozen=True)
class Fit:
    """What a training would take: bytes of memory, of the bytes there are, seconds, and a sentence that says so."""

    bytes_needed: int
    bytes_there: int
    seconds: float
    sentence: Text

    @property
    def is_tight(self) -> bool:
        """Whether it may not fit: the reckoning is not exact, and others take memory too."""
        return self.bytes_needed > TIGHT * self.bytes_there


def shape_of(model_dir: Path) -> Shape:
    """The size of the model in a folder. Raises UnsafeModel where its files cannot be read."""
    config = read_json(model_dir / "config.json")
    config = {**config, **(config.get("text_config") or {})}
    tensors = {name: t for file in weight_files(model_dir) for name, t in read_header(file).items()}
    total = sum(tensor.numbers for tensor in tensors.values())
    shared = _number(config, "num_experts_per_tok", 1) / max(1, _number(config, "num_experts", "num_local_experts", 1))
    resting = sum(t.numbers for name, t in tensors.items() if ".experts." in name) * (1 - min(1.0, shared))
    embedding = next((t for name, t in tensors.items() if name.endswith(("embed_tokens.weight", "wte.weight"))), None)
    if embedding and any(name.endswith("lm_head.weight") for name in tensors):
        resting += embedding.numbers  # looked up, not multiplied; a tied one is the last layer as well
    linear = [t.shape for name, t in tensors.items() if len(t.shape) == 2 and _adapted(name)]
    hidden = _number(config, "hidden_size", "n_embd", embedding.shape[-1] if embedding else 1)
    return Shape(
        parameters=total,
        active=int(total - resting),
        lora_per_rank=sum(rows + columns for rows, columns in linear),
        layers=_number(config, "num_hidden_layers", "n_layer", 1),
        hidden=hidden,
        intermediate=_number(config, "intermediate_size", "n_inner", 4 * hidden),
        vocabulary=_number(config, "vocab_size", embedding.shape[0] if embedding else 1),
    )


def _adapted(name: str) -> bool:
    return name.endswith(".weight") and not any(part in name for part in ("embed", "lm_head", "wte", "wpe", "norm"))


def _number(config: Mapping[str, Any], *names: str | int) -> int:
    """The first of these settings that is a whole number, or the number at the end."""
    for name in names:
        found = config.get(name) if isinstance(name, str) else name
        if isinstance(found, int) and found > 0:
            return found
    return 1


def estimate(
    model_dir: Path,
    *,
    rows_tokens: Sequence[int],
    batch_size: int,
    epochs: float,
    method: str,
    device: Device,
    rank: int = RANK,
    four_bits: bool | None = None,
    answers: int = 0,
    answer_tokens: int = 0,
) -> Fit:
    """What a training would take. `rows_tokens` are the tokens of each row as the model reads it (of a preference, the
    longer of its two); `four_bits` is whether weights may be held so where they are large (None: where that is
    installed). Of a reinforcement `answers` are tried to each row, of up to `answer_tokens`. Raises UnsafeModel where
    the folder cannot be read."""
    shape = shape_of(model_dir)
    possible = find_spec("bitsandbytes") is not None if four_bits is None else four_bits
    stored = sum(path.stat().st_size for path in weight_files(model_dir))
    weights = shape.parameters * WEIGHT_BYTES[device.kind]
    if possible and device.kind == "cuda" and stored > HELD_WHOLE * device.free:
        weights = int(shape.parameters * FOUR_BITS) + shape.vocabulary * shape.hidden * 2  # words stay in 16 bits
    pair = 2 if method == "dpo" else 1
    if answers:
        rows_tokens = [tokens + answer_tokens for tokens in rows_tokens for _answer in range(answers)]
        batch_size *= answers
    longest = max(rows_tokens, default=1) * pair
    tokens = at_once(ceil(batch_size / device.count), longest, device.kind) * longest
    needed = weights + _memory(shape, tokens, rank, device, pair)
    seconds = _seconds(shape, rows_tokens, batch_size, epochs, method, device)
    if answers:  # they are written together, a step's worth at a time, and each token reads all the weights
        turns = ceil(len(rows_tokens) / batch_size) * epochs * answer_tokens
        seconds += turns * (TURN + weights / BANDWIDTH[device.kind])
    return Fit(needed, device.free, seconds, _say(model_dir.name, needed, device, seconds))


def on_cluster(fits: Mapping[str, Fit], name: str, workers: int) -> Fit:
    """What is known of a training on a cluster: the memory of each worker, by its device; not what is free there, nor
    how fast it is."""
    on_gpu, on_cpu = fits["cuda"].bytes_needed, fits["cpu"].bytes_needed
    values = {"model": name, "gpu": _giga(on_gpu), "cpu": _giga(on_cpu)}
    if workers == 1:
        said = T("Training {model} on the cluster needs about {gpu} GB of a GPU's memory, or {cpu} GB on a processor."
                 " What is free there, and how long it takes, is not known here.", **values)  # fmt: skip
    else:
        said = T("Training {model} on {n} workers of the cluster needs about {gpu} GB of GPU memory on each, or"
                 " {cpu} GB on a processor. What is free there, and how long it takes, is not known here.",
                 n=workers, **values)  # fmt: skip
    return Fit(on_gpu, 0, 0.0, said)


def at_once(batch: int, longest: int, kind: str) -> int:
    """Rows that go through the model together: the most that divide the batch and keep within the tokens."""
    fits = max(1, TOGETHER[kind] // max(1, longest))
    return max(size for size in range(1, batch + 1) if batch % size == 0 and size <= fits)


def _memory(shape: Shape, tokens: int, rank: int, device: Device, pair: int) -> int:
    number = WEIGHT_BYTES[device.kind]
    adapter = shape.lora_per_rank * rank * (4 + 4 + 8)  # itself, its gradient, the optimizer's two moments
    one = tokens * (8 * shape.hidden + 5 * shape.intermediate) * number  # what a layer needs to learn from its tokens
    if device.kind == "cpu" and tokens <= LIGHT:
        kept = shape.layers * one
    else:  # gradient checkpointing keeps what goes into each layer, and makes one layer anew at a time
        kept = shape.layers * tokens * shape.hidden * number + one
    # The scores of every token over the whole vocabulary, their 32-bit copy, its softmax and its gradient.
    scores = tokens * shape.vocabulary * (number + 4 + 4 + 4)
    reference = tokens * shape.vocabulary * 4 if pair == 2 else 0
    return int(SPARE * (LIBRARIES[device.kind] + adapter + kept + scores + reference))


def _seconds(
    shape: Shape, rows_tokens: Sequence[int], batch_size: int, epochs: float, method: str, device: Device
) -> float:
    # Forward, forward again for the checkpointed layers, and back through frozen weights: two operations each.
    passes = 3 + (1 if method == "dpo" else 0)  # the reference's answers, too
    tokens = sum(rows_tokens) * epochs * (2 if method == "dpo" else 1)
    work = 2 * passes * shape.active * tokens / (device.flops * device.count)
    steps = ceil(len(rows_tokens) / batch_size) * epochs
    loading = shape.parameters * 4 / 1e9
    return LOADING + loading + work + steps * STEP


def refusal(fit: Fit, metadata: Mapping[str, str] | None = None) -> Text | None:
    """Why a training should not begin, with the way to insist; None where it may. `metadata` are the job's own."""
    given = metadata or {}
    memory = _limit(given.get(MAX_MEMORY), fit.bytes_there / GIGA)
    if fit.bytes_needed / GIGA > memory:
        return T(
            "The training needs about {need} GB of memory and may use {most} GB. Take a smaller model, a smaller"
            " batch_size or shorter rows; or, where you know better, put {key} into the job's metadata.",
            need=_giga(fit.bytes_needed),
            most=f"{memory:.1f}",
            key=f'"{MAX_MEMORY}": "{ceil(fit.bytes_needed / GIGA)}"',
        )
    hours = _limit(given.get(MAX_HOURS), HOURS)
    if fit.seconds / 3600 > hours:
        return T(
            "The training would take about {time}; the limit is {most} {most:hour|hours}. Take a smaller "
            "model, fewer rows or"
            " fewer epochs; or, to train all the same, put {key} into the job's metadata.",
            time=duration(fit.seconds),
            most=f"{hours:g}",
            key=f'"{MAX_HOURS}": "{ceil(fit.seconds / 3600)}"',
        )
    return None


def _limit(told: str | None, usual: float) -> float:
    try:
        found = float(told) if told is not None else usual
    except ValueError:
        return usual
    return found if found > 0 else usual


def _say(name: str, needed: int, device: Device, seconds: float) -> Text:
    values = {"model": name, "need": _giga(needed), "there": _giga(device.free), "time": duration(seconds)}
    if device.kind == "cpu":
        return T("Training {model} on the processor needs about {need} GB of memory ({there} GB are free) and about"
                 " {time}.", **values)  # fmt: skip
    if device.count > 1:
        return T("Training {model} on {n} GPUs needs about {need} GB on each ({there} GB are free) and about {time}.",
                 n=device.count, **values)  # fmt: skip
    return T("Training {model} on the GPU needs about {need} GB of its memory ({there} GB are free) and about {time}.",
             **values)  # fmt: skip


def duration(seconds: float) -> Text:
    """A time in words, such as "40 minutes"."""
    if seconds < 90:
        return T("{n} seconds", n=ceil(seconds))
    if seconds < 2 * 3600:
        return T("{n} minutes", n=ceil(seconds / 60))
    if seconds < 48 * 3600:
        return T("{n} hours", n=ceil(seconds / 3600))
    return T("{n} days", n=ceil(seconds / 86_400))


def _giga(size: float) -> str:
    return f"{size / GIGA:.1f}"
