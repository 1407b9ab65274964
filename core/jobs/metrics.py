"""Curves: result files in all their shapes, merged with what events and checkpoints told."""

from __future__ import annotations

import base64
import binascii
import csv
import io
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, NamedTuple

from core.jobs.values import Metric
from core.provider.status import metric_name, number

if TYPE_CHECKING:
    from core.store import Store

_ORDER = (
    "train_loss",
    "valid_loss",
    "full_valid_loss",
    "train_mean_token_accuracy",
    "valid_mean_token_accuracy",
    "full_valid_mean_token_accuracy",
)
_BASE64 = re.compile(rb"[A-Za-z0-9+/\s]+={0,2}\s*")
_LARGEST_STEP = 2**31 - 1


class Point(NamedTuple):
    """One point of a curve."""

    step: int
    value: float
    at: datetime | None = None
    source: str = "event"


@dataclass(frozen=True)
class Series:
    """One curve: a metric's name and its points by step."""

    name: str
    points: tuple[Point, ...]


def series(store: Store, job_id: int) -> list[Series]:
    """The curves of a job, the usual ones first; empty where there are none (yet)."""
    points: dict[str, list[Point]] = {}
    for metric in store.jobs.metrics(job_id):
        points.setdefault(metric.name, []).append(Point(metric.step, metric.value, metric.at, metric.source))
    order = {name: place for place, name in enumerate(_ORDER)}
    names = sorted(points, key=lambda name: (order.get(name, len(order)), name))
    return [Series(name, tuple(sorted(points[name]))) for name in names]


def parse_result(content: bytes) -> list[Metric]:
    """The figures of a result file: CSV, plain or in base64. Anything else (HTML, nothing) has none."""
    text = _text(content)
    rows = _rows([line for line in text.splitlines() if line.strip("\ufeff \t")])
    if not rows:
        return []
    names = [metric_name(cell) for cell in rows[0]]
    if "step" not in names:
        return []
    place = names.index("step")
    if len(rows) > 1 and len(rows[-1]) < len(names) and not text.endswith(("\n", "\r")):
        rows[-1].pop()  # the file was cut in the middle of this number
    return [metric for row in rows[1:] for metric in _metrics(names, place, row)]


def _metrics(names: Sequence[str], place: int, row: Sequence[str]) -> list[Metric]:
    """The figures of one row; cells that are missing or say "no value" give none."""
    step = number(row[place]) if place < len(row) else None
    if step is None or not 0 <= step <= _LARGEST_STEP:
        return []
    found: dict[str, float] = {}
    for name, cell in zip(names, row, strict=False):
        value = number(cell.strip())
        if name and name != "step" and value is not None:
            found.setdefault(name[:200], value)
    return [Metric(int(step), name, value, None, "result") for name, value in found.items()]


def _rows(lines: Sequence[str]) -> list[list[str]]:
    """The cells of each line; every line stands for itself, so that one odd quote spoils one row."""
    head = lines[0] if lines else ""
    delimiter = ";" if ";" in head and "," not in head else "\t" if "\t" in head else ","
    rows: list[list[str]] = []
    for line in lines:
        try:
            rows.append(next(csv.reader(io.StringIO(line), delimiter=delimiter), []))
        except csv.Error:
            rows.append([])
    return rows


def _text(content: bytes) -> str:
    """The file as text; base64 is undone where its inside, but not its outside, begins like a table of steps."""
    plain = content.decode("utf-8-sig", "replace").replace("\x00", "")
    first = plain.lstrip().split("\n", 1)[0]
    if "," in first or first.lower().startswith("step") or not _BASE64.fullmatch(content.strip()):
        return plain
    packed = b"".join(content.split())
    try:
        inside = base64.b64decode(packed[: len(packed) // 4 * 4]).decode("utf-8-sig", "replace")
    except (binascii.Error, ValueError):
        return plain
    return inside if inside.lstrip().lower().startswith("step") else plain
