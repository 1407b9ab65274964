"""The worker of one job: reads its folder, trains, and says in plain sentences what it did.

What is to be said about the files themselves is in the plan, which the server shows before it starts a worker.
"""

from __future__ import annotations

import sys
import time
import traceback

from core.server.engines.base import JobDir, JobSpec, Plan, SpecError
from core.server.engines.classic.conversation import Frame, Rows
from core.server.engines.classic.indexing import Indexing
from core.server.engines.classic.lesson import Lesson
from core.server.engines.classic.planning import plan, read_file, refuse_what_cannot_be
from core.server.engines.classic.training import Stopped, Training
from core.words import _

_LOOK_SECONDS = 0.05


class Worker:
    """One start of the worker on the folder of a job."""

    def __init__(self, job: JobDir) -> None:
        self.job = job
        self._looked_at = 0.0

    def run(self) -> int:
        """Does what is left of the job; the exit status. How it ended is the last event."""
        events, _offset = self.job.read_events()
        if events and events[-1]["type"] == "end" and events[-1]["status"] != "paused":
            return 0
        with self.job.alive():
            try:
                self._end("succeeded", trained_tokens=self._train())
            except Stopped as stopped:
                self._end("cancelled" if stopped.wanted == "cancel" else "paused")
            except SpecError as error:
                self._fail(error.code, str(error), error.param)
                return 1
            except Exception as error:
                traceback.print_exc(file=sys.stderr)
                self._fail("training_failed", _failure(error))
                return 1
        return 0

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
        rows = read_file(spec.training_path, "training_file")
        valid = read_file(spec.validation_path, "validation_file") if spec.validation_path else None
        planned = plan(spec, rows)
        self.job.emit(
            "ready",
            key="ready",
            total_steps=planned.total_steps,
            mode=planned.mode,
            hyperparameters=planned.hyperparameters,
        )
        self._tell_mode(spec, planned, rows)
        self.job.tell_untold()
        if planned.mode == "closed":
            self._train_closed(spec, planned, rows, valid)
        else:
            self._train_open(spec, planned, rows, valid)
        return planned.trained_tokens

    def _train_closed(self, spec: JobSpec, planned: Plan, rows: Rows, valid: Rows | None) -> None:
        lesson = Lesson.prepare(rows, valid, self.look)
        self._tell_frame(lesson.frame)
        training = Training(self.job, spec, planned, lesson, self.look)
        if step := training.go_on():
            self.job.message(_("Going on from step {step} of {total}.", step=step, total=planned.total_steps))
        training.run()
        found = training.finish()
        if not found.rows:
            self._say("calibrated", _("There are too few examples to check how sure the model may be of itself."))
            return
        self._say(
            "calibrated",
            _(
                "On {rows} examples that were not learnt from, {right:.1%} of the answers are right; always giving the "
                "commonest answer would get {common:.1%}. The probabilities are calibrated (temperature {by:.2f}); "
                "they are off by {error:.1%} on average.",
                rows=found.rows,
                right=found.accuracy,
                common=lesson.commonest,
                by=found.temperature,
                error=found.error,
            ),
        )

    def _train_open(self, spec: JobSpec, planned: Plan, rows: Rows, valid: Rows | None) -> None:
        indexing = Indexing(self.job, spec, planned, rows, valid, self.look)
        self._tell_frame(indexing.frame)
        found = indexing.run()
        self._say(
            "calibrated",
            _(
                "Asked {rows} questions that were not in its index, the model would answer {answered:.0%} of them and "
                'say "no close example" to the others. Its answers have {agreement:.0%} in common with the true ones; '
                "any two answers of the file have {chance:.0%}.",
                rows=found.rows,
                answered=found.answered,
                agreement=found.agreement,
                chance=found.by_chance,
            ),
        )

    def _tell_mode(self, spec: JobSpec, planned: Plan, rows: Rows) -> None:
        different = len(set(rows.answers))
        if planned.mode == "closed":
            why = _(
                "The {rows} examples have {n} different answers: they are learnt as classes to choose from.",
                rows=len(rows),
                n=different,
            )
        else:
            why = _(
                "The {rows} examples have {n} different answers, free text: the model will give the answer of the "
                "nearest example word for word. It goes through the file once.",
                rows=len(rows),
                n=different,
            )
        asked = spec.metadata.get("engine_mode")
        self._say("mode", f"{why} {_('metadata.engine_mode asked for it.')}" if asked else why)

    def _tell_frame(self, frame: Frame) -> None:
        shared = len(frame.prefix) + len(frame.suffix)
        if shared:
            self._say(
                "frame",
                _(
                    "Nearly all questions share {n} characters of instruction around their text: they are left out.",
                    n=shared,
                ),
            )
        if frame.system and not frame.systems:
            self._say("system", _("The system message is always the same: it is left out."))

    def _say(self, key: str, text: str) -> None:
        self.job.message(text, key=key)

    def _end(self, status: str, trained_tokens: int | None = None) -> None:
        self.job.emit("end", status=status, error=None, trained_tokens=trained_tokens)

    def _fail(self, code: str, text: str, param: str | None = None) -> None:
        error = {"code": code, "message": text, "param": param}
        self.job.emit("end", status="failed", error=error, trained_tokens=None)


def _failure(error: Exception) -> str:
    if isinstance(error, MemoryError):
        return _("The machine has too little memory for this training file. Use fewer examples or fewer answers.")
    if isinstance(error, OSError):
        return _("A file could not be read or written: {error}. Is the disk full?", error=error.strerror or error)
    return _("The training stopped at an error of its own: {error}.", error=f"{type(error).__name__}: {error}")
