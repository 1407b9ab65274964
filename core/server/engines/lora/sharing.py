"""The worker as one of several processes that share a training."""

from __future__ import annotations

import sys

from core.server.engines.lora.worker import Worker

# How the loss of another process shows itself in this one.
LOST = ("Connection closed by peer", "Connection reset by peer", "NCCL", "gloo", "Broken pipe", "timed out")


class RankWorker(Worker):
    """A worker that sees the job's folder as its number lets it, and leaves no last word where another was lost."""

    def _fail(self, code: str, text: str, param: str | None = None) -> int:
        if code == "training_failed" and any(word in text for word in LOST):
            sys.stderr.write(f"another process of this training was lost: {text}\n")
            return 1  # the job goes on from its last checkpoint
        return super()._fail(code, text, param)
