"""Small training files, written for these tests, and jobs trained on them in this process."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from core.server.engines.base import JobDir, JobSpec, Piece, Predictor, SampleParams
from core.server.engines.classic import BASE
from core.server.engines.classic.engine import ClassicEngine
from core.server.engines.classic.worker import Worker

Pair = tuple[str, Any]

_THINGS = {
    "borrow": ["borrow a book", "take this novel home", "check out two titles", "lend me the atlas"],
    "opening": ["when do you open", "opening hours on Sunday", "what time do you close", "are you open today"],
    "card": ["lost my library card", "get a new card", "my card does not scan", "renew the reader card"],
}
_WAYS = ["please, {}", "hello, {}", "{}?", "I would like to know: {}", "{}, thanks", "quick question, {}"]


def pairs() -> list[Pair]:
    """72 questions in three classes."""
    return [(way.format(thing), label) for label, things in _THINGS.items() for thing in things for way in _WAYS]


def free_pairs() -> list[Pair]:
    """72 questions, each with an answer of its own."""
    return [
        (ask, f"Answer number {i}: {ask} is what our desk {label} is for.") for i, (ask, label) in enumerate(pairs())
    ]


def chat(ask: str, answer: Any, **more: Any) -> dict[str, Any]:
    """One line of the chat format; an answer that is a list stands for tool calls."""
    said = {"tool_calls": answer} if isinstance(answer, list) else {"content": answer}
    return {"messages": [{"role": "user", "content": ask}, {"role": "assistant", **said, **more}]}


def write(path: Path, bodies: Sequence[dict[str, Any]]) -> Path:
    """A JSON Lines file."""
    path.write_text("".join(json.dumps(body, ensure_ascii=False) + "\n" for body in bodies), "utf-8")
    return path


class Bench:
    """Trains in a folder and asks what was trained."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.engine = ClassicEngine()
        self.made = 0

    def file(self, rows: Sequence[Pair | dict[str, Any]]) -> Path:
        """A training file of (question, answer) pairs or whole lines."""
        self.made += 1
        bodies = [row if isinstance(row, dict) else chat(*row) for row in rows]
        return write(self.folder / f"file{self.made}.jsonl", bodies)

    def spec(self, rows: Sequence[Pair | dict[str, Any]], valid: Any = None, **more: Any) -> JobSpec:
        """A job on these rows."""
        return JobSpec("job-1", BASE, self.file(rows), self.file(valid) if valid else None, **more)

    def job(self, spec: JobSpec, name: str = "job") -> JobDir:
        """The folder of a job that has not begun."""
        return JobDir.create(self.folder / name, spec)

    def train(self, rows: Sequence[Pair | dict[str, Any]], valid: Any = None, name: str = "job", **more: Any) -> JobDir:
        """A job that was trained to its end."""
        job = self.job(self.spec(rows, valid, **more), name)
        assert Worker(job).run() == 0
        return job

    def open(self, job: JobDir) -> Predictor:
        """What was trained."""
        return self.engine.open(job.final_path, BASE)


def events(job: JobDir, type: str) -> list[dict[str, Any]]:
    """The job's events of one type."""
    return [event for event in job.read_events()[0] if event["type"] == type]


def texts(job: JobDir) -> str:
    """All that the job said, line by line."""
    return "\n".join(event["text"] for event in events(job, "message"))


def ask(model: Predictor, text: str, **params: Any) -> Piece:
    """The answer to one question; at temperature 0 unless told."""
    (piece,) = model.generate([{"role": "user", "content": text}], SampleParams(**{"temperature": 0.0, **params}))
    return piece


def preference(ask: str, better: str, worse: str) -> dict[str, Any]:
    """One line of the preference format."""
    said = [[{"role": "assistant", "content": text}] for text in (better, worse)]
    asked = {"messages": [{"role": "user", "content": ask}]}
    return {"input": asked, "preferred_output": said[0], "non_preferred_output": said[1]}


def preferences() -> list[dict[str, Any]]:
    """The questions of `pairs`, the right class preferred to one of the others."""
    labels = list(_THINGS)
    return [
        preference(ask, label, labels[(labels.index(label) + 1 + i % 2) % 3]) for i, (ask, label) in enumerate(pairs())
    ]


def items(**fields: Any) -> list[dict[str, Any]]:
    """The questions of `pairs` without their answers, the right class in the field `desk`."""
    return [{"messages": [{"role": "user", "content": ask}], "desk": label, **fields} for ask, label in pairs()]


EXACT = {
    "type": "string_check",
    "name": "exact",
    "operation": "eq",
    "input": "{{sample.output_text}}",
    "reference": "{{item.desk}}",
}
