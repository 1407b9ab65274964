"""The steps of a closed job: batches, measurements, checkpoints, calibration. Resumed, it ends in the same bits."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from core.server.engines.base import JobDir, JobSpec, Plan
from core.server.engines.classic.calibration import calibration_error, temperature
from core.server.engines.classic.features import Floats, Ints
from core.server.engines.classic.lesson import Lesson
from core.server.engines.classic.model import ClosedModel
from core.server.engines.classic.softmax import RATE, Softmax, loss_and_accuracy

_POINTS = 200  # of the training curve
_VALID_EVERY = 5  # points of it for one of the validation curve
_VALID_ROWS = 200  # the fixed sample that the validation curve is measured on
_SAVE_SECONDS = 30.0  # between two snapshots to go on from
_HELD_SHARE, _HELD_MOST, _HELD_ENOUGH, _LEARN_MOST, _FOLDS_MOST = 0.1, 2_000, 500, 50_000, 5
_SAMPLE, _HOLD = 1 << 20, 1 << 21  # streams of random numbers beside the epochs' own


class Stopped(Exception):
    """The server asked the worker to stop; `wanted` is "cancel" or "pause"."""

    def __init__(self, wanted: str) -> None:
        super().__init__(wanted)
        self.wanted = wanted


@dataclass(frozen=True)
class Calibration:
    """The temperature, and on the rows it was fitted on: the accuracy, and the calibration error that is left."""

    temperature: float
    rows: int = 0
    accuracy: float = 0.0
    error: float = 0.0

    @classmethod
    def fit(cls, scores: Floats, classes: Ints) -> Calibration:
        """From the scores of rows that the model was not trained on."""
        found = temperature(scores, classes)
        accuracy = loss_and_accuracy(scores, classes)[1]
        return cls(found, len(scores), accuracy, calibration_error(scores, classes, found))


class Training:
    """One run over a lesson in the folder of its job."""

    def __init__(self, job: JobDir, spec: JobSpec, plan: Plan, lesson: Lesson, look: Callable[[], None]) -> None:
        self.job = job
        self.lesson = lesson
        self.look = look
        self.seed = spec.seed % (1 << 63)
        self.epochs = int(plan.hyperparameters["n_epochs"])
        self.batch = int(plan.hyperparameters["batch_size"])
        self.rate = RATE * float(plan.hyperparameters["learning_rate_multiplier"])
        self.total = plan.total_steps
        self.model = Softmax.fresh(len(lesson.vocabulary.hashes), len(lesson.answers), len(lesson.train))
        self._saved_at = time.monotonic()

    def go_on(self) -> int:
        """Takes up the latest checkpoint or snapshot, if any; the step it stands at."""
        places = [path for _, path in self.job.checkpoints()] + [self.job.resume_path]
        found = [(_step_of(path), path) for path in places if (path / "optimizer.npz").exists()]
        if found:
            self._load(max(found)[1])
        self.job.progress(self.model.step, self.total)
        return self.model.step

    def run(self) -> None:
        """All steps that are left. Raises Stopped; a pause is saved first."""
        a_round = -(-len(self.lesson.train) // self.batch)
        while self.model.step < self.total:
            epoch, first = divmod(self.model.step, a_round)
            order = np.random.default_rng((self.seed, epoch)).permutation(len(self.lesson.train))
            for number in range(first, a_round):
                self._look()
                loss, right = self._learn(order[number * self.batch : (number + 1) * self.batch])
                step = self.model.step
                ends = number == a_round - 1
                point = step * _POINTS // self.total
                if ends or step == 1 or point > (step - 1) * _POINTS // self.total:
                    self._measure(step, loss, right, ends, point)

    def finish(self) -> Calibration:
        """Calibrates and writes the final model."""
        found = self.calibration()
        model = self._trained(found.temperature)
        self.job.write_folder(self.job.final_path, lambda folder: model.save(folder, half=True))
        shutil.rmtree(self.job.resume_path, ignore_errors=True)
        return found

    def calibration(self) -> Calibration:
        """From the validation rows; without them from training rows that models of the same kind did not see."""
        if self.lesson.valid is not None:
            return Calibration.fit(self._valid_scores, self.lesson.valid_classes)
        rows = len(self.lesson.train)
        held = min(_HELD_MOST, int(rows * _HELD_SHARE))
        if not held:
            return Calibration(1.0)
        order = np.random.default_rng((self.seed, _HOLD)).permutation(rows)
        folds = min(_FOLDS_MOST, -(-_HELD_ENOUGH // held))
        parts = [self._held_out(order, fold * held, (fold + 1) * held) for fold in range(folds)]
        return Calibration.fit(np.concatenate([p[0] for p in parts]), np.concatenate([p[1] for p in parts]))

    def _held_out(self, order: Ints, begin: int, end: int) -> tuple[Floats, Ints]:
        """The scores of some rows by a model that learns from the others, and their classes."""
        held, rest = order[begin:end], np.concatenate((order[:begin], order[end:]))[:_LEARN_MOST]
        lesson = self.lesson
        seen = np.zeros(len(lesson.vocabulary.hashes), bool)
        learnt = lesson.train.take(rest)
        seen[learnt.columns] = True
        model = Softmax.fresh(len(seen), len(lesson.answers), len(rest))
        total = self.epochs * -(-len(rest) // self.batch)
        for epoch in range(self.epochs):
            shuffled = np.random.default_rng((self.seed, epoch)).permutation(len(rest))
            for start in range(0, len(rest), self.batch):
                self.look()
                rows = rest[shuffled[start : start + self.batch]]
                rate = self.rate * (1 - model.step / total)
                model.learn(lesson.train.take(rows), lesson.classes[rows], rate)
        known = np.bincount(lesson.classes[rest], minlength=len(lesson.answers)) > 0
        classes = np.where(known[lesson.classes[held]], lesson.classes[held], -1)
        return model.logits(lesson.train.take(held).only(seen)), classes

    def _learn(self, rows: Ints) -> tuple[float, float]:
        rate = self.rate * (1 - self.model.step / self.total)
        return self.model.learn(self.lesson.train.take(rows), self.lesson.classes[rows], rate)

    def _look(self) -> None:
        try:
            self.look()
        except Stopped as stopped:
            if stopped.wanted == "pause":
                self._save_snapshot()
            raise
        if time.monotonic() - self._saved_at > _SAVE_SECONDS:
            self._save_snapshot()

    def _measure(self, step: int, loss: float, right: float, ends: bool, point: int) -> None:
        self.job.progress(step, self.total)
        values: dict[str, Any] = {"train_loss": loss, "train_mean_token_accuracy": right}
        if ends or point % _VALID_EVERY == 0:
            values |= self._on_sample()
        if ends:
            self.__dict__.pop("_valid_scores", None)
            values |= self._on_all()
        values = {name: round(value, 6) for name, value in values.items()}
        self.job.emit("metrics", step=step, total_steps=self.total, **values)
        if ends:
            self.job.checkpoint(step, self._save, {"step": step, **values})
            self._saved_at = time.monotonic()

    @cached_property
    def _sample(self) -> Ints:
        rows = len(self.lesson.valid_classes)
        return np.random.default_rng((self.seed, _SAMPLE)).permutation(rows)[:_VALID_ROWS]

    @cached_property
    def _valid_scores(self) -> Floats:
        assert self.lesson.valid is not None
        return self.model.logits(self.lesson.valid)

    def _on_sample(self) -> dict[str, float]:
        if self.lesson.valid is None:
            return {}
        scores = self.model.logits(self.lesson.valid.take(self._sample))
        return _named("valid", scores, self.lesson.valid_classes[self._sample])

    def _on_all(self) -> dict[str, float]:
        return {} if self.lesson.valid is None else _named("full_valid", self._valid_scores, self.lesson.valid_classes)

    def _trained(self, by: float) -> ClosedModel:
        lesson, model = self.lesson, self.model
        return ClosedModel(lesson.frame, lesson.answers, lesson.vocabulary, model.weights, model.bias, by)

    def _save(self, folder: Path) -> None:
        by = 1.0 if self.lesson.valid is None else temperature(self._valid_scores, self.lesson.valid_classes)
        self._trained(by).save(folder, half=False)
        self._save_optimizer(folder)

    def _save_snapshot(self) -> None:
        def write(folder: Path) -> None:
            np.savez(folder / "weights.npz", weights=self.model.weights, bias=self.model.bias)
            self._save_optimizer(folder)

        self.job.write_folder(self.job.resume_path, write)
        self._saved_at = time.monotonic()

    def _save_optimizer(self, folder: Path) -> None:
        model = self.model
        state = np.array([model.bias_square], np.float64), np.array([model.step], np.int64)
        np.savez(folder / "optimizer.npz", squares=model.squares, bias_square=state[0], step=state[1])

    def _load(self, folder: Path) -> None:
        weights = folder / "weights.npz"
        with (
            np.load(weights if weights.exists() else folder / "arrays.npz", allow_pickle=False) as arrays,
            np.load(folder / "optimizer.npz", allow_pickle=False) as state,
        ):
            self.model = Softmax(
                arrays["weights"], arrays["bias"], state["squares"], float(state["bias_square"][0]), _step_of(folder)
            )


def _step_of(folder: Path) -> int:
    with np.load(folder / "optimizer.npz", allow_pickle=False) as state:
        return int(state["step"][0])


def _named(part: str, scores: Floats, classes: Ints) -> dict[str, float]:
    loss, right = loss_and_accuracy(scores, classes)
    values = {f"{part}_mean_token_accuracy": right}
    return values if loss is None else {f"{part}_loss": loss, **values}
