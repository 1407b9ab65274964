"""The worker as one of several processes that share a training."""

from __future__ import annotations

import sys
from typing import Any

from core.server.engines.base import JobDir, SpecError
from core.server.engines.lora.worker import Worker
from core.words import T

# How the loss of another process shows itself in this one.
LOST = ("Connection closed by peer", "Connection reset by peer", "NCCL", "gloo", "Broken pipe", "timed out")


class RankWorker(Worker):
    """The worker as one of several."""

    def __init__(self, job: JobDir, rank: int, world: int) -> None:
        super().__init__(job)
        self.world = world
        if rank:
            self.scratch = job.path / f"scratch-{rank}"

    def _trainer(self, spec: Any, planned: Any, *more: Any) -> Any:
        batch = int(planned.hyperparameters["batch_size"])
        if batch % self.world:
            message = T("A batch_size of {batch} cannot be shared by {n} processes.", batch=batch, n=self.world)
            raise SpecError("hyperparameters.batch_size", "invalid_value", message)
        return super()._trainer(spec, planned, *more)

    def _fail(self, code: str, text: str, param: str | None = None) -> int:
        if code == "training_failed" and any(word in text for word in LOST):
            sys.stderr.write(f"another process of this training was lost: {text}\n")
            return 1  # no last word: the job goes on from its last checkpoint
        return super()._fail(code, text, param)
