"""The steps of a closed job: batches, measurements, checkpoints, calibration. Resumed, it ends in the same bits."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from core.server.engines.base import JobDir, JobSpec, Plan
from core.server.engines.classic.calibration import (
    LEARN_MOST,
    UNKNOWN,
    Calibration,
    held_out_parts,
    held_out_rows,
    plain,
)
from core.server.engines.classic.features import Ints
from core.server.engines.classic.lesson import Lesson
from core.server.engines.classic.model import ClosedModel, Head, named
from core.server.engines.classic.objectives import Measured, Scores, right_answers
from core.server.engines.classic.softmax import RATE, Softmax
from core.server.engines.course import Stopped

_POINTS = 200  # of the training curve
_VALID_EVERY = 5  # points of it for one of the validation curve
_VALID_ROWS = 200  # the fixed sample that the validation curve is measured on
_PLAIN_ROWS = 200  # that show how far apart scores are
_SAVE_SECONDS = 30.0  # between two snapshots to go on from
_SAMPLE, _HOLD = 1 << 20, 1 << 21  # streams of random numbers beside the epochs' own


class Training:
    """One run over a lesson in the folder of its job."""

    def __init__(self, job: JobDir, spec: JobSpec, plan: Plan, lesson: Lesson, look: Callable[[], None]) -> None:
        numbers = plan.hyperparameters
        self.job, self.lesson, self.look = job, lesson, look
        self.seed = spec.seed % (1 << 63)
        self.epochs, self.batch = int(numbers["n_epochs"]), int(numbers["batch_size"])
        self.rate = RATE * float(numbers["learning_rate_multiplier"])
        self.total, self.step = plan.total_steps, 0
        self.eval_interval = int(numbers.get("eval_interval", 0))
        self.eval_rows = int(numbers.get("eval_samples", _VALID_ROWS))
        self.heads = lesson.heads()
        self._saved_at = time.monotonic()

    def go_on(self) -> int:
        """Takes up the latest checkpoint or snapshot, if any; the step it stands at."""
        places = [path for _, path in self.job.checkpoints()] + [self.job.resume_path]
        found = [(_step_of(path), path) for path in places if (path / "optimizer.npz").exists()]
        if found:
            self._load(max(found)[1])
        self.job.progress(self.step, self.total)
        return self.step

    def run(self) -> None:
        """All steps that are left. Raises Stopped; a pause is saved first."""
        a_round = -(-len(self.lesson.train) // self.batch)
        while self.step < self.total:
            epoch, first = divmod(self.step, a_round)
            order = np.random.default_rng((self.seed, epoch)).permutation(len(self.lesson.train))
            for number in range(first, a_round):
                self._look()
                step, ends = self.step + 1, number == a_round - 1
                point = step * _POINTS // self.total
                tells = ends or step == 1 or point > (step - 1) * _POINTS // self.total or self._evaluates(step)
                told = self._learn(order[number * self.batch : (number + 1) * self.batch], tells)
                if tells:
                    self._report(told, ends, point)

    def finish(self) -> Calibration:
        """Calibrates and writes the final model."""
        found = self.calibration()
        model = self._trained(found.temperatures)
        self.job.write_folder(self.job.final_path, lambda folder: model.save(folder, half=True))
        shutil.rmtree(self.job.resume_path, ignore_errors=True)
        return found

    def calibration(self) -> Calibration:
        """From the validation rows; without them from training rows that models of the same kind did not see. Where
        there are too few, or no answer is right by itself, the probabilities are those of the softmax."""
        lesson = self.lesson
        if lesson.valid_goal is not None and (known := right_answers(lesson.valid_goal)) is not None:
            return Calibration.fit(self._valid_scores, known)
        rows, right = len(lesson.train), right_answers(lesson.goal)
        held = held_out_rows(rows)
        if right is None or not held:
            return self._uncalibrated()
        order = np.random.default_rng((self.seed, _HOLD)).permutation(rows)
        parts = [self._held_out(right, order, part * held, (part + 1) * held) for part in range(held_out_parts(rows))]
        scores = [np.concatenate([part[0][head] for part in parts]) for head in range(len(self.heads))]
        return Calibration.fit(scores, np.concatenate([part[1] for part in parts]))

    def _uncalibrated(self) -> Calibration:
        some = self.lesson.train.take(np.arange(min(_PLAIN_ROWS, len(self.lesson.train))))
        return Calibration(tuple(plain(head.logits(some)) for head in self.heads))

    def _held_out(self, right: Ints, order: Ints, begin: int, end: int) -> tuple[Scores, Ints]:
        """The scores of some rows by heads that learn from the others, and their classes."""
        held, rest = order[begin:end], np.concatenate((order[:begin], order[end:]))[:LEARN_MOST]
        lesson, heads = self.lesson, self.lesson.heads()
        seen = lesson.known_before()
        seen[lesson.train.take(rest).columns] = True
        step, total = 0, self.epochs * -(-len(rest) // self.batch)
        for epoch in range(self.epochs):
            shuffled = np.random.default_rng((self.seed, epoch)).permutation(len(rest))
            for start in range(0, len(rest), self.batch):
                self.look()
                _descend(lesson, heads, rest[shuffled[start : start + self.batch]], self.rate * (1 - step / total))
                step += 1
        classes = right[held]
        for head, size in enumerate(lesson.choices.sizes):
            learnt = right[rest, head]
            known = np.bincount(learnt[learnt >= 0], minlength=size) > 0
            classes[(classes[:, head] >= 0) & ~known[classes[:, head]], head] = UNKNOWN
        rows = lesson.train.take(held).only(seen)
        return [head.logits(rows) for head in heads], classes

    def _learn(self, rows: Ints, tells: bool) -> Measured:
        """One step on a batch; with `tells` how well it was answered before the step."""
        told = _descend(self.lesson, self.heads, rows, self.rate * (1 - self.step / self.total), tells)
        self.step += 1
        return told

    def _look(self) -> None:
        try:
            self.look()
        except Stopped as stopped:
            if stopped.wanted == "pause":
                self._save_snapshot()
            raise
        if time.monotonic() - self._saved_at > _SAVE_SECONDS:
            self._save_snapshot()

    def _evaluates(self, step: int) -> bool:
        return self.eval_interval > 0 and step % self.eval_interval == 0

    def _report(self, told: Measured, ends: bool, point: int) -> None:
        self.job.progress(self.step, self.total)
        values: dict[str, Any] = _prefixed("train", told)
        by_point = not self.eval_interval and point % _VALID_EVERY == 0
        if ends or by_point or self._evaluates(self.step):
            values |= self._on_sample()
        if ends:
            self.__dict__.pop("_valid_scores", None)
            values |= self._on_all()
        values = {name: round(value, 6) for name, value in values.items()}
        self.job.emit("metrics", step=self.step, total_steps=self.total, **values)
        if ends:
            self.job.checkpoint(self.step, self._save, {"step": self.step, **values})
            self._saved_at = time.monotonic()

    @cached_property
    def _sample(self) -> Ints:
        rows = len(self.lesson.valid or ())
        return np.random.default_rng((self.seed, _SAMPLE)).permutation(rows)[: self.eval_rows]

    @cached_property
    def _valid_scores(self) -> Scores:
        assert self.lesson.valid is not None
        return [head.logits(self.lesson.valid) for head in self.heads]

    def _on_sample(self) -> Measured:
        lesson = self.lesson
        if lesson.valid is None or lesson.valid_goal is None:
            return {}
        part = lesson.valid.take(self._sample)
        scores = [head.logits(part) for head in self.heads]
        return _prefixed("valid", lesson.valid_goal.measure(self._sample, scores, self.lesson.references(part)))

    def _on_all(self) -> Measured:
        lesson = self.lesson
        if lesson.valid is None or lesson.valid_goal is None:
            return {}
        rows, reference = np.arange(len(lesson.valid)), self.lesson.references(lesson.valid)
        return _prefixed("full_valid", lesson.valid_goal.measure(rows, self._valid_scores, reference))

    def _trained(self, temperatures: tuple[float, ...]) -> ClosedModel:
        heads = tuple(Head(h.weights, h.bias, by) for h, by in zip(self.heads, temperatures, strict=True))
        return ClosedModel(self.lesson.frame, self.lesson.choices, self.lesson.vocabulary, heads)

    def _save(self, folder: Path) -> None:
        lesson = self.lesson
        found = self._uncalibrated()
        if lesson.valid_goal is not None and (known := right_answers(lesson.valid_goal)) is not None:
            found = Calibration.fit(self._valid_scores, known)
        self._trained(found.temperatures).save(folder, half=False)
        self._save_optimizer(folder)

    def _save_snapshot(self) -> None:
        def write(folder: Path) -> None:
            arrays: dict[str, Any] = {}
            for number, head in enumerate(self.heads):
                arrays |= {named("weights", number): head.weights, named("bias", number): head.bias}
            np.savez(folder / "weights.npz", **arrays)
            self._save_optimizer(folder)

        self.job.write_folder(self.job.resume_path, write)
        self._saved_at = time.monotonic()

    def _save_optimizer(self, folder: Path) -> None:
        arrays: dict[str, Any] = {"step": np.array([self.step], np.int64)}
        for number, head in enumerate(self.heads):
            square = np.array([head.bias_square], np.float64)
            arrays |= {named("squares", number): head.squares, named("bias_square", number): square}
        np.savez(folder / "optimizer.npz", **arrays)

    def _load(self, folder: Path) -> None:
        weights = folder / "weights.npz"
        with (
            np.load(weights if weights.exists() else folder / "arrays.npz", allow_pickle=False) as arrays,
            np.load(folder / "optimizer.npz", allow_pickle=False) as state,
        ):
            self.step = int(state["step"][0])
            self.heads = [
                Softmax(
                    arrays[named("weights", number)],
                    arrays[named("bias", number)],
                    state[named("squares", number)],
                    float(state[named("bias_square", number)][0]),
                )
                for number in range(len(self.heads))
            ]


def _descend(lesson: Lesson, heads: list[Softmax], rows: Ints, rate: float, tells: bool = False) -> Measured:
    """One step of all heads on these training rows; with `tells` how well they were answered before it."""
    block = lesson.train.take(rows).block()
    found = [head.scores(block) for head in heads]
    scores, reference = [score for score, _weights in found], lesson.reference(block)
    told = lesson.goal.measure(rows, scores, reference) if tells else {}
    slopes = lesson.goal.slopes(rows, scores, reference)
    for number, head in enumerate(heads):
        stride = lesson.margins[number] if lesson.margins else 1.0  # steps as long as the scores are wide
        head.descend(block, found[number][1], slopes[number], rate * stride)
    return told


def _step_of(folder: Path) -> int:
    with np.load(folder / "optimizer.npz", allow_pickle=False) as state:
        return int(state["step"][0])


def _prefixed(part: str, measured: Measured) -> Measured:
    return {f"{part}_{name}": value for name, value in measured.items()}
