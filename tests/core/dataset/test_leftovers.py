"""Rows that an import left out: kept whole, mended by hand, added at their place, taken back."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.dataset import leftovers
from core.dataset.examples import user_text
from core.dataset.importing import import_file
from core.dataset.readers import sniff
from core.dataset.recipes import Recipe
from core.dataset.repair import propose
from core.dataset.vocabulary import Role
from core.errors import BadInput
from core.settings import Settings
from core.store import Dataset, Store

TABLE = "text,label\nbad0\na,x\nbad1\nbad2\n,y\nb,y\nc,x,more\n" + "d,x\n" * 3 + 'e"f"g,"x" y\n'


def imported(store: Store, tmp_path: Path, content: str | bytes, name: str = "t.csv") -> Dataset:
    path = tmp_path / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return import_file(store, path)


def questions(store: Store, dataset: Dataset) -> list[str]:
    return [user_text(example.body) for example in store.examples(dataset.id)]


def test_a_left_out_row_is_kept_with_all_that_stood_in_it(store: Store, tmp_path: Path) -> None:
    dataset = imported(store, tmp_path, TABLE)
    assert [(item.row, item.kept) for item in store.rejects(dataset.id)] == [
        (2, {"text": "bad0", "label": ""}),
        (4, {"text": "bad1", "label": ""}),
        (5, {"text": "bad2", "label": ""}),
        (6, {"text": "", "label": "y"}),
        (8, {"text": "c", "label": "x", "column 3": "more"}),
        (12, {"text": 'e"f"g', "label": "x y"}),
    ]


def test_mended_rows_join_at_their_place_in_one_step_and_the_rest_stay(store: Store, tmp_path: Path) -> None:
    dataset = imported(store, tmp_path, TABLE)
    items = store.rejects(dataset.id)
    label = {"label": "x"}
    first = leftovers.add(store, dataset.id, {items[2].id: {"text": "bad2"} | label}, "me")
    assert (first.applied.saved, first.left) == (1, {})
    second = leftovers.add(
        store,
        dataset.id,
        {
            items[0].id: {"text": "bad0"} | label,
            items[1].id: {"text": "bad1"} | label,
            items[3].id: {"text": " ", "label": "y"},
            items[4].id: {"text": "c", "label": "x", "column 3": "more"},
            items[5].id: {"text": "e", "label": "x"},
        },
        "me",
    )
    assert questions(store, dataset) == ["bad0", "a", "bad1", "bad2", "b", "d", "d", "d", "e"]
    assert {key: str(reason)[:24] for key, reason in second.left.items()} == {
        items[3].id: "The user's message is em",
        items[4].id: "The header has no column",
    }
    rest = store.rejects(dataset.id)
    assert [(item.id, str(item.reason)) for item in rest] == [(id, str(reason)) for id, reason in second.left.items()]
    assert store.count_rejects(dataset.id) == 2
    first_row = next(store.examples(dataset.id))
    assert (first_row.origin.file, first_row.origin.row, first_row.label) == ("t.csv", 2, "x")


def test_undoing_a_mending_lists_its_rows_again_and_redoing_takes_them_off(store: Store, tmp_path: Path) -> None:
    dataset = imported(store, tmp_path, TABLE)
    items = store.rejects(dataset.id)
    leftovers.add(store, dataset.id, {item.id: {"text": "new", "label": "x"} for item in items}, "me")
    assert store.count_rejects(dataset.id) == 0 and store.dataset(dataset.id).rows == 11
    store.undo(dataset.id, "me")
    assert [item.id for item in store.rejects(dataset.id)] == [item.id for item in items]
    store.redo(dataset.id, "me")
    assert store.rejects(dataset.id) == [] and store.dataset(dataset.id).rows == 11


def test_the_same_row_is_added_once_however_often_the_button_is_pressed(store: Store, tmp_path: Path) -> None:
    dataset = imported(store, tmp_path, TABLE)
    wanted = {store.rejects(dataset.id)[0].id: {"text": "new", "label": "x"}}
    assert leftovers.add(store, dataset.id, wanted, "me").applied.saved == 1
    assert leftovers.add(store, dataset.id, wanted, "you").applied.saved == 0
    assert questions(store, dataset).count("new") == 1


GOOD = '{"messages": [{"role": "user", "content": "%s"}, {"role": "assistant", "content": "ok"}]}'


def test_lines_that_are_no_json_are_mended_by_their_proposals(store: Store, tmp_path: Path) -> None:
    lines = [GOOD % "1", (GOOD % "2")[:-2], GOOD % "3", GOOD % "4" + GOOD % "5", (GOOD % "6").replace('"', "'")]
    dataset = imported(store, tmp_path, "\n".join([*lines, GOOD % "7"]), "t.jsonl")
    items = store.rejects(dataset.id)
    assert [item.kept for item in items] == [lines[1], lines[3], lines[4]]
    wanted = {item.id: "\n".join(found.lines) for item in items if (found := propose(str(item.kept)))}
    assert leftovers.add(store, dataset.id, wanted, "me").applied.saved == 4
    assert questions(store, dataset) == list("1234567")
    assert [example.raw for example in store.examples(dataset.id)][3:5] == [GOOD % "4", GOOD % "5"]


def test_a_broken_json_file_goes_on_behind_its_fault(store: Store, tmp_path: Path) -> None:
    rows = ", ".join(GOOD % n for n in range(5))
    dataset = imported(store, tmp_path, f"[{rows.replace('}, {', '}, x {', 3).replace('x {', '{', 1)}]", "t.json")
    (item,) = store.rejects(dataset.id)
    found = propose(str(item.kept))
    if found:
        leftovers.add(store, dataset.id, {item.id: "\n".join(found.lines)}, "me")
    assert questions(store, dataset)[:1] == ["0"]


def test_what_could_not_be_read_must_be_written_anew(store: Store, tmp_path: Path) -> None:
    dataset = imported(store, tmp_path, b"text,label\n" + "你好,x\n".encode() * 20 + b"caf\xff,x\n", "t.csv")
    (item,) = store.rejects(dataset.id)
    assert item.kept == {"text": "caf\ufffd", "label": "x"}
    outcome = leftovers.add(store, dataset.id, {item.id: {"text": "caf\ufffd", "label": "y"}}, "me")
    assert "could not be read" in str(outcome.left[item.id])
    assert leftovers.add(store, dataset.id, {item.id: {"text": "café", "label": "x"}}, "me").applied.saved == 1


def test_rows_of_conversations_are_mended_in_the_file(store: Store, tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("id,q,a\n1,hi,ho\n,lost,row\n")
    roles = {"id": Role.CONVERSATION, "q": Role.USER, "a": Role.ASSISTANT}
    dataset = import_file(store, sniff(path), Recipe(roles=roles))
    assert not leftovers.mendable(dataset)
    with pytest.raises(BadInput, match="Mend them in the file"):
        leftovers.add(store, dataset.id, {store.rejects(dataset.id)[0].id: {"id": "2"}}, "me")


def test_a_class_that_was_left_out_stays_out_and_one_too_long_is_not_kept(store: Store, tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text(f"text,label\na,x\n,x\n{'z' * 300_000}\n")
    recipe = Recipe(roles={"text": Role.USER, "label": Role.LABEL}, dropped=("y",))
    dataset = import_file(store, sniff(path), recipe)
    short, long = store.rejects(dataset.id)
    assert long.kept is None
    outcome = leftovers.add(store, dataset.id, {short.id: {"text": "a", "label": "y"}}, "me")
    assert "left out" in str(outcome.left[short.id])


def test_an_older_database_gets_what_it_lacks(settings: Settings) -> None:
    import sqlite3

    Store.open(settings).close()
    with sqlite3.connect(settings.home / "luopan.db") as database:
        for name in ("kept", "after_id", "example_id"):
            database.execute(f"ALTER TABLE reject DROP COLUMN {name}")
        database.execute("DELETE FROM migration WHERE name = 'm_mended_rejects'")
    store = Store.open(settings)
    assert store.rejects(1) == []
    store.close()


def test_in_a_long_import_that_two_processes_share_rows_join_at_their_place_too(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("core.store.loading.ALONE", 20)
    monkeypatch.setattr("core.dataset.importing.BATCH", 15)
    lines = [f"question {n},answer {n}" if n % 10 else f"broken {n}" for n in range(1, 201)]
    dataset = imported(store, tmp_path, "question,answer\n" + "\n".join(lines))
    left = {item.id: {"question": item.seen or "x", "answer": "y"} for item in store.rejects(dataset.id)}
    assert len(left) == 20 and leftovers.add(store, dataset.id, left, "Ada").applied.saved == 20
    assert [row.origin.row for row in store.examples(dataset.id)] == list(range(2, 202))
