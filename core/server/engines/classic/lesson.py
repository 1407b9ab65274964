"""A closed training file as numbers: what the softmax learns from and is measured on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from core.server.engines.classic.conversation import Answer, Frame, Rows
from core.server.engines.classic.features import Ints, Sparse, Vocabulary, hash_fields, ideographic

_MANY = 20_000  # rows from which phrases of three ideographs are worth learning
_MOST_WEIGHTS = 200_000_000  # n-grams times classes: 0.8 GB; above, the rarest n-grams are left out


@dataclass(frozen=True)
class Lesson:
    """Vectors and classes of the training rows and, where there are any, the validation rows; -1 is the class of an
    answer that training never saw."""

    frame: Frame
    answers: tuple[Answer, ...]
    vocabulary: Vocabulary
    train: Sparse
    classes: Ints
    valid: Sparse | None
    valid_classes: Ints

    @classmethod
    def prepare(cls, rows: Rows, valid: Rows | None, look: Callable[[], None]) -> Lesson:
        """Learns the frame, the answers and the vocabulary from the training rows. `look` may raise to stop."""
        frame = Frame.learn(rows.questions)
        answers = tuple(sorted(set(rows.answers), key=lambda answer: (answer.kind, answer.text)))
        place = {answer: number for number, answer in enumerate(answers)}
        fields = frame.fields(rows.questions)
        found = hash_fields(fields, chars=_telling(fields[0]), look=look)
        vocabulary = Vocabulary.learn(found, len(rows), _MOST_WEIGHTS // len(answers))
        look()
        train = vocabulary.vectors(found, len(rows), look)
        measured = None
        if valid:
            found = hash_fields(frame.fields(valid.questions), look=look)
            measured = vocabulary.vectors(found, len(valid), look)
        classes = [np.array([place.get(a, -1) for a in part], np.int64) for part in (rows.answers, _answers(valid))]
        return cls(frame, answers, vocabulary, train, classes[0], measured, classes[1])

    @property
    def commonest(self) -> float:
        """The share of training rows with the commonest answer: what always giving it would get right."""
        return int(np.bincount(self.classes).max()) / len(self.classes)


def _telling(texts: Sequence[str]) -> tuple[int, ...]:
    """The lengths of the character n-grams that help: three ideographs are a phrase, too rare to tell in few rows."""
    sample = "".join(texts[:200])
    dense = sum(map(ideographic, sample)) > len(sample) / 2
    return (1, 2) if dense and len(texts) < _MANY else (1, 2, 3)


def _answers(rows: Rows | None) -> list[Answer]:
    return rows.answers if rows else []
