"""Evaluation: models are asked the same frozen rows, their answers kept, scored and laid side by side.

`start` writes an evaluation down, the task "evaluate" (or `run`) asks; asking again resumes. `scores`, `paired` and
`side_by_side` read what is there so far. `ask` is for a free prompt.
"""

from core.evaluation.asking import Said
from core.evaluation.compare import ONLY, Difference, difference, side_by_side
from core.evaluation.models import ask
from core.evaluation.runs import EvaluationDraft, expected_of, run, start
from core.evaluation.scoring import LabelScore, ModelScore, Paired, paired, scores
from core.store.evaluations import Answer, Compared, ComparedPage, Evaluation, ModelRef, Question

__all__ = [
    "ONLY",
    "Answer",
    "Compared",
    "ComparedPage",
    "Difference",
    "Evaluation",
    "EvaluationDraft",
    "LabelScore",
    "ModelRef",
    "ModelScore",
    "Paired",
    "Question",
    "Said",
    "ask",
    "difference",
    "expected_of",
    "paired",
    "run",
    "scores",
    "side_by_side",
    "start",
]
