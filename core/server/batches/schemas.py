"""Batches as they are answered, for the OpenAPI document."""

from __future__ import annotations

from typing import Literal

from core.server.answering import ResponseUsage
from core.server.openapi import Reply
from core.server.schemas import Page


class BatchError(Reply):
    """What is wrong with an input file, and on which line."""

    code: str
    message: str
    param: str | None
    line: int | None


class BatchErrors(Reply):
    """The first errors of an input file."""

    object: Literal["list"]
    data: list[BatchError]


class BatchCounts(Reply):
    """How many requests there are, and what became of them so far."""

    total: int
    completed: int
    failed: int


class BatchReply(Reply):
    """A batch."""

    id: str
    object: Literal["batch"]
    endpoint: str
    model: str | None
    errors: BatchErrors | None
    input_file_id: str
    completion_window: str
    status: Literal[
        "validating", "in_progress", "finalizing", "completed", "failed", "expired", "cancelling", "cancelled"
    ]
    output_file_id: str | None
    error_file_id: str | None
    created_at: int
    in_progress_at: int | None
    expires_at: int
    finalizing_at: int | None
    completed_at: int | None
    failed_at: int | None
    expired_at: int | None
    cancelling_at: int | None
    cancelled_at: int | None
    request_counts: BatchCounts
    usage: ResponseUsage
    metadata: dict[str, str] | None


class BatchPage(Page):
    """Batches, newest first."""

    data: list[BatchReply]
