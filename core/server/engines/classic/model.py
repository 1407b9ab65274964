"""The two kinds of trained model, and their folders: model.json and arrays.npz, plain numbers and text only."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from core.server.engines.classic.calibration import calibrated
from core.server.engines.classic.choices import Choices, Fields, Whole
from core.server.engines.classic.conversation import Answer, Frame, Question
from core.server.engines.classic.features import Floats, Vocabulary, hash_fields
from core.server.engines.classic.retrieval import Index
from core.server.engines.classic.softmax import logits

FORMAT = 2  # 1 knew no fields
_UNSURE = 1e-6  # a nearness that rounding keeps below the threshold still counts as reaching it


@dataclass(frozen=True)
class Head:
    """The weights (feature by class) and the bias of one softmax, and the temperature of its probabilities."""

    weights: Floats
    bias: Floats
    temperature: float = 1.0


@dataclass(frozen=True)
class ClosedModel:
    """Chooses among the answers it was trained on, with a calibrated probability for each."""

    frame: Frame
    choices: Choices
    vocabulary: Vocabulary
    heads: tuple[Head, ...]

    def log_probabilities(self, questions: Sequence[Question]) -> list[Floats]:
        """The log probability of each class of each head for each question."""
        found = hash_fields(self.frame.fields(questions))
        rows = self.vocabulary.vectors(found, len(questions))
        return [calibrated(logits(head.weights, head.bias, rows), head.temperature) for head in self.heads]

    def save(self, folder: Path, *, half: bool) -> None:
        """Writes it; with weights of half precision it takes half the room and answers the same."""
        temperatures = [head.temperature for head in self.heads]
        if isinstance(self.choices, Fields):
            about: dict[str, Any] = {"mode": "fields", "fields": asdict(self.choices), "temperatures": temperatures}
        else:
            answers = [asdict(answer) for answer in self.choices.answers]
            about = {"mode": "closed", "answers": answers, "temperature": temperatures[0]}
        _write(folder, self.frame, about)
        arrays: dict[str, Any] = {"hashes": self.vocabulary.hashes, "idf": self.vocabulary.idf}
        for number, head in enumerate(self.heads):
            weights = head.weights.astype(np.float16) if half else head.weights
            arrays |= {named("weights", number): weights, named("bias", number): head.bias}
        np.savez(folder / "arrays.npz", **arrays)


def named(array: str, head: int) -> str:
    """What the array of a head is called in a file; that of the first has no number."""
    return f"{array}{head or ''}"


@dataclass(frozen=True)
class OpenModel:
    """Gives the answer of the nearest training question word for word, or none where no question is near."""

    frame: Frame
    answers: tuple[Answer, ...]
    index: Index
    threshold: float

    def nearest(self, question: Question) -> tuple[Answer | None, float]:
        """The answer (None: nothing is near enough), and how near its question is, from 0 to about 1."""
        rows, nearness = self.index.nearest(self.frame.fields([question]), 1)
        if not len(rows):
            return None, 0.0
        near = float(nearness[0])
        return (self.answers[int(rows[0])] if near + _UNSURE >= self.threshold else None), near

    def save(self, folder: Path) -> None:
        """Writes it."""
        answers = [asdict(answer) for answer in self.answers]
        _write(folder, self.frame, {"mode": "open", "answers": answers, "threshold": self.threshold})
        np.savez(folder / "arrays.npz", **asdict(self.index))


def load_model(folder: Path) -> ClosedModel | OpenModel:
    """The model that was written there. Raises ValueError where a later version wrote it."""
    about = _about(folder)
    frame = Frame(**about["frame"])
    with np.load(folder / "arrays.npz", allow_pickle=False) as arrays:
        if about["mode"] == "open":
            answers = tuple(Answer(**answer) for answer in about["answers"])
            return OpenModel(frame, answers, Index(**arrays), about["threshold"])
        temperatures = about["temperatures"] if about["mode"] == "fields" else [about["temperature"]]
        heads = tuple(
            Head(arrays[named("weights", number)], arrays[named("bias", number)], by)
            for number, by in enumerate(temperatures)
        )
        return ClosedModel(frame, _choices(about), Vocabulary(arrays["hashes"], arrays["idf"]), heads)


def read_choices(folder: Path) -> Choices | None:
    """What the model that was written there chooses among; None where it looks up."""
    about = _about(folder)
    return None if about["mode"] == "open" else _choices(about)


def _about(folder: Path) -> dict[str, Any]:
    about: dict[str, Any] = json.loads((folder / "model.json").read_text("utf-8"))
    if about["format"] > FORMAT:
        raise ValueError(f"{folder / 'model.json'}: format {about['format']}, this version reads {FORMAT}")
    return about


def _choices(about: dict[str, Any]) -> Choices:
    if about["mode"] == "fields":
        known = about["fields"]
        return Fields(tuple(known["keys"]), tuple(map(tuple, known["values"])), known["style"])
    return Whole(tuple(Answer(**answer) for answer in about["answers"]))


def _write(folder: Path, frame: Frame, about: dict[str, Any]) -> None:
    written = {"format": FORMAT, **about, "frame": asdict(frame)}
    (folder / "model.json").write_text(json.dumps(written, ensure_ascii=False), "utf-8")
