from __future__ import annotations

from datetime import timedelta

import pytest

from core import tasks, words
from core.errors import AppError, BadInput, NotFound
from core.settings import Settings
from core.store import Store
from core.words import T


def test_work_that_is_asked_for_is_written_down(store: Store, settings: Settings) -> None:
    task = tasks.enqueue(store, settings, "import", "a.csv", {"path": "/x/a.csv", "name": "甲"})
    found = store.tasks.get(task.id)
    assert (found.kind, found.subject, found.state, found.args) == (
        "import", "a.csv", "queued", {"path": "/x/a.csv", "name": "甲"},
    )  # fmt: skip
    assert found.is_active and found.share is None and found.remaining_s is None and found.who == settings.user
    assert [each.id for each in store.tasks.active()] == [task.id] == [each.id for each in store.tasks.recent()]


@pytest.mark.parametrize(("kind", "same"), [("evaluate", True), ("follow", True), ("import", False)])
def test_the_same_work_is_not_begun_twice_but_two_files_of_one_name_may_come(
    store: Store, settings: Settings, kind: str, same: bool
) -> None:
    first = tasks.enqueue(store, settings, kind, "7")
    second = tasks.enqueue(store, settings, kind, 7)
    assert (first.id == second.id) is same
    store.tasks.begin(first.id)
    store.tasks.finish(first.id, "succeeded")
    assert tasks.enqueue(store, settings, kind, "7").id != first.id


def test_work_nobody_knows_is_refused(store: Store, settings: Settings) -> None:
    with pytest.raises(BadInput):
        tasks.enqueue(store, settings, "dream", "1")
    with pytest.raises(NotFound):
        store.tasks.get("nothing")
    assert store.tasks.latest("import", "1") is None


def test_progress_is_kept_with_its_sentence_in_the_readers_language(store: Store, settings: Settings) -> None:
    task = tasks.enqueue(store, settings, "recount", "1")
    store.tasks.begin(task.id)
    store.tasks.update_progress(task.id, 3, 12, T("row {n}", n=3))
    found = store.tasks.get(task.id)
    assert (found.done, found.total, found.share, str(found.message)) == (3, 12, 0.25, "row 3")
    words.use("zh_CN")
    assert str(found.message) == words._("row {n}", n=3)
    store.tasks.update_progress(task.id, 4)
    assert (store.tasks.get(task.id).total, str(store.tasks.get(task.id).message)) == (12, words._("row {n}", n=3))


def test_the_time_that_is_left_counts_only_what_was_done_since_it_went_on(store: Store, settings: Settings) -> None:
    task = tasks.enqueue(store, settings, "evaluate", "1")
    store.tasks.begin(task.id)
    store.tasks.update_progress(task.id, 500, 1000)
    assert store.tasks.begin(task.id) is not None  # its worker was killed, another one takes it up
    store.tasks.update_progress(task.id, 500)
    assert store.tasks.get(task.id).remaining_s is None
    store.tasks.update_progress(task.id, 600)
    found = store.tasks.get(task.id)
    elapsed = found.heartbeat - (found.heartbeat - timedelta(seconds=100 / found.rate))
    assert found.remaining_s == pytest.approx(4 * elapsed.total_seconds())


def test_work_that_waits_is_cancelled_at_once_and_never_begun(store: Store, settings: Settings) -> None:
    task = tasks.enqueue(store, settings, "recount", "1")
    assert tasks.cancel(store, settings, task.id).state == "cancelled"
    assert store.tasks.begin(task.id) is None
    assert store.tasks.active() == []


def test_work_that_runs_is_asked_to_stop(store: Store, settings: Settings) -> None:
    task = tasks.enqueue(store, settings, "recount", "1")
    store.tasks.begin(task.id)
    assert not store.tasks.cancel_requested(task.id)
    asked = tasks.cancel(store, settings, task.id)
    assert (asked.state, asked.cancel_requested, store.tasks.cancel_requested(task.id)) == ("running", True, True)


def test_what_is_over_stays_as_it_ended(store: Store, settings: Settings) -> None:
    task = tasks.enqueue(store, settings, "recount", "1")
    store.tasks.begin(task.id)
    store.tasks.finish(task.id, "failed", error=AppError(T("Row {n} is odd.", n=2), "Mend it."))
    store.tasks.finish(task.id, "succeeded", result={"x": 1})
    store.tasks.update_progress(task.id, 99)
    tasks.cancel(store, settings, task.id)
    found = store.tasks.get(task.id)
    assert (found.state, found.done, found.result, found.finished_at is not None) == ("failed", 0, {}, True)
    assert str(found.error.message) == "Row 2 is odd." and found.error.hint == "Mend it."
    assert store.tasks.latest("recount", "1").id == task.id
