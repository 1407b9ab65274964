"""One set of words for the state of a job, and one name for each metric, whoever the provider is."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Any

from core.words import _


class Status(StrEnum):
    """Where a job stands at its provider."""

    PREPARING = "preparing"
    QUEUED = "queued"
    RUNNING = "running"
    PAUSED = "paused"
    CANCELLING = "cancelling"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"
    UNKNOWN = "unknown"

    @property
    def is_terminal(self) -> bool:
        """Whether the job has ended and will not move again."""
        return self in (Status.SUCCEEDED, Status.FAILED, Status.CANCELLED)

    @property
    def shown(self) -> str:
        """The status as a person reads it."""
        return {
            Status.PREPARING: _("Preparing"),
            Status.QUEUED: _("Waiting in the queue"),
            Status.RUNNING: _("Training"),
            Status.PAUSED: _("Paused"),
            Status.CANCELLING: _("Stopping"),
            Status.SUCCEEDED: _("Finished"),
            Status.FAILED: _("Failed"),
            Status.CANCELLED: _("Cancelled"),
            Status.UNKNOWN: _("Unknown, still watching"),
        }[self]


_RAW: dict[str, Status] = {
    **dict.fromkeys(("validating_files", "pending", "created"), Status.PREPARING),
    "queued": Status.QUEUED,
    **dict.fromkeys(("running", "training", "compressing", "uploading"), Status.RUNNING),
    **dict.fromkeys(("pausing", "paused", "resuming"), Status.PAUSED),
    "cancel_requested": Status.CANCELLING,
    **dict.fromkeys(("succeeded", "completed", "success"), Status.SUCCEEDED),
    **dict.fromkeys(("failed", "error"), Status.FAILED),
    **dict.fromkeys(("cancelled", "canceled"), Status.CANCELLED),
}


def status_of(raw: Any) -> Status:
    """Our word for a provider's; anything unheard of is UNKNOWN, which is watched on."""
    return _RAW.get(raw.strip().lower(), Status.UNKNOWN) if isinstance(raw, str) else Status.UNKNOWN


_ALIASES: dict[str, str] = {
    "current_steps": "step",
    "current_step": "step",
    "loss": "train_loss",
    "training_loss": "train_loss",
    "eval_loss": "valid_loss",
    "validation_loss": "valid_loss",
    "train_accuracy": "train_mean_token_accuracy",
    "acc": "train_mean_token_accuracy",
    "validation_mean_token_accuracy": "valid_mean_token_accuracy",
    "valid_accuracy": "valid_mean_token_accuracy",
    "eval_acc": "valid_mean_token_accuracy",
    "train_mean_reward": "train_reward_mean",
    "valid_mean_reward": "valid_reward_mean",
    **{
        f"{part}_reward_{one}": f"{part}_rewards/{many}"
        for part in ("train", "valid", "full_valid")
        for one, many in (
            ("accuracy", "accuracies"),
            ("margin", "margins"),
            ("chosen", "chosen"),
            ("rejected", "rejected"),
        )
    },
}


def metric_name(raw: str) -> str:
    """Our name of a metric: blanks and a byte-order mark stripped, aliases resolved, unknown names kept."""
    name = raw.replace("\ufeff", "").strip().strip('"').strip().lower().replace(" ", "_")
    return _ALIASES.get(name, name)


def number(value: Any) -> float | None:
    """A finite number, or None for everything that says "no value" (empty, nan, None, text)."""
    if isinstance(value, bool) or value is None:
        return None
    try:
        result = float(value)
    except (TypeError, ValueError):
        return None
    return result if result == result and abs(result) != float("inf") else None


def metrics_of(data: Mapping[str, Any]) -> dict[str, float]:
    """The numeric entries of an event's or checkpoint's data, under our names."""
    found: dict[str, float] = {}
    for raw, value in data.items():
        parsed = number(value)
        if parsed is not None and isinstance(raw, str):
            found.setdefault(metric_name(raw), parsed)
    return found
