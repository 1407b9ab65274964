"""What an engine is to the server, and the folder through which the two talk while a job is trained.

The server never sees how an engine learns; an engine never sees HTTP or SQL. The server calls `check`, writes the
job's folder with `JobDir.create`, starts the process of `command`, and reads the folder; the process (the *worker*)
is the only writer of everything else in it:

    spec.json            the JobSpec, written once by the server
    control              one word by the server, "cancel" or "pause"; absent: go on
    events.jsonl         appended by the worker, one event a line, each with `type` and `at` (seconds since 1970):
        {"type": "ready", "total_steps", "mode", "hyperparameters": {n_epochs, batch_size, learning_rate_multiplier}}
        {"type": "message", "level": "info" | "warn" | "error", "text"}      a plain sentence, in English; beside it
                                                                and beside an error's message "sentence" and "params",
                                                                what it was made from, for a reader in another language
        {"type": "metrics", "step", "total_steps", "train_loss", "train_mean_token_accuracy"
                            [, "valid_loss", "valid_mean_token_accuracy"]
                            [, "full_valid_loss", "full_valid_mean_token_accuracy"]}
            with dpo also rewards/chosen, rewards/rejected, rewards/margins and rewards/accuracies after each prefix,
            with reinforcement reward_mean, reasoning_tokens_mean and kl in place of mean_token_accuracy
        {"type": "checkpoint", "step", "path": "checkpoints/step-120", "metrics": {…}}   path within the folder
        {"type": "end", "status": "succeeded" | "failed" | "cancelled" | "paused",
                        "error": null | {"code", "message", "param"}, "trained_tokens"}  the last line, always
    state.json           replaced by the worker about once a second: {"pid", "heartbeat", "step", "total_steps"}
    checkpoints/step-N/  a whole model that `Engine.open` can open, and what is needed to go on; the last three are kept
    rewards-train/       and rewards-valid/: what a grader said, so that it is not asked twice (classic engine)
    resume/              where a paused or killed run goes on between two checkpoints (not a model to offer)
    final/               the trained model; there before the "end" event says "succeeded"

A worker that is started again on the same folder goes on from its last checkpoint. It never writes an event twice:
a metrics or checkpoint event of a step that is already in the file, or a message with a known key, is left out.
After "paused" or a kill the server clears `control` and starts the same command again; "end" with status "paused" is
then followed by further events. A worker that ends without an "end" event was killed.
"""

from __future__ import annotations

import json
import os
import shutil
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal, Protocol

from core.server.engines.foresight import Forecast, Size
from core.server.engines.said import told_with
from core.server.engines.sampling import Ability, AskError, EngineError, Piece, SampleParams
from core.words import Text

__all__ = [
    "Ability", "AskError", "Engine", "EngineError", "Hyperparameters", "JobDir", "JobSpec", "Launch", "Message",
    "ModelCard", "Number", "Piece", "Plan", "Predictor", "SampleParams", "SpecError", "Wanted", "sync",
]  # fmt: skip

Message = dict[str, Any]
Number = int | float
Wanted = Literal["cancel", "pause"]
Hyperparameters = dict[str, Number | str]  # a value or "auto"


@dataclass(frozen=True)
class JobSpec:
    """One fine-tuning job as an engine needs it. `hyperparameters` hold n_epochs, batch_size and
    learning_rate_multiplier, with dpo also beta, with reinforcement also compute_multiplier, eval_interval,
    eval_samples and reasoning_effort, each a value or "auto" (absent: "auto"); `grader` and `response_format` come with
    reinforcement alone; `parent` is the final folder of a fine-tuned model to go on from."""

    job_id: str
    base_model: str
    training_path: Path
    validation_path: Path | None = None
    method: str = "supervised"
    hyperparameters: Hyperparameters = field(default_factory=dict)
    seed: int = 0
    metadata: dict[str, str] = field(default_factory=dict)
    parent: Path | None = None
    grader: dict[str, Any] | None = None
    response_format: dict[str, Any] | None = None

    def as_json(self) -> dict[str, Any]:
        """A JSON object of it; `from_json` reads it back."""
        return {key: str(value) if isinstance(value, Path) else value for key, value in asdict(self).items()}

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> JobSpec:
        """The spec that `as_json` wrote."""
        paths = {name: Path(values[name]) for name in ("training_path", "validation_path", "parent") if values[name]}
        return cls(**{**values, **paths})


@dataclass(frozen=True)
class Plan:
    """What would be done for a spec. `hyperparameters` have no "auto" left; `trained_tokens` is what the job will
    report, counted as the engine documents; `warnings` do not stop the job, `notes` are good to know.
    0 seconds: nobody knows how long it takes."""

    mode: str
    hyperparameters: dict[str, Number]
    total_steps: int
    trained_tokens: int
    estimated_seconds: float
    warnings: tuple[Text, ...] = ()
    notes: tuple[Text, ...] = ()


@dataclass(frozen=True)
class ModelCard:
    """A base model: its id, the methods that can train it, the longest example in tokens, and what it honestly is."""

    id: str
    engine: str
    methods: tuple[str, ...]
    context_tokens: int
    description: Text
    created: int


class SpecError(Exception):
    """A job that cannot be done: the parameter at fault ("training_file", "hyperparameters.n_epochs" …), a stable
    code, and a sentence."""

    def __init__(self, param: str, code: str, message: Text) -> None:
        super().__init__(param, code, message)
        self.param = param
        self.code = code
        self.message = message

    def __str__(self) -> str:
        return str(self.message)


@dataclass(frozen=True)
class Launch:
    """How to start a worker: its command line, and what to add to the environment."""

    argv: tuple[str, ...]
    env: dict[str, str] = field(default_factory=dict)


class Predictor(Protocol):
    """A model that answers. Calls may come from several threads."""

    abilities: frozenset[Ability]

    def generate(self, messages: list[Message], params: SampleParams) -> Iterator[Piece]:
        """The answer to a conversation, piece by piece."""
        ...

    def complete(self, prompt: str, params: SampleParams) -> Iterator[Piece]:
        """What follows a prompt, piece by piece: the older kind of answer, without roles."""
        ...

    def embed(self, texts: list[str]) -> list[list[float]]:
        """A vector of length 1 for each text; only with the ability "embed"."""
        ...

    def score(self, messages: list[Message], answer: str) -> list[float]:
        """The log probability of each token of this answer; empty where the engine knows none."""
        ...

    def count(self, messages: list[Message]) -> int:
        """How many tokens the engine counts for these messages."""
        ...

    def close(self) -> None:
        """Gives back what the model holds."""
        ...


class Engine(Protocol):
    """A way to train and to answer. Files of up to `small` bytes are checked within the server, larger ones apart;
    of its jobs at most `at_once` train at a time (None: as many as the server lets)."""

    name: str
    small: int

    @property
    def at_once(self) -> int | None: ...

    def models(self) -> list[ModelCard]:
        """The base models it serves."""
        ...

    def check(self, spec: JobSpec) -> Plan:
        """What would be done. Reads the files; raises SpecError where it cannot be done."""
        ...

    def foresee(self, size: Size) -> Forecast | None:
        """What a training of this size would take; None where there is nothing to tell."""
        ...

    def command(self, spec: JobSpec, job_dir: Path) -> Launch:
        """How to start the worker of a job whose folder is written."""
        ...

    def open(self, artifact: Path | None, base: str) -> Predictor:
        """The model in a final or checkpoint folder; with None the untrained base."""
        ...


class JobDir:
    """The folder of one job; see the top of this module for what is in it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.events_path = path / "events.jsonl"
        self.checkpoints_path = path / "checkpoints"
        self.resume_path = path / "resume"
        self.final_path = path / "final"
        self._progress = (0, 0)
        self._known: set[str] | None = None
        self._lock = threading.Lock()

    # The server's side

    @classmethod
    def create(cls, path: Path, spec: JobSpec) -> JobDir:
        """Makes the folder and writes the spec into it."""
        path.mkdir(parents=True, exist_ok=True)
        _replace(path / "spec.json", json.dumps(spec.as_json(), ensure_ascii=False))
        return cls(path)

    def ask(self, wanted: Wanted | None) -> None:
        """Asks the worker to cancel or pause; None takes the wish back."""
        if wanted is None:
            (self.path / "control").unlink(missing_ok=True)
        else:
            _replace(self.path / "control", wanted)

    def read_events(self, offset: int = 0) -> tuple[list[dict[str, Any]], int]:
        """The whole events from this byte on, and the byte to read from next."""
        if not self.events_path.exists():
            return [], offset
        with self.events_path.open("rb") as file:
            file.seek(offset)
            data = file.read()
        end = data.rfind(b"\n") + 1
        return [json.loads(line) for line in data[:end].splitlines() if line], offset + end

    def read_state(self) -> dict[str, Any] | None:
        """The worker's last sign of life: pid, heartbeat (seconds since 1970), step, total_steps; None before the
        first."""
        try:
            state: dict[str, Any] = json.loads((self.path / "state.json").read_text("utf-8"))
        except FileNotFoundError:
            return None
        return state

    # The worker's side

    def read_spec(self) -> JobSpec:
        """The job to do."""
        return JobSpec.from_json(json.loads((self.path / "spec.json").read_text("utf-8")))

    def wanted(self) -> Wanted | None:
        """What the server asks for now: cancel, pause, or nothing."""
        try:
            word = (self.path / "control").read_text("utf-8").strip()
        except FileNotFoundError:
            return None
        return "cancel" if word == "cancel" else "pause" if word == "pause" else None

    def emit(self, type: str, *, key: str = "", **fields: Any) -> None:
        """Appends an event, once for its key (metrics and checkpoints: for their step). All but metrics are on disk
        when this returns."""
        key = key or (f"{type}:{fields['step']}" if type in ("metrics", "checkpoint") else "")
        with self._lock:
            known = self._known_keys()
            if key and key in known:
                return
            event = {"type": type, "at": round(time.time(), 3), **({"key": key} if key else {}), **fields}
            line = json.dumps(event, ensure_ascii=False, allow_nan=False).encode() + b"\n"
            with self.events_path.open("ab", buffering=0) as file:
                before = file.tell()
                if file.write(line) < len(line):
                    file.truncate(before)  # half an event is none
                    raise OSError("No space left on device")
                known.add(key)
                if type != "metrics":
                    os.fsync(file.fileno())

    def message(self, text: Text | str, *, level: str = "info", key: str = "") -> None:
        """Appends a plain sentence; with a key only once, however often the worker is started."""
        self.emit("message", key=key and f"message:{key}", level=level, **told_with("text", text))

    def state(self, step: int, total: int) -> None:
        """Writes the sign of life with how far the work is."""
        with self._lock:
            self._progress = (step, total)
            values = {"pid": os.getpid(), "heartbeat": time.time(), "step": step, "total_steps": total}
            _replace(self.path / "state.json", json.dumps(values), durable=False)

    def progress(self, step: int, total: int) -> None:
        """Notes how far the work is, for the next sign of life."""
        self._progress = (step, total)

    @contextmanager
    def alive(self, every: float = 1.0) -> Iterator[None]:
        """Gives a sign of life every second while the block runs, also where the work itself cannot."""
        done = threading.Event()

        def beat() -> None:
            while not done.wait(every):
                with suppress(OSError):  # a full disk ends the work where the work meets it
                    self.state(*self._progress)

        thread = threading.Thread(target=beat, name="heartbeat", daemon=True)
        self.state(*self._progress)
        thread.start()
        try:
            yield
        finally:
            done.set()
            thread.join()
            with suppress(OSError):
                self.state(*self._progress)

    def checkpoint(self, step: int, write: Callable[[Path], None], metrics: Mapping[str, float]) -> Path:
        """Writes checkpoints/step-N as a whole and tells the server, which offers it and drops the oldest ones."""
        path = self.write_folder(self.checkpoints_path / f"step-{step}", write)
        self.emit("checkpoint", step=step, path=f"checkpoints/step-{step}", metrics=dict(metrics))
        return path

    def drop_checkpoints(self, steps: Iterable[int]) -> None:
        """Removes the checkpoints of these steps."""
        for step in steps:
            shutil.rmtree(self.checkpoints_path / f"step-{step}", ignore_errors=True)

    def tell_untold(self) -> None:
        """For a worker that goes on: tells of checkpoints that a kill left on disk before their event was written."""
        points = {event["step"]: event for event in self.read_events()[0] if event["type"] == "metrics"}
        for step, _path in self.checkpoints():
            known = points.get(step, {"step": step})
            metrics = {name: value for name, value in known.items() if name not in ("type", "at", "key", "total_steps")}
            self.emit("checkpoint", step=step, path=f"checkpoints/step-{step}", metrics=metrics)

    def checkpoints(self) -> list[tuple[int, Path]]:
        """The checkpoints that are there, oldest first, with their steps."""
        found = self.checkpoints_path.glob("step-*") if self.checkpoints_path.exists() else iter(())
        return sorted((int(p.name[5:]), p) for p in found if p.name[5:].isdigit())

    def write_folder(self, path: Path, write: Callable[[Path], None]) -> Path:
        """A folder that is there as a whole or not at all: `write` fills a temporary one, which takes its name.

        What was told before is on disk before it, so that a run that goes on from there has no gap behind it.
        """
        if self.events_path.exists():
            sync(self.events_path)
        path.parent.mkdir(parents=True, exist_ok=True)
        fresh = path.with_name(path.name + ".tmp")
        shutil.rmtree(fresh, ignore_errors=True)
        fresh.mkdir()
        write(fresh)
        for file in fresh.iterdir():
            sync(file)
        shutil.rmtree(path, ignore_errors=True)
        fresh.replace(path)
        sync(path.parent)
        return path

    def _known_keys(self) -> set[str]:
        if self._known is None:
            events, end = self.read_events()
            if self.events_path.exists() and self.events_path.stat().st_size > end:
                os.truncate(self.events_path, end)  # a line that a kill cut short was never an event
            self._known = {event["key"] for event in events if "key" in event}
        return self._known


def _replace(path: Path, text: str, *, durable: bool = True) -> None:
    fresh = path.with_name(path.name + ".tmp")
    with fresh.open("w", encoding="utf-8") as file:
        file.write(text)
        if durable:
            file.flush()
            os.fsync(file.fileno())
    fresh.replace(path)


def sync(path: Path) -> None:
    """Puts a file, or the names in a folder, on disk, where the system can."""
    if os.name == "nt":  # where folders, and files open for reading, cannot be synchronised
        return
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
