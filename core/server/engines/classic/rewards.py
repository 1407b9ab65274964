"""Reinforcement on a closed answer set: which answers there are, and the reward of each to every row.

The answers are those of the model to go on from; else those that response_format lists; else the values of the item
field that the grader compares the answer with. Every answer is graded once for each row, and once for all rows that
look the same to the grader, so that the expected reward is a sum and no sample.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from core.graders import BadGrader, Grader, check, fields_of
from core.graders.compared import parts
from core.server.engines.base import JobDir, SpecError
from core.server.engines.classic.choices import Whole
from core.server.engines.classic.features import Floats, Ints
from core.server.engines.classic.objectives import Rewards
from core.words import T

PARAM = "method.reinforcement.grader"
_SECONDS = {"string_check": 1e-5, "text_similarity": 4e-5, "python": 4e-4}  # one answer graded, about
_LONGEST = 3_600.0  # seconds of grading

Json = dict[str, Any]


def check_grader(grader: Json | None, items: Sequence[Json]) -> None:
    """Raises SpecError for a grader that cannot be used, or that would have to ask another model."""
    try:
        check(grader, set.intersection(*map(set, items)) if items else set())
    except BadGrader as error:
        raise SpecError(f"method.reinforcement.{error.param}", "invalid_grader", error.message) from error
    if any(part.get("type") == "score_model" for part in parts(grader or {})):
        message = T(
            "A score_model grader would ask its model about every answer to every row. The classic engine does not do "
            "that; use string_check, text_similarity, python or multi, or a base model of the lora engine."
        )
        raise SpecError(PARAM, "unsupported_grader", message)


def kinds_of(grader: Json, items: Sequence[Json]) -> tuple[list[Json], Ints]:
    """The rows that look different to the grader, and for each row which of them it is."""
    whole = any(part.get("type") == "python" for part in parts(grader))
    seen = fields_of(grader)
    different: dict[str, int] = {}
    kept: list[Json] = []
    kinds = np.empty(len(items), np.int64)
    for row, item in enumerate(items):
        looked_at = item if whole else {key: value for key, value in item.items() if key in seen}
        key = json.dumps(looked_at, sort_keys=True, ensure_ascii=False)
        if key not in different:
            different[key] = len(kept)
            kept.append(item)
        kinds[row] = different[key]
    return kept, kinds


def seconds_of(grader: Json, items: Sequence[Json], answers: int) -> float:
    """About how long it takes to grade every answer to these rows. Raises SpecError where that is too long."""
    once = sum(_SECONDS.get(str(part.get("type")), 0.0) for part in parts(grader))
    gradings = len(kinds_of(grader, items)[0]) * answers
    if gradings * once > _LONGEST:
        message = T(
            "{n} gradings would be needed, every answer for every row, and take about {hours} hours. Use fewer rows, "
            "fewer answers, or a grader that looks at fewer fields.",
            n=gradings,
            hours=round(gradings * once / 3_600, 1),
        )
        raise SpecError(PARAM, "too_many_gradings", message)
    return gradings * once


class Grades:
    """The rewards of one file; they are kept in the folder of the job, because a grader may not say the same twice."""

    def __init__(self, grader: Json, choices: Whole, look: Callable[[], None]) -> None:
        self.grader, self.choices, self.look = grader, choices, look
        self.gradings = self.failed = 0
        self.why = ""

    def of(self, items: Sequence[Json], job: JobDir, name: str) -> Rewards:
        """The rewards of these rows. Raises what `look` raises."""
        different, kinds = kinds_of(self.grader, items)
        kept = job.path / f"rewards-{name}"
        if not kept.exists():
            table = self._graded(different)
            job.write_folder(kept, lambda folder: self._save(folder, table))
        with np.load(kept / "rewards.npz", allow_pickle=False) as arrays:
            self.gradings, self.failed = self.gradings + arrays["table"].size, self.failed + int(arrays["failed"])
            self.why = self.why or str(arrays["why"])
            return Rewards(arrays["table"], kinds)

    def _graded(self, items: Sequence[Mapping[str, Any]]) -> Floats:
        table = np.zeros((len(items), len(self.choices.answers)), np.float32)
        self._failed, self._why = 0, ""
        with Grader(self.grader) as grader:
            for row, item in enumerate(items):
                for place, answer in enumerate(self.choices.answers):
                    self.look()
                    found = grader.grade(answer.text, item)
                    table[row, place] = found.reward
                    if any(found.errors.values()):
                        self._failed += 1
                        self._why = self._why or ", ".join(
                            sorted(kind for kind, is_so in found.errors.items() if is_so)
                        )
        return table

    def _save(self, folder: Path, table: Floats) -> None:
        np.savez(folder / "rewards.npz", table=table, failed=np.int64(self._failed), why=np.array(self._why))
