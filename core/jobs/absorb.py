"""What a provider says of a job, taken over with tolerance: any field may be missing, null or odd."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from core.jobs.values import Checkpoint, Event, Job, Metric
from core.provider.keys import redact
from core.provider.status import metrics_of, number, status_of
from core.words import told

_STEP = re.compile(
    r"Step (?P<step>\d+)/(?P<total_steps>\d+): training loss=(?P<train_loss>[\d.eE+-]+)"
    r"(?:, validation loss=(?P<valid_loss>[\d.eE+-]+))?(?:, full validation loss=(?P<full_valid_loss>[\d.eE+-]+))?"
)
_NOT_CURVES = ("step", "total_steps", "remaining_time")


def now() -> datetime:
    """The present moment, in UTC."""
    return datetime.now(UTC)


def moment(value: Any) -> datetime | None:
    """Unix seconds as a moment; None for anything else."""
    seconds = number(value)
    try:
        return datetime.fromtimestamp(seconds, UTC) if seconds and seconds > 0 else None
    except (OverflowError, OSError, ValueError):
        return None


def values_of(remote: Mapping[str, Any], job: Job) -> dict[str, Any]:
    """The columns of our job that a remote job object speaks of."""
    raw = remote.get("status")
    values: dict[str, Any] = {"status": status_of(raw), "raw_status": str(raw or "")[:200], "failures": 0}
    values["fine_tuned_model"] = _string(remote.get("fine_tuned_model")) or job.fine_tuned_model
    tokens = number(remote.get("trained_tokens"))
    values["trained_tokens"] = int(tokens) if tokens is not None and 0 <= tokens < 2**62 else job.trained_tokens
    values["finished_at"] = moment(remote.get("finished_at")) or job.finished_at
    values["estimated_finish"] = moment(remote.get("estimated_finish"))
    values.update(_error_of(remote.get("error")))
    actual = _hyperparameters(remote)
    if actual:
        values["params"] = {**job.params, "actual": actual}
    return values


def result_files(remote: Mapping[str, Any]) -> list[str]:
    """The ids of the result files, whether the provider lists ids or objects."""
    listed = remote.get("result_files")
    entries = listed if isinstance(listed, list) else []
    ids = [entry.get("id") if isinstance(entry, dict) else entry for entry in entries]
    return [id for id in ids if isinstance(id, str) and id]


def _error_of(error: Any) -> dict[str, Any]:
    """An error only where there is one: null, {}, and an object of nulls all mean "none"."""
    found = error if isinstance(error, dict) else {"message": error} if isinstance(error, str) else {}
    code, message = _string(found.get("code")), _string(found.get("message"))
    return {"error": told(found) or redact(message or code)[:2000], "hint": "", "error_code": code[:200]}


def _hyperparameters(remote: Mapping[str, Any]) -> dict[str, Any]:
    """The hyperparameters that are really used, wherever this provider puts them; -1 is Azure's "auto"."""
    method = remote.get("method")
    kind = method.get("type") if isinstance(method, dict) else None
    inner = method.get(kind) if isinstance(method, dict) and isinstance(kind, str) else None
    nested = inner.get("hyperparameters") if isinstance(inner, dict) else None
    found = remote.get("hyperparameters") or nested
    if not isinstance(found, dict):
        return {}
    plain = {name: value for name, value in found.items() if isinstance(value, int | float | str)}
    return {name: "auto" if value == -1 else value for name, value in plain.items()}


def _string(value: Any) -> str:
    return value if isinstance(value, str) else ""


def events_of(remote: Sequence[Mapping[str, Any]]) -> list[Event]:
    """Events in the order in which they happened; the provider lists the newest first."""
    found = [_event(entry) for entry in remote]
    if len(found) < 2 or found[0].at >= found[-1].at:
        found.reverse()
    return sorted(found, key=lambda event: event.at)


def _event(entry: Mapping[str, Any]) -> Event:
    message = redact(_string(entry.get("message")))
    data = entry.get("data")
    id = entry.get("id")
    if not isinstance(id, str | int):
        id = "made-" + hashlib.sha256(f"{entry.get('created_at')}|{message}".encode()).hexdigest()[:24]
    return Event(
        id=str(id)[:300],
        at=moment(entry.get("created_at")) or now(),
        level=(_string(entry.get("level")) or "info")[:16],
        type=(_string(entry.get("type")) or "message")[:32],
        message=message,
        data=data if isinstance(data, dict) else {},
    )


def metrics_of_events(events: Sequence[Event]) -> tuple[list[Metric], int | None, int | None]:
    """The figures of events, the last step that was reached, and the total number of steps."""
    metrics: list[Metric] = []
    last: int | None = None
    total: int | None = None
    for event in events:
        found = metrics_of(event.data)
        written = _STEP.search(event.message)
        if written:
            found = {**metrics_of(written.groupdict()), **found}
        step = found.get("step")
        if step is None or step < 0 or step > 2**31 - 1:
            continue
        last = max(last or 0, int(step))
        total = int(found["total_steps"]) if 0 < found.get("total_steps", 0) < 2**31 else total
        metrics += [
            Metric(int(step), name[:200], value, event.at) for name, value in found.items() if name not in _NOT_CURVES
        ]
    return metrics, last, total


def checkpoints_of(remote: Sequence[Mapping[str, Any]]) -> list[Checkpoint]:
    """Checkpoints with their figures; those without a step or id of any kind are left out."""
    found: list[Checkpoint] = []
    for entry in remote:
        metrics = metrics_of(entry["metrics"]) if isinstance(entry.get("metrics"), dict) else {}
        step = number(entry.get("step_number"))
        step = metrics.pop("step", None) if step is None else step
        metrics.pop("step", None)
        id = entry.get("id")
        if step is None or not 0 <= step < 2**31 or not isinstance(id, str | int):
            continue
        model = _string(entry.get("fine_tuned_model_checkpoint"))[:400]
        found.append(Checkpoint(str(id)[:300], int(step), model, moment(entry.get("created_at")), metrics))
    return found


def metrics_of_checkpoints(checkpoints: Sequence[Checkpoint]) -> list[Metric]:
    """The figures of checkpoints as points of curves: all there is at some providers."""
    return [
        Metric(checkpoint.step, name[:200], value, checkpoint.at, "checkpoint")
        for checkpoint in checkpoints
        for name, value in checkpoint.metrics.items()
    ]
