"""A closed training file as numbers: what the heads learn from and are measured on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from core.server.engines.classic.choices import Choices
from core.server.engines.classic.conversation import Answer, Frame
from core.server.engines.classic.features import Floats, Ints, Sparse, Vocabulary, hash_fields, ideographic
from core.server.engines.classic.model import ClosedModel
from core.server.engines.classic.objectives import Classes, Objective, Pairs, Rewards, Scores
from core.server.engines.classic.reading import Rows
from core.server.engines.classic.softmax import Block, Softmax, logits

_MANY = 20_000  # rows from which phrases of three ideographs are worth learning, and margins no more
_MOST_WEIGHTS = 200_000_000  # n-grams times classes: 0.8 GB; above, the rarest n-grams are left out
_START = 1e-8  # of Adagrad's sums, see Softmax.fresh
_START_WITH_MARGINS = 1e-2

Graded = tuple[Rewards, Rewards | None]
"""What reinforcement learns from: the rewards of the training rows and of the validation rows."""


@dataclass(frozen=True)
class Lesson:
    """The rows as vectors and what is wanted of them; `before` are the weights and biases of the model to go on from,
    head by head, empty where training begins with nothing."""

    frame: Frame
    choices: Choices
    vocabulary: Vocabulary
    train: Sparse
    goal: Objective
    valid: Sparse | None
    valid_goal: Objective | None
    before: tuple[tuple[Floats, Floats], ...] = ()
    temperatures: tuple[float, ...] = ()

    @classmethod
    def prepare(
        cls,
        rows: Rows,
        valid: Rows | None,
        choices: Choices,
        look: Callable[[], None],
        *,
        parent: ClosedModel | None = None,
        beta: float | None = None,
        graded: Graded | None = None,
    ) -> Lesson:
        """Learns the frame and the vocabulary from the training rows, or goes on from a parent's. With `beta` the rows
        are preferences, with `graded` they have rewards. `look` may raise to stop."""
        frame = parent.frame if parent else Frame.learn(rows.questions)
        fields = frame.fields(rows.questions)
        found = hash_fields(fields, chars=_telling(fields[0]), look=look)
        vocabulary = Vocabulary.learn(found, len(rows), _MOST_WEIGHTS // sum(choices.sizes))
        before: tuple[tuple[Floats, Floats], ...] = ()
        if parent:
            vocabulary, places = parent.vocabulary.joined(vocabulary)
            before = tuple(_moved(head.weights, head.bias, places, vocabulary, choices) for head in parent.heads)
        look()
        train = vocabulary.vectors(found, len(rows), look)
        measured = None
        if valid:
            found = hash_fields(frame.fields(valid.questions), look=look)
            measured = vocabulary.vectors(found, len(valid), look)
        goals: list[Objective | None]
        if graded:
            goals = [graded[0], graded[1]]
        elif beta is not None:
            goals = [_pairs(rows, choices, beta), _pairs(valid, choices, beta) if valid else None]
        else:
            margins = () if before or len(rows) >= _MANY else tuple(np.log(size) / 2 + 2 for size in choices.sizes)
            goals = [Classes(_places(rows.answers, choices), margins)]
            goals.append(Classes(_places(valid.answers, choices)) if valid else None)
        assert goals[0] is not None
        temperatures = tuple(head.temperature for head in parent.heads) if parent else ()
        return cls(frame, choices, vocabulary, train, goals[0], measured, goals[1], before, temperatures)

    def heads(self) -> list[Softmax]:
        """The heads as they are before the first step."""
        features = len(self.vocabulary.hashes)
        if not self.margins:
            heads = [Softmax.fresh(features, size, _START) for size in self.choices.sizes]
            for head, (weights, bias) in zip(heads, self.before, strict=False):
                head.weights[:], head.bias[:] = weights, bias
            return heads
        heads = [Softmax.fresh(features, size, _START_WITH_MARGINS) for size in self.choices.sizes]
        for head, margin in zip(heads, self.margins, strict=True):
            head.bias -= np.float32(margin)  # no answer is expected, so that only the right one has to be learnt
        return heads

    @property
    def margins(self) -> Sequence[float]:
        """The margins to learn with, one a head; none where the loss itself is followed."""
        return self.goal.margins if isinstance(self.goal, Classes) else ()

    def reference(self, block: Block) -> Scores:
        """What the model that training began with says of some rows; nothing where nobody looks at it."""
        if not self.goal.compares:
            return []
        used, dense = block
        if not self.before:
            return [np.zeros((len(dense), size), np.float32) for size in self.choices.sizes]
        return [dense @ weights[used].astype(np.float32) + bias for weights, bias in self.before]

    def references(self, rows: Sparse) -> Scores:
        """The same of any number of rows."""
        if not self.goal.compares:
            return []
        if not self.before:
            return [np.zeros((len(rows), size), np.float32) for size in self.choices.sizes]
        return [logits(weights, bias, rows) for weights, bias in self.before]

    @property
    def commonest(self) -> float:
        """The share of training rows with the commonest answer: what always giving it would get right."""
        if not isinstance(self.goal, Classes):
            return 0.0
        _, times = np.unique(self.goal.classes, axis=0, return_counts=True)
        return int(times.max()) / len(self.goal)


def _moved(
    weights: Floats, bias: Floats, places: Ints, vocabulary: Vocabulary, choices: Choices
) -> tuple[Floats, Floats]:
    """A parent's weights at their places in a larger vocabulary, answers that are new to it at the end."""
    (size,) = choices.sizes
    larger = np.zeros((len(vocabulary.hashes), size), weights.dtype)
    larger[places, : weights.shape[1]] = weights
    start = np.full(size, bias.min(), np.float32)
    start[: len(bias)] = bias
    return larger, start


def _places(answers: Sequence[Answer], choices: Choices) -> Ints:
    known = {answer: choices.places(answer) for answer in set(answers)}
    return np.array([known[answer] for answer in answers], np.int64).reshape(len(answers), len(choices.sizes))


def _pairs(rows: Rows, choices: Choices, beta: float) -> Pairs:
    preferred, rejected = (_places(answers, choices)[:, 0] for answers in (rows.answers, rows.rejected))
    return Pairs(preferred, rejected, beta)


def _telling(texts: Sequence[str]) -> tuple[int, ...]:
    """The lengths of the character n-grams that help: three ideographs are a phrase, too rare to tell in few rows."""
    sample = "".join(texts[:200])
    dense = sum(map(ideographic, sample)) > len(sample) / 2
    return (1, 2) if dense and len(texts) < _MANY else (1, 2, 3)
