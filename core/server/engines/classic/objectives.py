"""What each method learns, as slopes: how the loss grows with the score of each class, exactly, for every row.

Scores come as a list, one array (row by class) a head; so do slopes. Slopes are those of the mean over the rows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from core.server.engines.classic.calibration import UNTOLD
from core.server.engines.classic.features import Floats, Ints
from core.server.engines.classic.softmax import log_softmax

Scores = list[Floats]
Measured = dict[str, float]
KL = 0.02  # what a nat of distance from the model that reinforcement began with costs, in reward


class Objective(Protocol):
    """The rows of a file, and what is wanted of them. `compares` says whether `reference` is looked at: the scores by
    the model that training began with."""

    @property
    def compares(self) -> bool: ...

    def __len__(self) -> int: ...

    def measure(self, rows: Ints, scores: Scores, reference: Scores) -> Measured:
        """How well these rows are answered, by the names of the metrics without "train_" or "valid_"."""
        ...

    def slopes(self, rows: Ints, scores: Scores, reference: Scores) -> Scores:
        """How the mean loss of these rows grows with their scores."""
        ...


@dataclass(frozen=True)
class Classes:
    """Supervised: the class of each row, one column a head, -1 where it is unknown. The loss is how surprising the
    whole answer is, in nats.

    With margins, one a head, the steps follow another loss: the squared hinge of each class against all others, which
    is content with a right score above the margin and a wrong one below minus the margin. Measured, that is worth one
    to five points of accuracy where rows are few.
    """

    classes: Ints
    margins: Sequence[float] = ()
    compares = False

    def __len__(self) -> int:
        return len(self.classes)

    def measure(self, rows: Ints, scores: Scores, reference: Scores) -> Measured:
        """The loss (absent where no row is known in full) and the share of answers that are right in every field."""
        classes = self.classes[rows]
        right = np.all([s.argmax(axis=1) == classes[:, h] for h, s in enumerate(scores)], axis=0)
        known = np.flatnonzero((classes >= 0).all(axis=1))
        measured = {"mean_token_accuracy": float(right.mean())}
        if not len(known):
            return measured
        at = np.arange(len(known))
        logs = sum(float(log_softmax(s[known])[at, classes[known, h]].mean()) for h, s in enumerate(scores))
        return {"loss": -logs, **measured}

    def slopes(self, rows: Ints, scores: Scores, reference: Scores) -> Scores:
        """Probability minus truth, or with a margin how far each score is on the wrong side of it."""
        found, at = [], np.arange(len(rows))
        for head, score in enumerate(scores):
            true = at, self.classes[rows, head]
            if self.margins:
                side = np.full_like(score, -1)
                side[true] = 1
                slopes = -2 * side * np.maximum(0, 1 - side * score / np.float32(self.margins[head]))
            else:
                slopes = np.exp(log_softmax(score))
                slopes[true] -= 1
            found.append(slopes / np.float32(len(rows)))
        return found


@dataclass(frozen=True)
class Pairs:
    """Direct preference optimisation: of two classes the first is preferred. The loss is that of Rafailov and others
    (2023); with a softmax its slopes touch the two classes alone."""

    preferred: Ints
    rejected: Ints
    beta: float
    compares = True

    def __len__(self) -> int:
        return len(self.preferred)

    def measure(self, rows: Ints, scores: Scores, reference: Scores) -> Measured:
        """The loss, the share of rows whose preferred answer is the likelier one, and the rewards: beta times how much
        likelier an answer has become than it was to the reference."""
        at, better, worse = np.arange(len(rows)), self.preferred[rows], self.rejected[rows]
        logs = log_softmax(scores[0])
        gained = np.float32(self.beta) * (logs - log_softmax(reference[0]))
        margin = gained[at, better] - gained[at, worse]
        return {
            "loss": float(np.logaddexp(0, -margin).mean()),
            "mean_token_accuracy": float((logs[at, better] > logs[at, worse]).mean()),
            "rewards/chosen": float(gained[at, better].mean()),
            "rewards/rejected": float(gained[at, worse].mean()),
            "rewards/margins": float(margin.mean()),
            "rewards/accuracies": float((margin > 0).mean()),
        }

    def slopes(self, rows: Ints, scores: Scores, reference: Scores) -> Scores:
        """Beta times the chance that the pair is still in the wrong order, up for the one and down for the other."""
        at, better, worse = np.arange(len(rows)), self.preferred[rows], self.rejected[rows]
        moved = scores[0] - reference[0]
        margin = np.float32(self.beta) * (moved[at, better] - moved[at, worse])
        push = np.float32(self.beta / len(rows)) * np.exp(-np.logaddexp(0, margin))
        slopes = np.zeros_like(scores[0])
        slopes[at, better] = -push
        slopes[at, worse] = push
        return [slopes]


@dataclass(frozen=True)
class Rewards:
    """Reinforcement: the reward of every answer to each row, `table[kinds[row]]`. The expected reward is exact, a sum
    over all answers, and so are its slopes; moving away from the reference costs KL."""

    table: Floats
    kinds: Ints
    compares = True

    def __len__(self) -> int:
        return len(self.kinds)

    def measure(self, rows: Ints, scores: Scores, reference: Scores) -> Measured:
        """The loss (the cost of moving minus the reward), the reward to expect, that of the likeliest answer, and the
        distance from the reference in nats."""
        logs, moved = self._moved(scores, reference)
        chance, rewards = np.exp(logs), self.table[self.kinds[rows]]
        expected = float((chance * rewards).sum(axis=1).mean())
        distance = float((chance * moved).sum(axis=1).mean())
        best = rewards[np.arange(len(rows)), logs.argmax(axis=1)]
        return {
            "loss": KL * distance - expected,
            "reward_mean": expected,
            "greedy_reward_mean": float(best.mean()),
            "kl": distance,
            "reasoning_tokens_mean": 0.0,
        }

    def slopes(self, rows: Ints, scores: Scores, reference: Scores) -> Scores:
        """Each answer's chance times how much worse it is than what is to be expected."""
        logs, moved = self._moved(scores, reference)
        chance = np.exp(logs)
        worth = self.table[self.kinds[rows]] - np.float32(KL) * moved
        expected = (chance * worth).sum(axis=1, keepdims=True)
        return [chance * (expected - worth) / np.float32(len(rows))]

    @staticmethod
    def _moved(scores: Scores, reference: Scores) -> tuple[Floats, Floats]:
        logs = log_softmax(scores[0])
        return logs, logs - log_softmax(reference[0])


def right_answers(goal: Objective) -> Ints | None:
    """The one right class of each row, a column a head: of preferences the preferred one, of rewards the highest,
    UNTOLD where several are. None where they always are."""
    if isinstance(goal, Classes):
        return goal.classes
    if isinstance(goal, Pairs):
        return goal.preferred[:, None]
    if isinstance(goal, Rewards):
        best = goal.table.max(axis=1, keepdims=True)
        alone = (goal.table == best).sum(axis=1) == 1
        found = np.where(alone, goal.table.argmax(axis=1), UNTOLD)[goal.kinds][:, None]
        return found if (found >= 0).any() else None
    return None
