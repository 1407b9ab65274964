"""What happens between the steps of a training: it tells of them, looks for wishes, and saves. Needs transformers."""

from __future__ import annotations

import contextlib
import json
import math
import shutil
import signal
import threading
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
from transformers import TrainerCallback

from core.server.engines.base import JobDir
from core.server.engines.course import Stopped
from core.words import T

SAVE_SECONDS = 120.0  # between two snapshots to go on from
_WISHES = (None, "pause", "cancel")
# How the trainers call what they measure, and how the events do.
_TRAIN = {
    "loss": "train_loss",
    "mean_token_accuracy": "train_mean_token_accuracy",
    "reward": "train_reward_mean",
    "rewards/accuracies": "train_reward_accuracy",
    "rewards/margins": "train_reward_margin",
    "rewards/chosen": "train_reward_chosen",
    "rewards/rejected": "train_reward_rejected",
    "completions/mean_length": "train_answer_tokens_mean",
    "learning_rate": "learning_rate",
}
_VALID = {
    "eval_loss": "full_valid_loss",
    "eval_mean_token_accuracy": "full_valid_mean_token_accuracy",
    "eval_reward": "valid_reward_mean",
    "eval_rewards/accuracies": "valid_reward_accuracy",
    "eval_rewards/margins": "valid_reward_margin",
}
_NOT_KEPT = ("training_args.bin", "README.md")


class Progress(TrainerCallback):  # type: ignore[misc]
    """The worker's part in a trainer. `epoch` is the steps of one; `every` the steps between looks at the validation
    file beside those at the ends of epochs (0: none)."""

    def __init__(self, job: JobDir, total: int, epoch: int, *, every: int = 0) -> None:
        self.job = job
        self.total = total
        self.epoch = epoch
        self.every = every
        self.trainer: Any = None
        self._waiting: dict[str, float] = {}
        self._step = 0
        self._wanted: str | None = None
        self._ended = False  # the system asked this process to leave
        self._saved_at = time.monotonic()

    @contextlib.contextmanager
    def heeding_signals(self) -> Iterator[None]:
        """Takes a request of the system to leave as one to pause; only the main thread may ask for that."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before = signal.signal(signal.SIGTERM, lambda *_args: setattr(self, "_ended", True))
        try:
            yield
        finally:
            signal.signal(signal.SIGTERM, before)

    def on_train_begin(self, _args: Any, state: Any, _control: Any, **_more: Any) -> None:
        self._step = state.global_step
        self.job.progress(state.global_step, self.total)

    def on_epoch_begin(self, _args: Any, state: Any, _control: Any, **_more: Any) -> None:
        if hasattr(self.trainer, "order_of"):
            self.trainer.order_of(state.global_step // self.epoch)

    def on_substep_end(self, _args: Any, _state: Any, _control: Any, **_more: Any) -> None:
        if self._main and not self._several and self.job.wanted() == "cancel":
            raise Stopped("cancel")

    def on_step_begin(self, _args: Any, _state: Any, _control: Any, **_more: Any) -> None:
        self._tell()

    def on_step_end(self, _args: Any, state: Any, control: Any, **_more: Any) -> None:
        self._step = state.global_step
        self.job.progress(self._step, self.total)
        self._wanted = self._agreed()
        if self._wanted == "cancel":
            raise Stopped("cancel")
        ends = self._step % self.epoch == 0
        if self.every and self._step % self.every == 0 and not ends:
            control.should_evaluate = self.trainer.eval_dataset is not None
        due = self._wanted == "pause" or time.monotonic() - self._saved_at > SAVE_SECONDS
        control.should_save = due and not ends  # the end of an epoch is saved in any case

    def on_epoch_end(self, _args: Any, state: Any, control: Any, **_more: Any) -> None:
        if state.global_step % self.epoch == 0:
            control.should_evaluate = self.trainer.eval_dataset is not None
            control.should_save = True

    def on_log(
        self, _args: Any, _state: Any, _control: Any, logs: Mapping[str, Any] | None = None, **_more: Any
    ) -> None:
        self._waiting |= _named(_TRAIN, logs or {})

    def on_prediction_step(self, _args: Any, _state: Any, _control: Any, **_more: Any) -> None:
        if self._main and not self._several and self.job.wanted() == "cancel":
            raise Stopped("cancel")

    def on_evaluate(
        self, _args: Any, state: Any, _control: Any, metrics: Mapping[str, Any] | None = None, **_more: Any
    ) -> None:
        self._waiting |= _named(_VALID, metrics or {})
        if "valid_reward_mean" in self._waiting:
            self._waiting.pop("full_valid_loss", None)  # the loss of a reinforcement step says nothing by itself
        tally = getattr(self.trainer, "tally", None)
        if tally is None or not tally.tokens:
            return
        self._waiting["full_valid_loss"] = tally.loss / tally.tokens
        self._waiting["full_valid_mean_token_accuracy"] = tally.right / tally.tokens
        self._waiting["full_valid_exact_match"] = tally.exact / tally.rows
        text = T(
            "After epoch {epoch}, {n} of {all} validation {all:example|examples} {n:is|are} answered word for "
            "word as wanted ({share:.0%}).",
            epoch=-(-state.global_step // self.epoch),
            n=tally.exact,
            all=tally.rows,
            share=tally.exact / tally.rows,
        )
        if self._main:
            self.job.message(text, key=f"exact:{state.global_step}")

    def on_save(self, args: Any, state: Any, _control: Any, **_more: Any) -> None:
        self._saved_at = time.monotonic()
        ends = self._step % self.epoch == 0
        values = {"step": self._step, **{name: round(value, 6) for name, value in self._waiting.items()}}
        self._tell()
        if self._several:  # each has written what is its own
            torch.distributed.barrier()
        if self._main:
            saved = Path(args.output_dir) / f"checkpoint-{state.global_step}"
            if ends:
                self.job.checkpoint(self._step, lambda folder: keep(saved, folder), values)
            else:
                self.job.write_folder(self.job.resume_path, lambda folder: keep(saved, folder))
            shutil.rmtree(saved, ignore_errors=True)
        if self._several:
            torch.distributed.barrier()
        if self._wanted == "pause" and self._step < self.total:
            raise Stopped("pause")

    @property
    def _main(self) -> bool:
        return self.trainer is None or bool(self.trainer.args.process_index == 0)

    @property
    def _several(self) -> bool:
        return bool(torch.distributed.is_initialized() and torch.distributed.get_world_size() > 1)

    def _agreed(self) -> str | None:
        """What is asked for now. Of several processes the first one looks, so that all stop at the same step."""
        wanted = (self.job.wanted() or ("pause" if self._ended else None)) if self._main else None
        if not self._several:
            return wanted
        word = torch.tensor([_WISHES.index(wanted)], device=self.trainer.args.device)
        torch.distributed.broadcast(word, 0)
        return _WISHES[int(word.item())]

    def _tell(self) -> None:
        """The metrics of the last step, once nothing more can be measured at it."""
        values, self._waiting = self._waiting, {}
        if self._main and "train_loss" in values:
            rounded: dict[str, Any] = {name: round(value, 6) for name, value in values.items()}
            self.job.emit("metrics", step=self._step, total_steps=self.total, **rounded)


def keep(saved: Path, folder: Path) -> None:
    """Moves what the trainer saved: the adapter, its tokenizer, what is needed to go on; no pickled settings."""
    for path in saved.iterdir():
        if path.is_file() and path.name not in _NOT_KEPT:
            shutil.move(path, folder / path.name)


def latest(job: JobDir) -> tuple[int, Path] | None:
    """The place to go on from: the newest checkpoint or snapshot that is whole."""
    places = [path for _step, path in job.checkpoints()] + [job.resume_path]
    found = []
    for path in places:
        with contextlib.suppress(OSError, ValueError, KeyError):
            found.append((_step_of(path), path))
    return max(found, default=None)


def _step_of(folder: Path) -> int:
    if not (folder / "optimizer.pt").exists():
        raise KeyError("optimizer.pt")
    return int(json.loads((folder / "trainer_state.json").read_text("utf-8"))["global_step"])


def _named(names: Mapping[str, str], logs: Mapping[str, Any]) -> dict[str, float]:
    known = {names[key]: value for key, value in logs.items() if key in names}
    return {name: float(value) for name, value in known.items() if value is not None and math.isfinite(float(value))}
