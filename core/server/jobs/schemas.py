"""Jobs, what happens in them, and rewards as they are answered, for the OpenAPI document."""

from __future__ import annotations

from typing import Any, Literal

from core.server.openapi import Reply
from core.server.schemas import Page

Number = int | float
Status = Literal["validating_files", "queued", "running", "paused", "succeeded", "failed", "cancelled"]


class JobError(Reply):
    """Why a job failed."""

    code: str
    message: str
    param: str | None
    sentence: str | None = None
    params: dict[str, Any] | None = None


class JobReply(Reply):
    """A fine-tuning job. `hyperparameters` and the details of `method` hold values or "auto"."""

    id: str
    object: Literal["fine_tuning.job"]
    created_at: int
    finished_at: int | None
    estimated_finish: int | None
    model: str
    fine_tuned_model: str | None
    organization_id: str
    result_files: list[str]
    status: Status
    training_file: str
    validation_file: str | None
    hyperparameters: dict[str, Number | str] | None
    method: dict[str, Any]
    trained_tokens: int | None
    error: JobError | None
    seed: int
    integrations: list[dict[str, Any]]
    metadata: dict[str, str] | None
    user_provided_suffix: str | None


class JobPage(Page):
    """Jobs, newest first."""

    data: list[JobReply]


class EventReply(Reply):
    """An event of a job; `data` holds the figures of a step."""

    object: Literal["fine_tuning.job.event"]
    id: str
    created_at: int
    level: Literal["info", "warn", "error"]
    type: Literal["message", "metrics"]
    message: str
    data: dict[str, Any]


class EventPage(Page):
    """Events, newest first."""

    data: list[EventReply]


class CheckpointReply(Reply):
    """A checkpoint of a job, which answers like a model."""

    object: Literal["fine_tuning.job.checkpoint"]
    id: str
    created_at: int
    fine_tuned_model_checkpoint: str
    fine_tuning_job_id: str
    step_number: int
    metrics: dict[str, Number]


class CheckpointPage(Page):
    """Checkpoints, newest first."""

    data: list[CheckpointReply]


class GraderErrors(Reply):
    """What went wrong, by kind."""

    formula_parse_error: bool
    sample_parse_error: bool
    truncated_observation_error: bool
    unresponsive_reward_error: bool
    invalid_variable_error: bool
    other_error: bool
    python_grader_server_error: bool
    python_grader_server_error_type: str | None
    python_grader_runtime_error: bool
    python_grader_runtime_error_details: str | None
    model_grader_server_error: bool
    model_grader_refusal_error: bool
    model_grader_parse_error: bool
    model_grader_server_error_details: str | None


class GraderMetadata(Reply):
    """How a reward came about."""

    name: str
    type: str
    errors: GraderErrors
    execution_time: float
    scores: dict[str, float]
    token_usage: int
    sampled_model_name: str | None


class GraderRunReply(Reply):
    """A reward."""

    reward: float
    metadata: GraderMetadata
    sub_rewards: dict[str, float]
    model_grader_token_usage_per_model: dict[str, int]


class GraderValidateReply(Reply):
    """The grader, as it was understood."""

    grader: dict[str, Any]
