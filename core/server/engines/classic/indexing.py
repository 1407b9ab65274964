"""The steps of an open job: the index is asked while it grows, so that the curve shows what each part adds.

A row is asked before it is added: `train_loss` is 1 minus how much the nearest answer so far agrees with the true
one, `train_mean_token_accuracy` that agreement itself.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from core.server.engines.base import JobDir, JobSpec, Plan
from core.server.engines.classic.conversation import Answer, Frame, Question
from core.server.engines.classic.features import Ints
from core.server.engines.classic.model import OpenModel
from core.server.engines.classic.reading import Rows
from core.server.engines.classic.retrieval import Index, agreement, threshold

_ASKED = 10  # questions a step
_VALID_EVERY = 20  # steps
_VALID_ROWS = 100  # the fixed sample that the validation curve is measured on
_HELD = 1_000  # questions that the threshold is fitted on
_SAMPLE = 1 << 20


@dataclass(frozen=True)
class Closeness:
    """What the threshold was fitted on: how many questions, the share it would answer, and how much these answers
    agree with the true ones, beside any two answers."""

    threshold: float
    rows: int
    answered: float
    agreement: float
    by_chance: float


class Indexing:
    """One run over an open training file in the folder of its job."""

    def __init__(
        self, job: JobDir, spec: JobSpec, plan: Plan, rows: Rows, valid: Rows | None, look: Callable[[], None]
    ) -> None:
        self.job, self.look, self.total = job, look, plan.total_steps
        self.random = np.random.default_rng((spec.seed % (1 << 63), 0))
        order = self.random.permutation(len(rows))
        self.questions = [rows.questions[i] for i in order]
        self.answers = tuple(rows.answers[i] for i in order)
        self.valid = valid or Rows()
        self.frame = Frame.learn(self.questions)
        self.index = Index.build(self.frame.fields(self.questions), look)
        self.by_chance = self._by_chance()

    def run(self) -> Closeness:
        """Asks, measures, and writes the only checkpoint and the final model. Raises what `look` raises."""
        edges = np.linspace(0, len(self.answers), self.total + 1).astype(int)
        sample = self._some(len(self.valid), _VALID_ROWS)
        values: dict[str, float] = {}
        for step in range(1, self.total + 1):
            begin, end = int(edges[step - 1]), int(edges[step])
            rows = begin + self._some(end - begin, _ASKED)
            values = _named("train", [self._told(self.questions[i], self.answers[i], begin)[1] for i in rows])
            if self.valid and (step % _VALID_EVERY == 0 or step == self.total):
                values |= _named("valid", [self._told_valid(int(i), end)[1] for i in sample])
            if step < self.total:
                self._report(step, values)
        found = self._closeness()
        if self.valid:
            values |= _named("full_valid", [told for _near, told in self._held(len(self.answers))])
        self._report(self.total, values)
        model = OpenModel(self.frame, self.answers, self.index, found.threshold)
        self.job.checkpoint(self.total, model.save, {"step": self.total, **_rounded(values)})
        self.job.write_folder(self.job.final_path, model.save)
        return found

    def _report(self, step: int, values: dict[str, float]) -> None:
        self.job.progress(step, self.total)
        self.job.emit("metrics", step=step, total_steps=self.total, **_rounded(values))

    def _told(self, question: Question, answer: Answer, before: int, own: int = -1) -> tuple[float, float]:
        """How near the nearest row is, and how much its answer agrees; `own` is the question's own row."""
        self.look()
        rows, near = self.index.nearest(self.frame.fields([question]), 2, before)
        kept = np.flatnonzero(rows != own)
        if not len(kept):
            return 0.0, 0.0
        return float(near[kept[0]]), agreement(self.answers[int(rows[kept[0]])].text, answer.text)

    def _told_valid(self, row: int, before: int) -> tuple[float, float]:
        return self._told(self.valid.questions[row], self.valid.answers[row], before)

    def _held(self, before: int) -> list[tuple[float, float]]:
        if self.valid:
            picked = self._some(len(self.valid), _HELD, fixed=True)
            return [self._told_valid(int(i), before) for i in picked]
        picked = self._some(len(self.answers), _HELD, fixed=True)
        return [self._told(self.questions[i], self.answers[i], before, own=int(i)) for i in picked]

    def _closeness(self) -> Closeness:
        held = self._held(len(self.answers))
        near, told = [n for n, _ in held], [a for _, a in held]
        least = threshold(near, told, self.by_chance)
        answered = [a for n, a in held if n >= least]
        right = sum(answered) / len(answered) if answered else 0.0
        return Closeness(least, len(held), len(answered) / max(1, len(held)), right, self.by_chance)

    def _by_chance(self) -> float:
        pairs = self.random.integers(0, len(self.answers), (200, 2))
        told = [agreement(self.answers[a].text, self.answers[b].text) for a, b in pairs if a != b]
        return sum(told) / len(told) if told else 0.0

    def _some(self, rows: int, most: int, *, fixed: bool = False) -> Ints:
        random = np.random.default_rng(_SAMPLE) if fixed else self.random
        return np.sort(random.permutation(rows)[:most])


def _named(part: str, told: list[float]) -> dict[str, float]:
    mean = sum(told) / max(1, len(told))
    return {f"{part}_loss": 1 - mean, f"{part}_mean_token_accuracy": mean}


def _rounded(values: dict[str, float]) -> dict[str, Any]:
    return {name: round(value, 6) for name, value in values.items()}
