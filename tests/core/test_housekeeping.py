"""Uploads and copies of launches: kept while somebody may need them, gone after their age."""

from __future__ import annotations

import os
import time
from pathlib import Path

from core import drafts, housekeeping, tasks
from core.dataset.examples import Draft as Example
from core.dataset.examples import Kind
from core.dataset.recipes import Recipe
from core.drafts import Draft
from core.housekeeping import DAY, IMPORTED, LAUNCHED, UPLOADED
from core.settings import Settings
from core.store import Store


def upload(settings: Settings, token: str, age: float) -> Path:
    path, then = settings.folder("uploads") / token, time.time() - age
    path.write_text("text,label\na,b\n")
    for one in (path, path.with_name(f"{token}.name")):
        one.touch()
        os.utime(one, (then, then))
    return path


def test_an_upload_goes_a_day_after_its_import_or_when_nobody_came_back(store: Store, settings: Settings) -> None:
    ages = {"a": 2 * IMPORTED, "b": IMPORTED / 2, "c": UPLOADED / 2, "d": 2 * UPLOADED, "e": 2 * UPLOADED}
    paths = {name: upload(settings, name * 32, age) for name, age in ages.items()}
    for name in "ab":
        task = tasks.enqueue(store, settings, "import", "x.csv", {"path": str(paths[name])})
        store.tasks.begin(task.id)
        store.tasks.finish(task.id, "succeeded", result={"dataset_id": 1})
    tasks.enqueue(store, settings, "import", "x.csv", {"path": str(paths["e"])})
    assert housekeeping.clean(store, settings) == 2
    assert {name for name, path in paths.items() if path.exists()} == {"b", "c", "e"}
    assert not paths["a"].with_name("a" * 32 + ".name").exists()
    assert housekeeping.clean(store, settings) == 0


def test_a_file_that_is_to_update_a_dataset_waits_for_it_and_goes_a_day_after(store: Store, settings: Settings) -> None:
    path = upload(settings, "9" * 32, 2 * UPLOADED)
    task = tasks.enqueue(store, settings, "update", 1, {"path": str(path)})
    assert housekeeping.clean(store, settings) == 0 and path.exists()
    store.tasks.begin(task.id)
    store.tasks.finish(task.id, "succeeded")
    then = time.time() - 2 * IMPORTED
    os.utime(path, (then, then))
    assert housekeeping.clean(store, settings) == 1


def test_a_mapping_in_progress_holds_its_file_until_it_is_too_old_itself(store: Store, settings: Settings) -> None:
    path = upload(settings, "f" * 32, 2 * UPLOADED)
    drafts.save(store, Draft("f" * 32, "x.csv", recipe=Recipe().as_dict()))
    assert housekeeping.clean(store, settings) == 0 and path.exists()
    assert housekeeping.clean(store, settings, time.time() + UPLOADED + DAY) == 1
    assert drafts.listed(store) == []


def test_several_files_and_what_was_unpacked_go_together_and_a_link_is_not_followed(
    store: Store, settings: Settings, tmp_path: Path
) -> None:
    folder, then = settings.folder("uploads"), time.time() - 2 * UPLOADED
    (folder / ("a" * 32)).mkdir()
    (folder / ("a" * 32) / "0001").write_text("x")
    (folder / ("b" * 32 + ".unpacked")).mkdir()
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "keep").write_text("x")
    (folder / ("c" * 32)).symlink_to(tmp_path / "mine")
    for path in [*folder.rglob("*"), *folder.iterdir()]:
        os.utime(path, (then, then), follow_symlinks=False)
    assert housekeeping.clean(store, settings) == 3
    assert list(folder.iterdir()) == [] and (tmp_path / "mine" / "keep").exists()


def test_copies_of_launches_go_when_they_are_over_and_old(store: Store, settings: Settings) -> None:
    old, new = settings.folder("launches", "old"), settings.folder("launches", "new")
    for folder, age in ((old, 2 * LAUNCHED), (new, 0)):
        (folder / "train.jsonl").write_text("{}")
        for path in (folder / "train.jsonl", folder):
            os.utime(path, (time.time() - age,) * 2)
    assert housekeeping.clean(store, settings) == 1
    assert not old.exists() and new.exists()


def test_drafts_are_kept_newest_first_and_the_oldest_give_way(store: Store) -> None:
    for number in range(drafts.MOST + 5):
        drafts.save(store, Draft(f"{number:032}", f"{number}.csv", recipe=Recipe(strip=False).as_dict()))
    kept = drafts.listed(store)
    assert len(kept) == drafts.MOST and kept[0].name == f"{drafts.MOST + 4}.csv"
    assert kept[0].as_recipe() == Recipe(strip=False)
    drafts.forget(store, kept[0].token)
    assert drafts.load(store, kept[0].token) is None and len(drafts.listed(store)) == drafts.MOST - 1
    store.preferences.set(f"mapping_draft:{kept[1].token}", {"unknown": 1})
    assert drafts.load(store, kept[1].token) is None


def test_a_half_import_that_no_task_knows_of_is_discarded_after_a_day(store: Store, settings: Settings) -> None:
    lost, going = store.create_dataset("lost", Kind.CHAT), store.create_dataset("going", Kind.CHAT)
    store.add_drafts(lost.id, [Example('{"messages": []}', Kind.CHAT)])
    task = tasks.enqueue(store, settings, "import", "x.csv", {"path": "x"})
    store.tasks.begin(task.id)
    store.tasks.note(task.id, {"dataset_id": going.id})
    assert housekeeping.clean(store, settings) == 0
    assert housekeeping.clean(store, settings, time.time() + 2 * DAY) == 1
    assert [dataset.id for dataset in store.datasets(importing=True)] == [going.id]
