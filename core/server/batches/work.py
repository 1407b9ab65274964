"""One batch in hand: the three files of its folder, how far they count, and the lines that are written."""

from __future__ import annotations

import json
import os
import secrets
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from core.server import wire
from core.server.database import Row
from core.server.engines.base import sync
from core.server.errors import ApiError, bad_request, unexpected
from core.server.reading import DEPTH_LIMIT, too_deep
from core.server.replies import dumps
from core.words import T, Text

Door = Callable[[object], wire.Json]
PAUSES = (1.0, 5.0, 15.0, 60.0)  # seconds before a model that was not there is asked again


@dataclass
class Work:
    """One batch in hand: its files, and how far they count."""

    id: str
    folder: Path
    endpoint: str
    expires_at: int
    input: BinaryIO
    output: BinaryIO
    error: BinaryIO
    read_to: int
    output_to: int
    error_to: int
    completed: int
    failed: int
    tokens: list[int]
    marked_at: float = field(default_factory=time.monotonic)

    @classmethod
    def open(cls, stack: ExitStack, folder: Path, row: Row) -> Work:
        """Opens the files of a batch, cut back to what counts."""
        output, error = (stack.enter_context((folder / f"{name}.jsonl").open("ab")) for name in ("output", "error"))
        sync(folder)  # a file that a power cut took would come back as nothing but zeros
        output.truncate(row["output_to"])
        error.truncate(row["error_to"])
        return cls(
            row["id"],
            folder,
            row["endpoint"],
            row["expires_at"],
            stack.enter_context((folder / "input.jsonl").open("rb")),
            output,
            error,
            read_to=row["read_to"],
            output_to=row["output_to"],
            error_to=row["error_to"],
            completed=row["completed"],
            failed=row["failed"],
            tokens=[row["input_tokens"], row["output_tokens"]],
        )

    def add(self, line: wire.Json) -> None:
        """Takes an answered line in."""
        raw = dumps(line) + b"\n"
        response = line["response"]
        if response is not None and response["status_code"] == 200:
            self.output_to += self.output.write(raw)
            self.completed += 1
            used = response["body"].get("usage") or {}
            self.tokens[0] += used.get("prompt_tokens", used.get("input_tokens", 0))
            self.tokens[1] += used.get("completion_tokens", used.get("output_tokens", 0))
        else:
            self.error_to += self.error.write(raw)
            self.failed += 1

    def sync(self) -> None:
        """Puts both files on disk."""
        for file in (self.output, self.error):
            file.flush()
            os.fsync(file.fileno())
        self.marked_at = time.monotonic()

    def mark(self) -> tuple[int | str, ...]:
        """How far it is, as the database keeps it."""
        return (self.read_to, self.output_to, self.error_to, self.completed, self.failed, *self.tokens, self.id)


def answer(door: Door, request: wire.Json, wait: Callable[[float], bool] = lambda _seconds: False) -> wire.Json:
    """The line that answers a request of a batch, whatever happens. A model that cannot answer now (503) is asked again
    after a while; `wait` lets seconds pass and says whether to give up."""
    for pause in (*PAUSES, None):
        status, body = _asked(door, request)
        if status != 503 or pause is None or wait(pause):
            break
    response = {"status_code": status, "request_id": f"req_{secrets.token_hex(12)}", "body": body}
    return {"id": _line_id(), "custom_id": request["custom_id"], "response": response, "error": None}


def _asked(door: Door, request: wire.Json) -> tuple[int, wire.Json]:
    try:
        if too_deep(request["body"]):
            raise bad_request(T("The body is nested deeper than {most} levels.", most=DEPTH_LIMIT))
        if request["body"].get("stream"):
            raise bad_request(T("A request of a batch cannot be streamed."), "stream")
        return 200, door(request["body"])
    except ApiError as error:
        return error.status, _body(error)
    except Exception as error:
        return 500, json.loads(bytes(unexpected("POST", request["url"], error).body))


def undone(request: wire.Json, code: str, message: Text) -> wire.Json:
    """The line of a request that nobody answered."""
    error = {"code": code, "message": str(message)}
    return {"id": _line_id(), "custom_id": request["custom_id"], "response": None, "error": error}


def _body(error: ApiError) -> wire.Json:
    body: wire.Json = json.loads(bytes(error.response().body))
    return body


def _line_id() -> str:
    return f"batch_req_{secrets.token_hex(12)}"
