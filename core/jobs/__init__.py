"""Training jobs: write the intent down, send it once, follow it to its last figure, read its curve."""

from core.jobs.billing import load_of, ratios, train_split
from core.jobs.follow import next_poll_delay, poll
from core.jobs.intent import launch, launch_file
from core.jobs.judging import check_file_judge
from core.jobs.launch import check_again, launch_again, recover, run_launch, withdraw
from core.jobs.metrics import Point, Series, series
from core.jobs.reading import read_curve
from core.jobs.ready import Item, Readiness, contents_of, readiness
from core.jobs.remote import cancel, cancel_duplicates, delete_model, delete_models, list_models, pause, resume, sweep
from core.jobs.removing import put_back, remove
from core.jobs.values import Checkpoint, Event, Job, JobDraft, LaunchState, Metric

__all__ = [
    "Checkpoint",
    "Event",
    "Item",
    "Job",
    "JobDraft",
    "LaunchState",
    "Metric",
    "Point",
    "Readiness",
    "Series",
    "cancel",
    "cancel_duplicates",
    "check_again",
    "check_file_judge",
    "contents_of",
    "delete_model",
    "delete_models",
    "launch",
    "launch_again",
    "launch_file",
    "list_models",
    "load_of",
    "next_poll_delay",
    "pause",
    "poll",
    "put_back",
    "ratios",
    "read_curve",
    "readiness",
    "recover",
    "remove",
    "resume",
    "run_launch",
    "series",
    "sweep",
    "train_split",
    "withdraw",
]
