"""What each kind of task does, as steps. A step that was finished is not done again after a kill, one that was
under way is begun again, so each step can be done twice without harm."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

from core.errors import NotFound
from core.jobs.values import LaunchState
from core.settings import Settings
from core.store import Store
from core.store.database import now
from core.tasks import enqueue
from core.tasks.work import Work
from core.words import T

Step = Callable[[Work], dict[str, Any] | None]

FOLLOW_AGAIN = timedelta(minutes=5)
SWEEP_AGAIN = timedelta(days=1)


@dataclass(frozen=True)
class Handler:
    """How one kind of task is done: in which queue, in which steps."""

    queue: str
    steps: tuple[Step, ...]


def import_file(work: Work) -> dict[str, Any]:
    """A file becomes a dataset; the half one that a killed worker left is discarded first."""
    from core.dataset import importing
    from core.dataset.readers import opened_once, sniff
    from core.dataset.recipes import Recipe

    earlier = work.task.result.get("dataset_id")
    if earlier is not None:
        work.store.discard(earlier)
        if any(dataset.id == earlier for dataset in work.store.datasets()):
            return {"dataset_id": earlier}  # it was whole when the worker was killed
    path = Path(work.arg("path"))
    if not path.exists():
        raise NotFound(T("{file} is no longer there.", file=work.task.subject), T("Choose the file again."))
    with opened_once():
        source = sniff(
            path,
            work.task.subject or None,
            sheet=work.arg("sheet"),
            encoding=work.arg("encoding"),
            header=work.arg("header"),
        )
        recipe = Recipe.from_dict(work.arg("recipe")) if work.arg("recipe") else None
        dataset = importing.import_file(
            work.store,
            source,
            recipe,
            work.arg("name", ""),
            work.progress,
            work.cancelled,
            lambda dataset_id: work.note({"dataset_id": dataset_id}),
        )
    return {"dataset_id": dataset.id}


def update(work: Work) -> dict[str, Any]:
    """What was chosen of a file that was brought for a dataset is applied, as one step that can be undone."""
    from core.dataset import bringing, updating

    path, choice = Path(work.arg("path")), updating.Choice.from_dict(work.arg("choice"))
    if not path.exists():
        raise NotFound(T("{file} is no longer there.", file=work.arg("name")), T("Choose the file again."))
    how = {name: work.arg(name) for name in ("sheet", "encoding", "header")}
    brought = bringing.look(
        work.store, work.number, path, work.arg("name"), **how, progress=work.progress, cancelled=work.cancelled
    )
    begun = work.task.result.get("begun")
    applied = begun and updating.applied_since(work.store, work.number, work.arg("revision"), work.arg("who"), begun)
    if applied:  # it was written when the worker was killed
        updating.take_note(work.store, work.number, brought, applied)
        return {"saved": applied.saved, "batch": applied.batch_id, "missed": 0, "refused": []}
    work.note({"begun": now().isoformat()})
    work.progress(0, None, T("Writing the rows …"))
    applied = updating.apply(
        work.store, work.number, replace(brought, revision=work.arg("revision")), choice, work.arg("who")
    )
    missed = len(applied.conflicts) + len(applied.problems)
    told = {"missed": missed, "refused": updating.refusals(applied)}
    return {"saved": applied.saved, "batch": applied.batch_id, **told}


def recount(work: Work) -> None:
    """The tokens of a dataset are counted again, with another encoding."""

    def told(done: int, total: int) -> None:
        work.progress(done, total, T("Writing the rows …") if done == total else None)

    work.store.set_encoding(work.number, work.arg("encoding"), told, work.cancelled)


def relate(work: Work) -> dict[str, Any]:
    """The rows of a dataset are compared with each other: repeats, contradictions, leaks."""
    from core.dataset import relating

    return dict(relating.relate(work.store, work.number, work.progress, work.cancelled))


def doubt(work: Work) -> dict[str, Any]:
    """The labels of a dataset are doubted by a classifier that did not see them."""
    from core.dataset import doubting

    return doubting.look(work.store, work.number, work.progress, work.cancelled)


def scan(work: Work) -> None:
    """A dataset is looked through for personal data, odd characters and mistaken encodings."""
    from core import privacy

    privacy.scan_dataset(work.store, work.number, work.progress, work.cancelled)


def mask(work: Work) -> dict[str, Any]:
    """Finds of a dataset are masked or mended, as one step that can be undone."""
    from core import privacy

    how = privacy.Style(work.arg("style", privacy.Style.KIND))
    fixed = privacy.fix(work.store, work.number, work.arg("kinds"), work.arg("who"), how, work.progress, work.cancelled)
    missed = {"conflicts": len(fixed.conflicts), "problems": len(fixed.problems)}
    return {"saved": fixed.saved, "batch": fixed.batch_id, **missed}


def launch(work: Work) -> None:
    """A job that was written down is sent, once. What cannot be sent waits for a person, with its reason."""
    from core import jobs

    jobs.run_launch(work.store, work.settings, work.number, sleep=work.sleep)


def follow(work: Work) -> None:
    """A job is watched until nothing more can be learnt of it."""
    from core import jobs

    while True:
        try:
            job = jobs.poll(work.store, work.settings, work.number)
        except NotFound:
            return
        if job.is_settled or job.state not in (LaunchState.LAUNCHED, LaunchState.UNKNOWN):
            return
        work.sleep(jobs.next_poll_delay(job))


def evaluate(work: Work) -> None:
    """The models of an evaluation are asked what they have not answered yet."""
    from core import evaluation

    evaluation.run(work.store, work.settings, work.number, work.progress, work.cancelled)


def sweep(work: Work) -> dict[str, Any]:
    """Files at providers that belong to no job are deleted there, uploads that nobody needs any more here."""
    from core import housekeeping, jobs

    housekeeping.clean(work.store, work.settings)
    return {"files": jobs.sweep(work.store, work.settings)}


HANDLERS: dict[str, Handler] = {
    "import": Handler("work", (import_file,)),
    "update": Handler("work", (update,)),
    "recount": Handler("work", (recount,)),
    "relate": Handler("work", (relate,)),
    "doubt": Handler("work", (doubt,)),
    "scan": Handler("work", (scan,)),
    "mask": Handler("work", (mask,)),
    "launch": Handler("follow", (launch, follow)),
    "follow": Handler("follow", (follow,)),
    "evaluate": Handler("work", (evaluate,)),
    "sweep": Handler("follow", (sweep,)),
}


def look_after_jobs(store: Store, settings: Settings) -> None:
    """Every job of which more can be learnt gets its follow task, a written intent that was never begun its launch.

    Where following has failed, it is begun again after five minutes.
    """
    at_work = {(task.kind, task.subject) for task in store.tasks.active()}
    for job in store.jobs.unsettled():
        if {("launch", str(job.id)), ("follow", str(job.id))} & at_work:
            continue
        kind = "launch" if job.state in (LaunchState.INTENT, LaunchState.SENDING) else "follow"
        last = store.tasks.latest(kind, str(job.id))
        if last is None or (kind == "follow" and now() - (last.finished_at or last.created_at) > FOLLOW_AGAIN):
            enqueue(store, settings, kind, job.id)


def look_after_uploads(store: Store, settings: Settings) -> None:
    """Once a day, files at providers that belong to no job are swept."""
    swept = store.tasks.latest("sweep", "uploads")
    if swept is None or now() - swept.created_at > SWEEP_AGAIN:
        enqueue(store, settings, "sweep", "uploads")
