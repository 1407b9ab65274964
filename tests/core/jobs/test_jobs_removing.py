"""Taking trainings off the list: those that are over, and nothing is lost by it."""

from __future__ import annotations

from typing import Any

import pytest

from core.errors import BadInput
from core.jobs import LaunchState, launch_again, put_back, remove
from core.provider.status import Status
from core.settings import Settings
from core.store import Store

LAUNCHED = LaunchState.LAUNCHED


def written(store: Store, state: LaunchState | None, **values: Any) -> int:
    row = {"token": "t", "name": "A training", "connection_id": "local", "model": "m", "params": {"epochs": 2}}
    job, _new = store.jobs.add("draft", {**row, "who": "Ada", "seed": 1})
    if state is not None:
        store.jobs.move(job.id, [LaunchState.INTENT], state)
    return store.jobs.update(job.id, **values).id


@pytest.mark.parametrize(
    ("state", "values"),
    [
        (LAUNCHED, {"status": Status.SUCCEEDED, "collected": True}),
        (LAUNCHED, {"status": Status.FAILED, "collected": True}),
        (LAUNCHED, {"status": Status.RUNNING, "connection_id": "gone"}),
        (LaunchState.REFUSED, {}),
        (LaunchState.WITHDRAWN, {}),
    ],
)
def test_what_is_over_leaves_the_list_and_comes_back(
    store: Store, settings: Settings, state: LaunchState, values: dict[str, Any]
) -> None:
    id = written(store, state, **values)
    before = store.jobs.get(id)
    removed = remove(store, settings, id)
    assert removed.is_removed and removed.as_json()["removed"] and removed.params["epochs"] == 2
    assert [job.id for job in store.jobs.list()] == [id], "nothing is deleted"
    back = put_back(store, settings, id)
    assert not back.is_removed and (back.state, back.status, back.collected) == (
        before.state, before.status, before.collected)  # fmt: skip


@pytest.mark.parametrize(
    ("state", "values"),
    [
        (None, {}),
        (None, {"error": "No way."}),
        (LAUNCHED, {"status": Status.RUNNING}),
        (LAUNCHED, {"status": Status.PAUSED}),
        (LAUNCHED, {"status": Status.SUCCEEDED}),
        (LaunchState.SENDING, {}),
        (LaunchState.UNKNOWN, {}),
        (LaunchState.ASK, {}),
    ],
)
def test_what_is_not_over_stays(
    store: Store, settings: Settings, state: LaunchState | None, values: dict[str, Any]
) -> None:
    id = written(store, state, **values)
    with pytest.raises(BadInput, match=r"not over yet.*Stop it"):
        remove(store, settings, id)
    assert not store.jobs.get(id).is_removed


def test_a_training_that_is_sent_again_is_on_the_list_again(store: Store, settings: Settings) -> None:
    id = written(store, LaunchState.REFUSED, error="Refused.")
    remove(store, settings, id)
    assert not launch_again(store, settings, id).is_removed
