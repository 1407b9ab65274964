"""Files and uploads as they are answered, for the OpenAPI document."""

from __future__ import annotations

from typing import Literal

from core.server.openapi import Reply
from core.server.schemas import Page


class FileReply(Reply):
    """A file."""

    id: str
    object: Literal["file"]
    bytes: int
    created_at: int
    expires_at: int | None
    filename: str
    purpose: str
    status: Literal["processed"]
    status_details: None


class FilePage(Page):
    """Files."""

    data: list[FileReply]


class UploadReply(Reply):
    """An upload in parts; `file` is there once it is completed."""

    id: str
    object: Literal["upload"]
    bytes: int
    created_at: int
    expires_at: int
    filename: str
    purpose: str
    status: Literal["pending", "completed", "cancelled", "expired"]
    file: FileReply | None


class PartReply(Reply):
    """A part of an upload."""

    id: str
    object: Literal["upload.part"]
    created_at: int
    upload_id: str
