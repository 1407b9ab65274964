"""The worker as one of several processes that share a training."""

from __future__ import annotations

import sys

from core.server.engines.lora.worker import Worker
from core.words import Text

# How the loss of another process shows itself in this one.
LOST = ("Connection closed by peer", "Connection reset by peer", "NCCL", "gloo", "Broken pipe", "timed out")


class RankWorker(Worker):
    """A worker that sees the job's folder as its number lets it, and leaves no last word where another was lost."""

    def explain(self, error: Exception) -> Text | None:
        text = super().explain(error)
        if text is None or not any(word in str(text) for word in LOST):
            return text
        sys.stderr.write(f"another process of this training was lost: {text}\n")
        return None  # the job goes on from its last checkpoint
