"""Figures of a set: how its token counts are spread, and how many epochs it gets by default."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np

    Numbers = np.ndarray[tuple[int, ...], np.dtype[Any]]


@dataclass(frozen=True)
class Distribution:
    """Total, extremes, middle and percentiles of some counts; all but the total are None where there are none."""

    total: int = 0
    min: int | None = None
    max: int | None = None
    mean: float | None = None
    median: float | None = None
    p10: float | None = None
    p90: float | None = None

    def as_json(self) -> dict[str, float | None]:
        """The figures by name, unrounded."""
        return asdict(self)


def distribution(values: Sequence[int] | Numbers) -> Distribution:
    """Figures of these counts; the percentiles are linear, as numpy's."""
    import numpy as np

    counts = np.asarray(values, dtype=np.int64)
    if not counts.size:
        return Distribution()
    p10, median, p90 = (float(value) for value in np.percentile(counts, (10, 50, 90)))
    total = int(counts.sum())
    return Distribution(total, int(counts.min()), int(counts.max()), total / counts.size, median, p10, p90)


def default_epochs(examples: int) -> int:
    """Epochs that "auto" stands for, as OpenAI's cookbook computes them: about 100 to 25,000 examples seen in all."""
    if examples < 1:
        return 0
    if 3 * examples < 100:
        return min(25, 100 // examples)
    if 3 * examples > 25_000:
        return max(1, 25_000 // examples)
    return 3
