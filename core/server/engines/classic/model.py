"""The two kinds of trained model, and their folders: model.json and arrays.npz, plain numbers and text only."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from core.server.engines.classic.calibration import calibrated
from core.server.engines.classic.conversation import Answer, Frame, Question
from core.server.engines.classic.features import Floats, Vocabulary, hash_fields
from core.server.engines.classic.retrieval import Index
from core.server.engines.classic.softmax import logits

FORMAT = 1
_UNSURE = 1e-6  # a nearness that rounding keeps below the threshold still counts as reaching it


@dataclass(frozen=True)
class ClosedModel:
    """Chooses among the answers it was trained on, with a calibrated probability for each."""

    frame: Frame
    answers: tuple[Answer, ...]
    vocabulary: Vocabulary
    weights: Floats
    bias: Floats
    temperature: float = 1.0

    def log_probabilities(self, questions: Sequence[Question]) -> Floats:
        """The log probability of each answer for each question."""
        found = hash_fields(self.frame.fields(questions))
        scores = logits(self.weights, self.bias, self.vocabulary.vectors(found, len(questions)))
        return calibrated(scores, self.temperature)

    def save(self, folder: Path, *, half: bool) -> None:
        """Writes it; with weights of half precision it takes half the room and answers the same."""
        _write(folder, "closed", self.frame, self.answers, temperature=self.temperature)
        weights = self.weights.astype(np.float16) if half else self.weights
        known = self.vocabulary
        np.savez(folder / "arrays.npz", hashes=known.hashes, idf=known.idf, weights=weights, bias=self.bias)


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
        _write(folder, "open", self.frame, self.answers, threshold=self.threshold)
        np.savez(folder / "arrays.npz", **asdict(self.index))


def load_model(folder: Path) -> ClosedModel | OpenModel:
    """The model that was written there. Raises ValueError where a later version wrote it."""
    about = json.loads((folder / "model.json").read_text("utf-8"))
    if about["format"] != FORMAT:
        raise ValueError(f"{folder / 'model.json'}: format {about['format']}, this version reads {FORMAT}")
    frame = Frame(**about["frame"])
    answers = tuple(Answer(**answer) for answer in about["answers"])
    with np.load(folder / "arrays.npz", allow_pickle=False) as arrays:
        if about["mode"] == "open":
            return OpenModel(frame, answers, Index(**arrays), about["threshold"])
        vocabulary = Vocabulary(arrays["hashes"], arrays["idf"])
        return ClosedModel(frame, answers, vocabulary, arrays["weights"], arrays["bias"], about["temperature"])


def _write(folder: Path, mode: str, frame: Frame, answers: Sequence[Answer], **more: Any) -> None:
    about = {"format": FORMAT, "mode": mode, **more, "frame": asdict(frame), "answers": [asdict(a) for a in answers]}
    (folder / "model.json").write_text(json.dumps(about, ensure_ascii=False), "utf-8")
