"""The worker of one job: reads its folder, trains, and says in plain sentences what it did.

What is to be said about the files themselves is in the plan, which the server shows before it starts a worker.
"""

from __future__ import annotations

import time

import numpy as np

from core.server.engines.base import JobDir, JobSpec, Plan, SpecError
from core.server.engines.classic.choices import Choices, Whole
from core.server.engines.classic.conversation import Frame
from core.server.engines.classic.deciding import Decision, known_to
from core.server.engines.classic.indexing import Indexing
from core.server.engines.classic.lesson import Graded, Lesson
from core.server.engines.classic.model import ClosedModel, load_model
from core.server.engines.classic.planning import plan, read_file, refuse_what_cannot_be
from core.server.engines.classic.reading import Rows
from core.server.engines.classic.rewards import PARAM, Grades
from core.server.engines.classic.telling import told_calibration, told_mode
from core.server.engines.classic.training import Training
from core.server.engines.course import Stopped, go_through, tell_ready
from core.words import T, Text

_LOOK_SECONDS = 0.05


class Worker:
    """One start of the worker on the folder of a job."""

    def __init__(self, job: JobDir) -> None:
        self.job = job
        self._looked_at = 0.0

    def run(self) -> int:
        """Does what is left of the job; the exit status. How it ended is the last event."""
        return go_through(self.job, self._train, _failure)

    def look(self) -> None:
        """Raises Stopped where the server asks for it; cheap enough for every step."""
        now = time.monotonic()
        if now - self._looked_at < _LOOK_SECONDS:
            return
        self._looked_at = now
        wanted = self.job.wanted()
        if wanted:
            raise Stopped(wanted)

    def _train(self) -> int:
        self.look()
        spec = self.job.read_spec()
        refuse_what_cannot_be(spec)
        rows = read_file(spec.training_path, "training_file", spec.method)
        valid = read_file(spec.validation_path, "validation_file", spec.method) if spec.validation_path else None
        planned, decided = plan(spec, rows, valid)
        tell_ready(self.job, planned)
        self._say("mode", told_mode(spec, decided))
        self.job.tell_untold()
        if decided.choices:
            self._train_closed(spec, planned, decided, decided.choices, valid)
        else:
            self._train_open(spec, planned, rows, valid)
        return planned.trained_tokens

    def _train_closed(
        self, spec: JobSpec, planned: Plan, decided: Decision, choices: Choices, valid: Rows | None
    ) -> None:
        parent = load_model(spec.parent) if spec.parent else None
        assert parent is None or isinstance(parent, ClosedModel)
        graded, beta = None, None
        if spec.method == "reinforcement":
            graded = self._graded(spec, decided.rows, valid, choices)
        if spec.method == "dpo":
            beta = float(planned.hyperparameters["beta"])
            valid = (known_to(choices, valid) or None) if valid else None
        lesson = Lesson.prepare(decided.rows, valid, choices, self.look, parent=parent, beta=beta, graded=graded)
        if not parent:
            self._tell_frame(lesson.frame)
        training = Training(self.job, spec, planned, lesson, self.look)
        if step := training.go_on():
            self.job.message(T("Going on from step {step} of {total}.", step=step, total=planned.total_steps))
        training.run()
        self._say("calibrated", told_calibration(spec.method, training.finish(), lesson.commonest))

    def _graded(self, spec: JobSpec, rows: Rows, valid: Rows | None, choices: Choices) -> Graded:
        assert spec.grader is not None and isinstance(choices, Whole)
        grades = Grades(spec.grader, choices, self.look)
        found = grades.of(rows.items, self.job, "train")
        graded = found, grades.of(valid.items, self.job, "valid") if valid else None
        self._say(
            "graded",
            T(
                "Every answer to every row was graded: {n} gradings. The reward to expect is exact; none is drawn.",
                n=grades.gradings,
            ),
        )
        if grades.failed == grades.gradings:
            message = T("The grader failed on every answer: {why}.", why=grades.why)
            raise SpecError(PARAM, "grader_failed", message)
        if grades.failed:
            text = T(
                "The grader failed on {n} of them ({why}); they count as it left them.", n=grades.failed, why=grades.why
            )
            self.job.message(text, level="warn", key="grader_failed")
        if float(np.ptp(found.table, axis=1).max()) == 0:
            text = T("The grader rewards every answer to a row alike: there is nothing to learn from it.")
            self.job.message(text, level="warn", key="no_spread")
        return graded

    def _train_open(self, spec: JobSpec, planned: Plan, rows: Rows, valid: Rows | None) -> None:
        indexing = Indexing(self.job, spec, planned, rows, valid, self.look)
        self._tell_frame(indexing.frame)
        found = indexing.run()
        self._say(
            "calibrated",
            T(
                "Asked {rows} questions that were not in its index, the model would answer {answered:.0%} of them and "
                'say "no close example" to the others. Its answers have {agreement:.0%} in common with the true ones; '
                "any two answers of the file have {chance:.0%}.",
                rows=found.rows,
                answered=found.answered,
                agreement=found.agreement,
                chance=found.by_chance,
            ),
        )

    def _tell_frame(self, frame: Frame) -> None:
        shared = len(frame.prefix) + len(frame.suffix)
        if shared:
            self._say(
                "frame",
                T(
                    "Nearly all questions share {n} characters of instruction around their text: they are left out.",
                    n=shared,
                ),
            )
        if frame.system and not frame.systems:
            self._say("system", T("The system message is always the same: it is left out."))

    def _say(self, key: str, text: Text | str) -> None:
        self.job.message(text, key=key)


def _failure(error: Exception) -> Text:
    if isinstance(error, MemoryError):
        return T("The machine has too little memory for this training file. Use fewer examples or fewer answers.")
    if isinstance(error, OSError):
        return T("A file could not be read or written: {error}. Is the disk full?", error=error.strerror or error)
    return T("The training stopped at an error of its own: {error}.", error=f"{type(error).__name__}: {error}")
