"""Jobs as rows, on both databases: one winner a move, events and figures once, sentences kept translatable."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any

import pytest

from core import words
from core.errors import NotFound
from core.jobs.values import Checkpoint, Event, LaunchState, Metric
from core.provider import Connection, ProviderKind
from core.provider.status import Status
from core.store import Store
from core.words import T

AT = datetime(2026, 11, 21, tzinfo=UTC)


def values(**more: Any) -> dict[str, Any]:
    usual = {
        "name": "n",
        "connection_id": "local",
        "model": "m",
        "params": {"epochs": 2},
        "who": "me",
        "seed": 2**31 - 1,
    }
    return {"token": f"t{len(more)}{more}"[:60], **usual, **more}


def test_the_same_draft_is_one_job_until_it_is_over(store: Store) -> None:
    job, new = store.jobs.add("draft", values())
    assert new and job.state == LaunchState.INTENT and job.seed == 2**31 - 1
    assert store.jobs.add("draft", values(name="other")) == (job, False)
    store.jobs.move(job.id, [LaunchState.INTENT], LaunchState.REFUSED)
    assert store.jobs.add("draft", values(name="again"))[1]


def test_of_many_workers_one_moves_a_launch(store: Store) -> None:
    job, _new = store.jobs.add("draft", values())

    def move(_worker: int) -> bool:
        return store.jobs.move(job.id, [LaunchState.INTENT], LaunchState.SENDING) is not None

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(move, range(8))) == 1
    assert store.jobs.recover() == 1
    assert store.jobs.get(job.id).state == LaunchState.UNKNOWN


def test_events_are_kept_once_and_in_order(store: Store) -> None:
    job, _new = store.jobs.add("draft", values())
    told = [Event(f"e{i}", AT, "info", "message", f"word {i}\u0000"[:6], {"i": i}) for i in range(5)]
    assert store.jobs.add_events(job.id, told) == 5
    assert store.jobs.add_events(job.id, told[3:]) == 0
    assert [event.id for event in store.jobs.events(job.id)] == ["e0", "e1", "e2", "e3", "e4"]
    assert [event.data for event in store.jobs.events(job.id, limit=1)] == [{"i": 4}]
    assert store.jobs.known_events(job.id) == {f"e{i}" for i in range(5)}


def test_figures_and_checkpoints_are_brought_up_to_date(store: Store) -> None:
    job, _new = store.jobs.add("draft", values())
    store.jobs.add_metrics(job.id, [Metric(i, "loss", i / 7, AT) for i in range(500)])
    store.jobs.add_metrics(job.id, [Metric(3, "loss", 9.0, None, "result"), Metric(4, "loss", 8.0, None, "checkpoint")])
    found = store.jobs.metrics(job.id)
    assert (len(found), found[3].value, found[3].at, found[4].value) == (500, 9.0, AT, 4 / 7)
    for model in ("a", "b"):
        store.jobs.add_checkpoints(job.id, [Checkpoint("c", 4, model, AT, {"loss": 0.5})])
    assert store.jobs.checkpoints(job.id) == [Checkpoint("c", 4, "b", AT, {"loss": 0.5})]


def test_an_ended_status_stays_and_the_rest_is_written(store: Store) -> None:
    job, _new = store.jobs.add("draft", values())
    store.jobs.update(job.id, status=Status.CANCELLED)
    found = store.jobs.update(job.id, status=Status.RUNNING, step=7, trained_tokens=2**40)
    assert (found.status, found.step, found.trained_tokens) == (Status.CANCELLED, 7, 2**40)


def test_an_answer_that_was_overtaken_by_the_end_takes_nothing_back(store: Store) -> None:
    job, _new = store.jobs.add("draft", values())
    ended = {"raw_status": "succeeded", "fine_tuned_model": "ft:m", "finished_at": AT, "trained_tokens": 9}
    store.jobs.update(job.id, status=Status.SUCCEEDED, **ended)
    late = {"raw_status": "running", "fine_tuned_model": "", "finished_at": None, "trained_tokens": None, "failures": 0}
    found = store.jobs.update(job.id, status=Status.RUNNING, **late)
    assert {name: getattr(found, name) for name in ended} == ended and found.is_usable


def test_an_error_is_read_in_the_readers_language(store: Store) -> None:
    job, _new = store.jobs.add("draft", values())
    error = T("{host} cannot be reached ({what}).", host="h", what=T("none"))
    found = store.jobs.update(job.id, error=error, hint="raw {braces}")
    assert (str(found.error), str(found.hint)) == ("h cannot be reached (none).", "raw {braces}")
    words.use("zh_CN")
    assert isinstance(found.error, words.Text)


def test_a_job_is_found_by_its_number_or_its_id_at_the_provider(store: Store) -> None:
    job, _new = store.jobs.add("draft", values())
    store.jobs.update(job.id, remote_id="ftjob-1")
    assert store.jobs.get(str(job.id)).id == store.jobs.get("ftjob-1").id == job.id
    for id in (0, 10**8, 10**20, "ftjob-2", "", "²"):
        with pytest.raises(NotFound):
            store.jobs.get(id)


def test_a_job_is_forgotten_with_all_it_brought(store: Store) -> None:
    job, _new = store.jobs.add("draft", values())
    store.jobs.add_events(job.id, [Event("e", AT, "info", "message", "x")])
    store.jobs.add_metrics(job.id, [Metric(1, "loss", 1.0)])
    store.jobs.delete(job.id)
    assert store.jobs.list() == [] and store.jobs.metrics(job.id) == [] and store.jobs.events(job.id) == []


def test_connections_are_kept_changed_and_forgotten(store: Store) -> None:
    there = Connection("x", "X", "https://x.example/v1", ProviderKind.AZURE, "env:KEY")
    store.jobs.save_connection(there)
    assert store.jobs.connection("x") == there
    store.jobs.save_connection(Connection("x", "Y", "https://y.example/v1", refused="no"))
    assert [c.name for c in store.jobs.connections()] == ["Local", "Y"]
    store.jobs.delete_connection("x")
    with pytest.raises(NotFound):
        store.jobs.connection("x")
