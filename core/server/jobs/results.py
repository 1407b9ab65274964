"""The result file of a job: its metrics by step as CSV, with the columns that OpenAI documents."""

from __future__ import annotations

import csv
import io
import json

from core.server.database import Connection

COLUMNS = {
    "step": "step",
    "train_loss": "train_loss",
    "train_accuracy": "train_mean_token_accuracy",
    "valid_loss": "valid_loss",
    "valid_mean_token_accuracy": "valid_mean_token_accuracy",
}
# What reinforcement measures; columns of a job that has them.
REWARDS = ("train_reward_mean", "valid_reward_mean")
# Where a step was not measured on a validation batch, its measure on the whole validation file stands.
INSTEAD = {"valid_loss": "full_valid_loss", "valid_mean_token_accuracy": "full_valid_mean_token_accuracy"}
INSTEAD |= {"valid_reward_mean": "full_valid_reward_mean"}


def result_csv(connection: Connection, job_id: str) -> bytes:
    """The metrics of a job; cells are empty where nothing was measured."""
    rows = connection.execute("SELECT data FROM events WHERE job_id = ? AND type = 'metrics'", (job_id,)).fetchall()
    points = sorted((json.loads(row["data"]) for row in rows), key=lambda point: int(point["step"]))
    columns = {**COLUMNS, **{name: name for name in REWARDS if any(name in point for point in points)}}
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(columns)
    for point in points:
        writer.writerow([_cell(point.get(key, point.get(INSTEAD.get(key, key)))) for key in columns.values()])
    return out.getvalue().encode()


def _cell(value: object) -> object:
    return "" if value is None else round(value, 6) if isinstance(value, float) else value
