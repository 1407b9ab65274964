"""The values of a training job: what was asked for, where its launch stands, what came back."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any, Literal

from core.provider.status import Status
from core.words import Text, _, told

Auto = Literal["auto"]


class LaunchState(StrEnum):
    """How far the launch has come. Only `intent` may be sent, and only once."""

    INTENT = "intent"
    SENDING = "sending"
    LAUNCHED = "launched"
    REFUSED = "refused"
    UNKNOWN = "unknown"
    ASK = "ask"
    WITHDRAWN = "withdrawn"

    @property
    def shown(self) -> str:
        """The state as a person reads it."""
        return {
            LaunchState.INTENT: _("Ready to send"),
            LaunchState.SENDING: _("Sending"),
            LaunchState.LAUNCHED: _("Sent"),
            LaunchState.REFUSED: _("Refused"),
            LaunchState.UNKNOWN: _("Looking whether it arrived"),
            LaunchState.ASK: _("Your decision is needed"),
            LaunchState.WITHDRAWN: _("Withdrawn"),
        }[self]


@dataclass(frozen=True)
class JobDraft:
    """What a person wants to train. `draft_id` (any constant of the form) makes two clicks one launch."""

    connection_id: str
    version_id: int | None
    model: str
    name: str = ""
    epochs: int | Auto = "auto"
    batch_size: int | Auto = "auto"
    learning_rate_multiplier: float | Auto = "auto"
    suffix: str = ""
    seed: int | None = None
    draft_id: str = ""
    grader: dict[str, Any] | None = None  # what judges the answers of a reinforcement training
    extra: dict[str, Any] = field(default_factory=dict)  # further top-level fields of the create call

    @property
    def params(self) -> dict[str, Any]:
        """The choices as they are stored with the job."""
        return {
            "epochs": self.epochs,
            "batch_size": self.batch_size,
            "learning_rate_multiplier": self.learning_rate_multiplier,
            "suffix": self.suffix,
            "seed": self.seed,
            "grader": self.grader,
            "extra": dict(self.extra),
        }


@dataclass(frozen=True)
class Job:
    """One training job, from the written intent to its last metric.

    seed: the marker that is sent; duplicates: other remote jobs that carry this launch's markers; collected: nothing
    more will be fetched; error: why it was refused, failed or could not be reached (the next step in `hint`).
    """

    id: int
    token: str
    name: str
    connection_id: str
    version_id: int | None
    dataset_id: int | None
    model: str
    params: dict[str, Any]
    state: LaunchState
    who: str
    seed: int
    created_at: datetime
    updated_at: datetime
    attempt: int = 0
    sent_at: datetime | None = None
    idempotency_key: str = ""
    remote_id: str = ""
    status: Status | None = None
    raw_status: str = ""
    fine_tuned_model: str = ""
    trained_tokens: int | None = None
    error: Text | str = ""
    hint: Text | str = ""
    error_code: str = ""
    training_file: str = ""
    validation_file: str = ""
    finished_at: datetime | None = None
    step: int | None = None
    total_steps: int | None = None
    estimated_finish: datetime | None = None
    result_file: str = ""
    result_sha256: str = ""
    duplicates: tuple[str, ...] = ()
    collected: bool = False
    failures: int = 0  # polls in a row that got no answer
    uploads: dict[str, Any] = field(default_factory=dict)

    @property
    def is_running(self) -> bool:
        """Whether the provider is (or may be) at work on it."""
        return self.state == LaunchState.LAUNCHED and not (self.status and self.status.is_terminal)

    @property
    def is_settled(self) -> bool:
        """Whether following it further would bring nothing, until a person decides something."""
        if self.state == LaunchState.LAUNCHED:
            return self.collected
        if self.state == LaunchState.INTENT:
            return bool(self.error)  # it could not be sent: a person decides whether to try again
        return self.state in (LaunchState.REFUSED, LaunchState.ASK, LaunchState.WITHDRAWN)

    @property
    def is_over(self) -> bool:
        """Whether it has ended, or will never begin, and all that is to be known of it is known."""
        if self.state == LaunchState.LAUNCHED:
            return self.collected
        return self.state in (LaunchState.REFUSED, LaunchState.WITHDRAWN)

    @property
    def is_removed(self) -> bool:
        """Whether a person took it off the list."""
        return bool(self.params.get("removed"))

    @property
    def is_usable(self) -> bool:
        """Whether there is a trained model to ask."""
        return self.status == Status.SUCCEEDED and bool(self.fine_tuned_model) and not self.is_deleted

    @property
    def is_deleted(self) -> bool:
        """Whether a person deleted the model that came of it."""
        return bool(self.params.get("model_deleted"))

    @property
    def progress(self) -> float | None:
        """How far the training is, 0 to 1; None where nobody knows."""
        if self.status == Status.SUCCEEDED:
            return 1.0
        if self.step is None or not self.total_steps:
            return None
        return min(1.0, max(0.0, self.step / self.total_steps))

    @property
    def shown(self) -> str:
        """Where it stands, in a word or two."""
        if self.state == LaunchState.LAUNCHED and self.status is not None:
            odd = self.status == Status.UNKNOWN and self.raw_status
            return f"{self.status.shown} ({self.raw_status})" if odd else self.status.shown
        return self.state.shown

    def as_json(self) -> dict[str, Any]:
        """What a script wants to know of it, as plain values."""
        names = (
            "id",
            "name",
            "connection_id",
            "remote_id",
            "model",
            "raw_status",
            "fine_tuned_model",
            "trained_tokens",
        )
        files = (
            "training_file",
            "validation_file",
            "result_file",
            "result_sha256",
            "error_code",
            "step",
            "total_steps",
        )
        times = ("created_at", "updated_at", "finished_at", "estimated_finish")
        plain = {name: getattr(self, name) for name in (*names, *files)}
        plain["state"], plain["status"] = str(self.state), str(self.status) if self.status else None
        plain["removed"] = self.is_removed
        plain["error"], plain["hint"], plain["params"] = str(self.error), str(self.hint), self.params
        moments = {name: getattr(self, name) for name in times}
        return {**plain, **{name: at.isoformat() if at else None for name, at in moments.items()}}

    def remaining(self, at: datetime | None = None) -> timedelta | None:
        """Time that is left, from the estimate; None where there is none, or it has proved wrong."""
        if self.estimated_finish is None or not self.is_running:
            return None
        left = self.estimated_finish - (at or datetime.now(UTC))
        return left if left > timedelta(0) else None


@dataclass(frozen=True)
class Event:
    """Something the provider told of a job. `arrival` is the order in which we learnt of it."""

    id: str
    at: datetime
    level: str
    type: str
    message: str
    data: dict[str, Any] = field(default_factory=dict)
    arrival: int = 0

    @property
    def shown(self) -> str:
        """The message in the language spoken now, where the local provider says what it made it from; else as sent."""
        return str(told(self.data) or self.message)


@dataclass(frozen=True)
class Metric:
    """One value of a curve. source: "event", "result" (the result file) or "checkpoint"."""

    step: int
    name: str
    value: float
    at: datetime | None = None
    source: str = "event"


@dataclass(frozen=True)
class Checkpoint:
    """A model kept on the way: its step, the name under which it can be asked, its figures."""

    id: str
    step: int
    model: str
    at: datetime | None = None
    metrics: dict[str, float] = field(default_factory=dict)
