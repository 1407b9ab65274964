"""Small files for open models, written for these tests, and jobs trained on them in this process."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from core.server.engines.base import JobDir, JobSpec, Predictor, SampleParams
from core.server.engines.lora.bases import configured
from core.server.engines.lora.engine import LoraEngine

Body = dict[str, Any]
THINGS = {"fruit": "ripe apple", "vehicle": "fast car", "animal": "blue whale"}
FAST = {"n_epochs": 3, "batch_size": 8, "learning_rate_multiplier": 25}
EXACT = {
    "type": "string_check",
    "name": "same",
    "operation": "like",
    "input": "{{sample.output_text}}",
    "reference": "x",
}


def ask(number: int) -> Body:
    return {"role": "user", "content": f"What is the {list(THINGS.values())[number % 3]} of row {number}?"}


def chats(count: int, first: int = 0) -> list[Body]:
    """Questions in three classes."""
    labels = list(THINGS)
    rows = range(first, first + count)
    return [{"messages": [ask(n), {"role": "assistant", "content": labels[n % 3]}]} for n in rows]


def pairs(count: int, first: int = 0) -> list[Body]:
    """Questions that are better answered with good."""
    good, bad = ([{"role": "assistant", "content": word}] for word in ("good", "bad"))
    return [
        {"input": {"messages": [ask(n)]}, "preferred_output": good, "non_preferred_output": bad}
        for n in range(first, first + count)
    ]


def tasks(count: int, first: int = 0) -> list[Body]:
    """Questions whose answers should hold a letter."""
    return [{"messages": [ask(n)], "want": "e"} for n in range(first, first + count)]


class LoraBench:
    """Trains in a folder and asks what was trained."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.engine = LoraEngine()
        self.made = 0

    @property
    def model(self) -> Path:
        """The folder of the base model."""
        folder = configured()[0].folder()
        assert folder is not None
        return folder

    def file(self, rows: Sequence[Body]) -> Path:
        self.made += 1
        path = self.folder / f"file{self.made}.jsonl"
        path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), "utf-8")
        return path

    def spec(self, rows: Sequence[Body], valid: Sequence[Body] | None = None, **more: Any) -> JobSpec:
        more = {"hyperparameters": FAST, "seed": 3, **more}
        return JobSpec("job-1", "tiny", self.file(rows), self.file(valid) if valid else None, **more)

    def job(self, spec: JobSpec, name: str = "job") -> JobDir:
        """The folder of a job that has not begun."""
        return JobDir.create(self.folder / name, spec)

    def train(
        self, rows: Sequence[Body], valid: Sequence[Body] | None = None, name: str = "job", **more: Any
    ) -> JobDir:
        """A job that was trained to its end."""
        job = self.job(self.spec(rows, valid, **more), name)
        assert self.work(job) == 0, job.read_events()[0][-1]
        return job

    def work(self, job: JobDir) -> int:
        """One start of the worker in this process."""
        from core.server.engines.lora.worker import Worker

        return Worker(JobDir(job.path)).run()


def events(job: JobDir, type: str) -> list[dict[str, Any]]:
    """The job's events of one type."""
    return [event for event in job.read_events()[0] if event["type"] == type]


def curve(job: JobDir, name: str = "train_loss") -> list[float]:
    """One of the measures, step by step."""
    return [event[name] for event in events(job, "metrics") if name in event]


def texts(job: JobDir) -> str:
    """All that the job said, line by line."""
    return "\n".join(event["text"] for event in events(job, "message"))


def said(model: Predictor, text: str, **params: Any) -> str:
    """The answer to one question; at temperature 0 unless told."""
    wish = SampleParams(**{"temperature": 0.0, "max_tokens": 6, **params})
    return "".join(piece.text for piece in model.generate([{"role": "user", "content": text}], wish))
