"""What the tasks of a training job do, against a real store and real ports."""

from __future__ import annotations

import socket
import threading
import time
from pathlib import Path

import pytest

from core import jobs, tasks
from core.dataset import mapping
from core.dataset.examples import Draft, Kind, Split, dump
from core.dataset.readers import sniff
from core.errors import Cancelled
from core.jobs import JobDraft, LaunchState
from core.provider import Connection
from core.settings import Settings
from core.store import Store
from core.tasks.handlers import (
    HANDLERS,
    follow,
    import_file,
    launch,
    look_after_jobs,
    look_after_uploads,
    recount,
    sweep,
)
from core.tasks.work import Work


@pytest.fixture
def job(store: Store, settings: Settings) -> jobs.Job:
    """A training whose provider nobody can reach: nothing listens at its port."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
    store.jobs.save_connection(Connection("down", "Down", f"http://127.0.0.1:{port}/v1"))
    dataset = store.create_dataset("rows", Kind.CHAT)
    body = {"messages": [{"role": "user", "content": "q"}, {"role": "assistant", "content": "a"}]}
    store.add_drafts(dataset.id, [Draft(dump(body), Kind.CHAT, split=Split.TRAIN) for _i in range(12)])
    store.finish_import(dataset.id)
    draft = JobDraft("down", store.freeze(dataset.id).id, "some-model", name="j", draft_id="d1")
    return jobs.launch(store, settings, draft, "me")


def work_on(store: Store, settings: Settings, kind: str, job: jobs.Job) -> Work:
    task = tasks.enqueue(store, settings, kind, job.id)
    begun = store.tasks.begin(task.id)
    assert begun is not None
    return Work(store, settings, begun, lambda: None)


def test_every_kind_of_work_has_its_handler() -> None:
    assert set(HANDLERS) == set(tasks.KINDS)


@pytest.mark.parametrize("encoding", ["utf-8-sig", "gb18030", "utf-16"])
def test_an_import_reads_the_file_as_the_page_had_read_it(
    store: Store, settings: Settings, tmp_path: Path, encoding: str
) -> None:
    path = tmp_path / "7f3a.part"
    path.write_text("question,answer\n" + "".join(f"问题{i},答案{i}\n" for i in range(30)), encoding=encoding)
    source = sniff(path, "问答.csv")
    wanted = {"path": str(path), "name": "问答", "recipe": mapping.suggest(source).as_dict(), "sheet": None,
              "encoding": source.encoding, "header": source.header}  # fmt: skip
    begun = store.tasks.begin(tasks.enqueue(store, settings, "import", "问答.csv", wanted).id)
    result = import_file(Work(store, settings, begun, lambda: None))
    dataset = store.dataset(result["dataset_id"])
    assert (dataset.name, dataset.rows, dataset.origin) == ("问答", 30, "问答.csv")
    assert store.tasks.get(begun.id).result == result  # noted before the first row, for the next attempt
    again = store.tasks.begin(begun.id)  # killed just before the end was written down
    assert import_file(Work(store, settings, again, lambda: None)) == result
    assert len(store.datasets()) == 1


def test_tokens_are_counted_again_with_another_encoding(store: Store, settings: Settings, job: jobs.Job) -> None:
    task = tasks.enqueue(store, settings, "recount", job.dataset_id, {"encoding": "cl100k_base"})
    recount(Work(store, settings, store.tasks.begin(task.id), lambda: None))
    assert store.dataset(job.dataset_id).encoding == "cl100k_base"


def test_counting_again_tells_how_far_it_is_and_stops_when_asked(
    store: Store, settings: Settings, job: jobs.Job, monkeypatch: pytest.MonkeyPatch
) -> None:
    dataset = store.create_dataset("many", Kind.CHAT)
    bodies = ({"messages": [{"role": "user", "content": str(n)}]} for n in range(1_200))
    store.add_drafts(dataset.id, [Draft(dump(body), Kind.CHAT) for body in bodies])
    store.finish_import(dataset.id)
    monkeypatch.setattr("core.tasks.work.WRITE_SECONDS", 0)
    monkeypatch.setattr("core.tasks.work.LOOK_SECONDS", 0)
    task = store.tasks.begin(tasks.enqueue(store, settings, "recount", dataset.id, {"encoding": "cl100k_base"}).id)
    assert task is not None
    seen: list[tuple[int, int | None, str]] = []

    def look() -> None:
        now = store.tasks.get(task.id)
        seen.append((now.done, now.total, str(now.message)))

    recount(Work(store, settings, task, look))
    look()
    assert [step for n, step in enumerate(seen) if step not in seen[:n]] == [
        *[(0, None, ""), (0, 1_200, ""), (500, 1_200, ""), (1_000, 1_200, "")], (1_200, 1_200, "Writing the rows …")
    ]  # fmt: skip
    tasks.cancel(store, settings, task.id)
    with pytest.raises(Cancelled):
        store.set_encoding(dataset.id, "o200k_base", cancelled=Work(store, settings, task, look).cancelled)
    assert store.dataset(dataset.id).encoding == "cl100k_base"


def test_a_launch_that_reaches_nobody_waits_and_stops_when_asked(
    store: Store, settings: Settings, job: jobs.Job
) -> None:
    work = work_on(store, settings, "launch", job)
    threading.Timer(0.5, tasks.cancel, (store, settings, work.task.id)).start()
    started = time.monotonic()
    with pytest.raises(Cancelled):
        launch(work)
    assert time.monotonic() - started < 20
    left = store.jobs.get(job.id)
    assert (left.state, left.remote_id) == (LaunchState.INTENT, "")


def test_a_launch_that_reached_nobody_ends_so_that_the_next_click_sends_at_once(
    store: Store, settings: Settings, job: jobs.Job, monkeypatch: pytest.MonkeyPatch
) -> None:
    work = work_on(store, settings, "launch", job)
    monkeypatch.setattr(work, "sleep", lambda _seconds: None)
    launch(work)
    left = store.jobs.get(job.id)
    assert left.state == LaunchState.INTENT and left.is_settled and "cannot be reached" in str(left.error)


def test_following_ends_where_there_is_nothing_to_follow(store: Store, settings: Settings, job: jobs.Job) -> None:
    follow(work_on(store, settings, "follow", job))  # it was never sent
    jobs.withdraw(store, settings, job.id)
    follow(work_on(store, settings, "follow", job))
    store.jobs.delete(job.id)
    follow(work_on(store, settings, "follow", job))


def test_a_written_intent_whose_task_was_lost_is_begun_and_not_twice(
    store: Store, settings: Settings, job: jobs.Job
) -> None:
    for _round in range(2):
        look_after_jobs(store, settings)
    assert [(task.kind, task.subject) for task in store.tasks.active()] == [("launch", str(job.id))]


def test_a_launch_that_was_given_up_is_not_begun_again_by_itself(
    store: Store, settings: Settings, job: jobs.Job
) -> None:
    task = tasks.enqueue(store, settings, "launch", job.id)
    tasks.cancel(store, settings, task.id)
    look_after_jobs(store, settings)
    assert store.tasks.active() == []


def test_a_running_job_is_followed_unless_its_launch_still_does(
    store: Store, settings: Settings, job: jobs.Job
) -> None:
    store.jobs.move(job.id, [LaunchState.INTENT], LaunchState.LAUNCHED, remote_id="ftjob-1")
    task = tasks.enqueue(store, settings, "launch", job.id)
    look_after_jobs(store, settings)
    assert [each.kind for each in store.tasks.active()] == ["launch"]
    tasks.cancel(store, settings, task.id)
    look_after_jobs(store, settings)
    assert [each.kind for each in store.tasks.active()] == ["follow"]


def test_uploads_of_no_job_are_swept_once_a_day(store: Store, settings: Settings) -> None:
    for _round in range(2):
        look_after_uploads(store, settings)
    (task,) = store.tasks.active()
    assert (task.kind, HANDLERS[task.kind].steps) == ("sweep", (sweep,))
    assert sweep(Work(store, settings, store.tasks.begin(task.id) or task, lambda: None)) == {"files": 0}
    store.tasks.finish(task.id, "succeeded")
    look_after_uploads(store, settings)
    assert store.tasks.active() == []
