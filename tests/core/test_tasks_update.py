"""A difference applied by the worker: the whole of it once, also after a kill, never over what it did not see."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from core import tasks
from core.dataset import importing, updating
from core.dataset.edits import Change, Edits
from core.dataset.examples import user_text
from core.errors import BadInput, NotFound
from core.settings import Settings
from core.store import Dataset, Store
from core.tasks.handlers import HANDLERS
from core.tasks.work import Work


@pytest.fixture
def dataset(store: Store, tmp_path: Path) -> Dataset:
    (tmp_path / "t.csv").write_text("question,answer\nwhere,here\nwhy,so\n")
    dataset = importing.import_file(store, tmp_path / "t.csv")
    (tmp_path / "t.csv").write_text("question,answer\nwhere,there\nhow,thus\n")
    return dataset


def work(store: Store, settings: Settings, dataset: Dataset, path: Path, **more: Any) -> Work:
    choice = updating.Choice(dict.fromkeys(updating.GROUPS, True)).as_dict()
    wanted = {
        "path": str(path),
        "name": path.name,
        "choice": choice,
        "revision": dataset.revision,
        "who": "ann",
        **more,
    }
    begun = store.tasks.begin(tasks.enqueue(store, settings, "update", dataset.id, wanted).id)
    assert begun is not None
    return Work(store, settings, begun, lambda: None)


def update(work: Work) -> dict[str, Any]:
    return HANDLERS["update"].steps[0](work) or {}


def questions(store: Store, dataset: Dataset) -> list[str]:
    return [user_text(row.body) for row in store.examples(dataset.id)]


def test_what_was_chosen_is_applied_as_one_step(
    store: Store, settings: Settings, dataset: Dataset, tmp_path: Path
) -> None:
    done = update(work(store, settings, dataset, tmp_path / "t.csv"))
    assert (done["saved"], done["missed"]) == (3, 0) and questions(store, dataset) == ["where", "how"]
    store.undo(dataset.id, "ann", done["batch"])
    assert questions(store, dataset) == ["where", "why"]


def test_done_again_after_a_kill_it_does_nothing_twice(
    store: Store, settings: Settings, dataset: Dataset, tmp_path: Path
) -> None:
    first = work(store, settings, dataset, tmp_path / "t.csv")
    done = update(first)
    store.preferences.set(f"brought:{dataset.id}", None)  # the kill came before it was written down
    again = Work(store, settings, store.tasks.get(first.task.id), lambda: None)
    assert update(again) == done and store.dataset(dataset.id).revision == dataset.revision + 1
    assert updating.taken_over(store, dataset.id) == [done["batch"]]


def test_done_again_after_a_kill_it_tells_of_the_step_also_where_rows_were_held_back(
    store: Store, settings: Settings, dataset: Dataset, tmp_path: Path
) -> None:
    _first, second = store.examples(dataset.id)
    store.apply(dataset.id, Edits(changed=[Change(second.id, 1, {"split": "test"})]), "bob")
    store.splits.set_lock(dataset.id, True, "bob")
    first = work(store, settings, store.dataset(dataset.id), tmp_path / "t.csv")
    done = update(first)
    assert (done["saved"], done["missed"]) == (2, 1) and questions(store, dataset) == ["where", "how", "why"]
    again = Work(store, settings, store.tasks.get(first.task.id), lambda: None)
    assert update(again)["batch"] == done["batch"]


def test_rows_edited_meanwhile_are_not_written_over(
    store: Store, settings: Settings, dataset: Dataset, tmp_path: Path
) -> None:
    row = next(store.examples(dataset.id))
    store.apply(dataset.id, Edits(changed=[Change(row.id, 1, {"assistant": "mine"})]), "bob")
    with pytest.raises(BadInput, match="edited while you were looking"):
        update(work(store, settings, dataset, tmp_path / "t.csv"))
    assert questions(store, dataset) == ["where", "why"]


def test_a_file_that_is_gone_is_told(store: Store, settings: Settings, dataset: Dataset, tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="no longer there"):
        update(work(store, settings, dataset, tmp_path / "x.csv"))
