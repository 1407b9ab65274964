"""Models and permissions as they are answered, for the OpenAPI document."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from core.server.openapi import Reply
from core.server.schemas import Page


class Foreseen(Reply):
    """What a training of the size that was asked with would take; of a cluster only the memory is known."""

    fits: Literal["yes", "perhaps", "no", "unknown"]
    seconds: float | None
    memory_bytes: int
    free_bytes: int | None
    message: str
    sentence: str
    params: dict[str, Any]


class ModelReply(Reply):
    """A model. `shutdown_date` is null: no model here has an end. Base models say how they can be trained, tuned ones
    where they come from."""

    id: str
    object: Literal["model"]
    created: int
    owned_by: str
    shutdown_date: str | None
    methods: list[str] | None = None
    context_tokens: int | None = None
    description: str | None = None
    engine: str | None = None
    parent: str | None = None
    fine_tuning_job_id: str | None = None
    training: Foreseen | None = None


class ModelPage(Page):
    """All models."""

    data: list[ModelReply]


class PermissionPage(Page):
    """The permissions of a checkpoint; this server has no projects, so there are none."""

    data: list[dict[str, Any]] = Field(max_length=0)
