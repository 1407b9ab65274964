"""The worker of one job: reads its folder, trains, and says in plain sentences what it did."""

from __future__ import annotations

import shutil
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from core.server.engines.base import JobDir, JobSpec, Plan, SpecError
from core.server.engines.course import Stopped, go_through, tell_ready
from core.server.engines.lora.bases import Folder, configured
from core.server.engines.lora.planning import (
    Material,
    answer_tokens,
    answers_each,
    plan,
    read_material,
    refuse_what_cannot_be,
)
from core.server.engines.lora.progress import Progress, keep, latest
from core.server.engines.lora.safety import UnsafeModel
from core.settings import Settings
from core.words import T, Text


class Worker:
    """One start of the worker on the folder of a job; of several that a launcher starts together, one of them."""

    def __init__(self, job: JobDir) -> None:
        launched = Settings.from_env().environment
        self.rank, self.world = int(launched.get("RANK") or 0), int(launched.get("WORLD_SIZE") or 1)
        self.job = job
        self.scratch = job.path / "scratch"

    def run(self) -> int:
        """Does what is left of the job; the exit status. How it ended is the last event."""
        try:
            return go_through(self.job, self._learn, self.explain)
        finally:
            if self.rank == 0:
                shutil.rmtree(self.scratch, ignore_errors=True)

    def explain(self, error: Exception) -> Text | None:
        """What broke the training off; None where it goes on from its last checkpoint."""
        return failure(error)

    def _learn(self) -> int:
        try:
            return self._train()
        except UnsafeModel as error:
            raise SpecError("model", "model_unusable", error.message) from error

    def _train(self) -> int:
        self._look()
        spec = self.job.read_spec()
        base = refuse_what_cannot_be(spec, {base.id: base for base in configured()})
        folder = base.found()
        material = read_material(spec, Folder(folder))
        planned = plan(spec, material, self.world)
        self._tell_beginning(planned, material)
        self.job.tell_untold()
        with ExitStack() as held:
            trainer = self._trainer(spec, planned, material, folder, held)
            self._go(trainer, planned)
        return planned.trained_tokens

    def _trainer(self, spec: JobSpec, planned: Plan, material: Material, folder: Path, held: ExitStack) -> Any:
        from transformers import set_seed

        from core.server.engines.lora import trainers
        from core.server.engines.lora.loading import load_base, load_tokenizer, with_adapter

        seed = spec.seed % (1 << 31)
        set_seed(seed)
        model = load_base(folder)
        if spec.parent is not None:
            model = with_adapter(model, spec.parent, trainable=True)
        numbers, tokenizer = planned.hyperparameters, load_tokenizer(folder)
        steps, goes_on = planned.total_steps, spec.parent is not None
        run = trainers.Run(model, tokenizer, self.scratch, spec.method, numbers, seed, steps, self.world, goes_on)
        train, valid = material.train.rows, material.valid.rows if material.valid else None
        longest = max(material.train.lengths() + (material.valid.lengths() if material.valid else []))
        if spec.method == "supervised":
            return trainers.supervised(run, train, valid, longest)
        if spec.method == "dpo":
            return trainers.preference(run, train, valid, longest)
        from core.graders import Grader

        grader = held.enter_context(Grader(spec.grader or {}))
        return trainers.reinforced(
            run,
            train,
            valid,
            longest,
            answers=answers_each(numbers),
            answer_tokens=answer_tokens(spec, material.encoder.longest),
            reward=lambda text, item: grader.grade(text, item).reward,
        )

    def _go(self, trainer: Any, planned: Plan) -> None:
        from transformers import PrinterCallback

        epochs = int(planned.hyperparameters["n_epochs"])
        every = int(planned.hyperparameters.get("eval_interval", 0))
        progress = Progress(self.job, planned.total_steps, planned.total_steps // epochs, every=every)
        progress.trainer = trainer
        trainer.remove_callback(PrinterCallback)
        self._tell_company(trainer)
        trainer.add_callback(progress)
        place = latest(self.job)
        if place is not None:
            self.job.message(T("Going on from step {step} of {total}.", step=place[0], total=planned.total_steps))
        if place is None or place[0] < planned.total_steps:
            with progress.heeding_signals():
                trainer.train(resume_from_checkpoint=str(place[1]) if place else None)
            if trainer.state.global_step != planned.total_steps:
                raise RuntimeError(f"it ended at step {trainer.state.global_step} of {planned.total_steps}")
            trainer.save_model(str(self.scratch / "final"))
            source = self.scratch / "final"
        else:  # it was killed between the last checkpoint and the end
            source = self.scratch / "final"
            shutil.copytree(place[1], source, dirs_exist_ok=True)
            for path in [path for name in _TO_GO_ON for path in source.glob(name)]:
                path.unlink()
        if self.rank == 0:
            self.job.write_folder(self.job.final_path, lambda to: keep(source, to))
            shutil.rmtree(self.job.resume_path, ignore_errors=True)

    def _tell_beginning(self, planned: Plan, material: Material) -> None:
        tell_ready(self.job, planned)
        rows, tokens = material.train.rows, sum(material.train.lengths())
        learnt = _learnt(rows)
        if learnt:
            text = T(
                "{rows} examples of {tokens} tokens in all; {learnt} of these, the answers, are learnt.",
                rows=material.train.examples - material.train.dropped - material.train.refused,
                tokens=tokens,
                learnt=learnt,
            )
            self.job.message(text, key="tokens")

    def _tell_company(self, trainer: Any) -> None:
        """Says how many processes train. Raises RuntimeError where they did not find each other."""
        found = int(trainer.args.world_size)
        if found != self.world:
            raise RuntimeError(f"{self.world} processes were started and {found} train together")
        if found > 1:
            self.job.message(T("{n} processes train together.", n=found), key=f"world:{found}")

    def _look(self) -> None:
        wanted = self.job.wanted() if self.world == 1 else None  # several must stop together: at their first step
        if wanted:
            raise Stopped(wanted)


_TO_GO_ON = ("optimizer.pt", "scheduler.pt", "rng_state*.pth", "trainer_state.json", "scaler.pt")


def _learnt(rows: list[Any]) -> int:
    return sum(label >= 0 for row in rows for label in getattr(row, "labels", ()))


def failure(error: Exception) -> Text:
    """A sentence for what broke a training off."""
    if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError" or "can't allocate" in str(error):
        return T("The machine has too little memory for this training. Use a smaller batch_size or a smaller model.")
    if isinstance(error, OSError):
        return T("A file could not be read or written: {error}. Is the disk full?", error=error.strerror or error)
    return T("The training stopped at an error of its own: {error}.", error=f"{type(error).__name__}: {error}"[:500])
