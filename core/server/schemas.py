"""What several rooms answer, as pydantic models, for the OpenAPI document; a test holds real answers against them."""

from __future__ import annotations

from typing import Literal

from core.server.openapi import Reply


class Deleted(Reply):
    """What DELETE answers."""

    id: str
    object: str
    deleted: Literal[True]


class Page(Reply):
    """A list."""

    object: Literal["list"]
    first_id: str | None
    last_id: str | None
    has_more: bool


class Health(Reply):
    """That the server answers."""

    status: Literal["ok"]
