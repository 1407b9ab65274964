"""What a worker wrote becomes events, checkpoints and models: each exactly once, whoever is killed when."""

from __future__ import annotations

import json
import time
from typing import Any

from core.server import wire
from core.server.database import Connection, Database, Row
from core.server.engines.base import JobDir
from core.server.engines.said import made_of
from core.server.files import Files
from core.server.jobs.results import result_csv
from core.server.jobs.store import add_event, end_job, fail_job, job_row
from core.server.models import add_model, model_name
from core.words import T

KEPT_CHECKPOINTS = 3
TAILS = (
    ("train_loss", "training loss"),
    ("valid_loss", "validation loss"),
    ("full_valid_loss", "full validation loss"),
    ("train_reward_mean", "training reward"),
    ("valid_reward_mean", "validation reward"),
    ("full_valid_reward_mean", "full validation reward"),
)


class Ingest:
    """Reads job folders from where it left off; the place and what was read are kept in one transaction."""

    def __init__(self, database: Database, files: Files) -> None:
        self._database = database
        self._files = files
        self._results: list[str] = []  # the files of the transaction that is under way

    def read(self, job: Row, folder: JobDir) -> bool:
        """Takes over what is new. True where the worker has said its last word. Raises ValueError on a broken line."""
        offset = job["offset"]
        if folder.events_path.exists() and folder.events_path.stat().st_size < offset:
            offset = 0  # a power cut took lines that were read; keys keep those read again from counting twice
        events, end = folder.read_events(offset)
        if not events:
            return False
        last = False
        self._results.clear()
        try:
            with self._database.write() as connection:
                current = job_row(connection, job["id"])
                if current["status"] not in ("running", "paused") or current["offset"] != job["offset"]:
                    return False
                for event in events:
                    last = self._take(connection, current, event) or last
                connection.execute("UPDATE jobs SET offset = ? WHERE id = ?", (end, job["id"]))
                dropped = _drop_old(connection, job["id"])
        except BaseException:
            for file_id in self._results:
                self._files.drop_bytes(file_id)
            raise
        folder.drop_checkpoints(dropped)  # only now that nobody is offered them any more
        return last

    def _take(self, connection: Connection, job: Row, event: dict[str, Any]) -> bool:
        kind = event.get("type")
        if kind == "ready":
            self._ready(connection, job, event)
        elif kind == "message":
            text, level = str(event.get("text", "")), str(event.get("level", "info"))
            add_event(connection, job["id"], text, level=level, data=made_of(event), key=_key(event), at=_at(event))
        elif kind == "metrics":
            self._metrics(connection, job, event)
        elif kind == "checkpoint":
            self._checkpoint(connection, job, event)
        elif kind == "end":
            return self._end(connection, job, event)
        return False

    def _ready(self, connection: Connection, job: Row, event: dict[str, Any]) -> None:
        known = event.get("hyperparameters")
        if isinstance(known, dict):
            values = json.dumps({**json.loads(job["hyperparameters"]), **known})
            connection.execute("UPDATE jobs SET hyperparameters = ? WHERE id = ?", (values, job["id"]))

    def _metrics(self, connection: Connection, job: Row, event: dict[str, Any]) -> None:
        data = {name: value for name, value in event.items() if name not in ("type", "at", "key")}
        step, total = int(event["step"]), int(event["total_steps"])
        tails = ", ".join(f"{words}={event[name]:.2f}" for name, words in TAILS if event.get(name) is not None)
        message = f"Step {step}/{total}: {tails}"
        add_event(connection, job["id"], message, type="metrics", data=data, key=f"metrics:{step}", at=_at(event))
        if step and job["started_at"] and job["status"] == "running":
            left = (time.time() - job["started_at"]) * (total - step) / step
            connection.execute(
                "UPDATE jobs SET estimated_finish = ? WHERE id = ?", (int(time.time() + left) + 1, job["id"])
            )

    def _checkpoint(self, connection: Connection, job: Row, event: dict[str, Any]) -> None:
        step = int(event["step"])
        name = model_name(job, step)
        metrics = {"step": step, **event.get("metrics", {})}
        connection.execute(
            "INSERT INTO checkpoints(id, job_id, step, created_at, model, metrics) VALUES (?,?,?,?,?,?)"
            " ON CONFLICT(job_id, step) DO UPDATE SET metrics = excluded.metrics",
            (wire.new_id("ftckpt_"), job["id"], step, _at(event), name, json.dumps(metrics)),
        )
        add_model(connection, job, name, f"checkpoints/step-{step}")
        connection.execute("UPDATE jobs SET deaths = 0 WHERE id = ?", (job["id"],))  # it gets on, whoever kills it

    def _end(self, connection: Connection, job: Row, event: dict[str, Any]) -> bool:
        status = event.get("status")
        if status == "succeeded":
            self._succeed(connection, job, event)
        elif status == "failed":
            error = event.get("error") or {}
            message, code = str(error.get("message") or "The training failed."), error.get("code")
            fail_job(connection, job["id"], str(code or "training_failed"), message, error.get("param"), made_of(error))
        else:
            return False  # paused or stopped by somebody else: it is started again like one that was killed
        return True

    def _succeed(self, connection: Connection, job: Row, event: dict[str, Any]) -> None:
        name = model_name(job)
        results = self._files.write_result(connection, job["id"], result_csv(connection, job["id"]))
        self._results.append(results)
        add_model(connection, job, name, "final")
        connection.execute(
            "UPDATE jobs SET fine_tuned_model = ?, trained_tokens = ?, result_files = ? WHERE id = ?",
            (name, event.get("trained_tokens"), json.dumps([results]), job["id"]),
        )
        end_job(connection, job["id"], "succeeded")
        add_event(connection, job["id"], T("New fine-tuned model created: {name}", name=name))
        add_event(connection, job["id"], T("The job has successfully completed"))


def _drop_old(connection: Connection, job_id: str) -> list[int]:
    """Forgets all checkpoints but the newest, and says of which steps."""
    old = connection.execute(
        "SELECT id, step, model FROM checkpoints WHERE job_id = ? ORDER BY step DESC LIMIT -1 OFFSET ?",
        (job_id, KEPT_CHECKPOINTS),
    ).fetchall()
    for row in old:
        connection.execute("DELETE FROM checkpoints WHERE id = ?", (row["id"],))
        connection.execute("DELETE FROM models WHERE id = ?", (row["model"],))
    return [row["step"] for row in old]


def _at(event: dict[str, Any]) -> int:
    return int(event.get("at") or time.time())


def _key(event: dict[str, Any]) -> str:
    return str(event.get("key") or f"{event.get('at')}:{event.get('text', '')[:100]}")
