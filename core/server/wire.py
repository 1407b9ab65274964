"""The objects of the wire, made from rows of the database: names and types as openai's client knows them."""

from __future__ import annotations

import secrets
import time
from collections.abc import Sequence
from typing import Any

from orjson import loads

from core.server.database import Row

Json = dict[str, Any]


def new_id(prefix: str) -> str:
    """An id that nobody can guess: letters and digits behind the prefix."""
    return prefix + secrets.token_hex(12)


def file(row: Row) -> Json:
    """A `file`."""
    return {
        "id": row["id"],
        "object": "file",
        "bytes": row["bytes"],
        "created_at": row["created_at"],
        "expires_at": row["expires_at"],
        "filename": row["filename"],
        "purpose": row["purpose"],
        "status": "processed",
        "status_details": None,
    }


def upload(row: Row, made: Json | None) -> Json:
    """An `upload`, with the file that came of it."""
    late = row["status"] == "pending" and row["expires_at"] <= time.time()
    return {
        "id": row["id"],
        "object": "upload",
        "bytes": row["bytes"],
        "created_at": row["created_at"],
        "expires_at": row["expires_at"],
        "filename": row["filename"],
        "purpose": row["purpose"],
        "status": "expired" if late else row["status"],
        "file": made,
    }


def part(row: Row) -> Json:
    """An `upload.part`."""
    return {
        "id": row["id"],
        "object": "upload.part",
        "created_at": row["created_at"],
        "upload_id": row["upload_id"],
    }


def job(row: Row) -> Json:
    """A `fine_tuning.job`."""
    hyperparameters = loads(row["hyperparameters"])
    supervised = row["method"] == "supervised"
    return {
        "id": row["id"],
        "object": "fine_tuning.job",
        "created_at": row["created_at"],
        "finished_at": row["finished_at"],
        "estimated_finish": row["estimated_finish"],
        "model": row["model"],
        "fine_tuned_model": row["fine_tuned_model"],
        "organization_id": "org-local",
        "result_files": loads(row["result_files"]),
        "status": row["status"],
        "training_file": row["training_file"],
        "validation_file": row["validation_file"],
        "hyperparameters": hyperparameters if supervised else None,
        "method": {"type": row["method"], row["method"]: _detail(row, hyperparameters)},
        "trained_tokens": row["trained_tokens"],
        "error": loads(row["error"]) if row["error"] else None,
        "seed": row["seed"],
        "integrations": loads(row["integrations"]) if row["integrations"] else [],
        "metadata": loads(row["metadata"]) if row["metadata"] is not None else None,
        "user_provided_suffix": row["suffix"],
    }


def _detail(row: Row, hyperparameters: Json) -> Json:
    detail: Json = {"hyperparameters": hyperparameters}
    for name in ("grader", "response_format"):
        if row[name] is not None:
            detail[name] = loads(row[name])
    return detail


def event(row: Row) -> Json:
    """A `fine_tuning.job.event`."""
    return {
        "object": "fine_tuning.job.event",
        "id": row["id"],
        "created_at": row["created_at"],
        "level": row["level"],
        "type": row["type"],
        "message": row["message"],
        "data": loads(row["data"]),
    }


def checkpoint(row: Row) -> Json:
    """A `fine_tuning.job.checkpoint`."""
    return {
        "object": "fine_tuning.job.checkpoint",
        "id": row["id"],
        "created_at": row["created_at"],
        "fine_tuned_model_checkpoint": row["model"],
        "fine_tuning_job_id": row["job_id"],
        "step_number": row["step"],
        "metrics": loads(row["metrics"]),
    }


def model(id: str, created: int, owner: str, **more: Any) -> Json:
    """A `model`; what the server knows beyond the protocol comes as further keys."""
    return {"id": id, "object": "model", "created": created, "owned_by": owner, "shutdown_date": None, **more}


def page(items: Sequence[Json], *, has_more: bool) -> Json:
    """A list, always with `has_more` and the ids at its ends."""
    first, last = (items[0]["id"], items[-1]["id"]) if items else (None, None)
    return {"object": "list", "data": list(items), "first_id": first, "last_id": last, "has_more": has_more}


def deleted(id: str, object: str) -> Json:
    """What DELETE answers."""
    return {"id": id, "object": object, "deleted": True}
