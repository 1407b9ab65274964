"""Our own tables read again: what CSV and Excel exports hold comes back as the examples that were exported."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from core.dataset import importing, mapping, reimport
from core.dataset.examples import Draft, Example, Kind, Split, dump
from core.dataset.export import to_csv, to_xlsx
from core.dataset.readers import Reject, read, sniff
from core.dataset.recipes import Recipe
from core.settings import Settings
from core.store import Dataset, Store

CALL = {"id": "c1", "type": "function", "function": {"name": "find", "arguments": '{"n":1.50}'}}
CHATS = [
    dump({"messages": [{"role": "user", "content": " =1+1 "}, {"role": "assistant", "content": "- one\n- two"}]}),
    dump({"messages": [{"role": "user", "content": "where?"}, {"role": "assistant", "tool_calls": [CALL]},
                       {"role": "tool", "tool_call_id": "c1", "content": "here"},
                       {"role": "assistant", "content": "@home", "weight": 1}], "n": 1.5}),
    dump({"messages": [{"role": "system", "content": "'Be short"}, {"role": "user", "content": "a\r\nb"},
                       {"role": "assistant", "content": "-"}]}),
]  # fmt: skip
PAIRS = [dump({"prompt": f"Tell {n} ->", "completion": f" Once {n}\n"}) for n in range(3)]
BETTER, WORSE = ([{"role": "assistant", "content": text}] for text in ("good", "bad"))
PREFERENCES = [dump({"input": {"messages": [{"role": "user", "content": "?"}]}, "preferred_output": BETTER,
                     "non_preferred_output": WORSE})] * 2  # fmt: skip
WRITERS = [
    pytest.param(to_csv, "csv", id="csv"),
    pytest.param(partial(to_csv, guard=True), "csv", id="guarded csv"),
    pytest.param(to_xlsx, "xlsx", id="xlsx"),
]


@pytest.fixture
def store(settings: Settings) -> Iterator[Store]:
    opened = Store.open(settings)
    yield opened
    opened.close()


def make(store: Store, raws: list[str], kind: Kind) -> Dataset:
    dataset = store.create_dataset("Desk", kind)
    splits, labels = [Split.TRAIN, Split.TEST, Split.NONE], ["+one", "", " two"]
    store.add_drafts(dataset.id, [Draft(raw, kind, labels[n], splits[n]) for n, raw in enumerate(raws)])
    return store.finish_import(dataset.id)


def told(rows: list[Example]) -> list[tuple[Any, ...]]:
    return [(row.kind, row.body, row.label, row.split) for row in rows]


@pytest.mark.parametrize(("write", "ending"), WRITERS)
@pytest.mark.parametrize(
    ("raws", "kind"), [(CHATS, Kind.CHAT), (PAIRS, Kind.COMPLETION), (PREFERENCES, Kind.PREFERENCE)]
)
def test_an_exported_table_brings_back_what_was_exported(
    store: Store, tmp_path: Path, raws: list[str], kind: Kind, write: Callable[..., int], ending: str
) -> None:
    before = list(store.examples(make(store, raws, kind).id))
    path = tmp_path / f"table.{ending}"
    write(before, path)
    again = importing.import_file(store, path)
    assert again.kind is kind and told(list(store.examples(again.id))) == told(before)
    recipe = Recipe.from_dict(again.recipe or {})
    assert Recipe.from_json(recipe.to_json().encode(), "r.json") == recipe and recipe.kind is kind


def table(store: Store, folder: Path, raws: list[str], edit: Callable[[list[dict[str, str]]], None]) -> Path:
    path = folder / "table.csv"
    to_csv(list(store.examples(make(store, raws, Kind.CHAT).id)), path)
    with path.open(newline="", encoding="utf-8-sig") as file:
        rows = list(csv.DictReader(file))
    edit(rows)
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return path


def made(path: Path) -> list[Draft | Reject]:
    source = sniff(path)
    return list(mapping.apply(mapping.suggest(source), read(source), source=source))


def test_a_text_edited_in_the_table_is_taken_over_and_the_rest_of_its_line_stays(store: Store, tmp_path: Path) -> None:
    def edit(rows: list[dict[str, str]]) -> None:
        rows[1]["assistant"], rows[1]["label"] = "there", "place"

    _first, second, _third = made(table(store, tmp_path, CHATS, edit))
    assert isinstance(second, Draft) and second.raw == CHATS[1].replace("@home", "there") and second.label == "place"


def test_rows_that_were_spoilt_are_told_with_their_column(store: Store, tmp_path: Path) -> None:
    def edit(rows: list[dict[str, str]]) -> None:
        rows[0]["split"], rows[1]["messages"], rows[2]["assistant"] = "Training", "{", ""

    rejects = made(table(store, tmp_path, CHATS, edit))
    assert [reject.column for reject in rejects if isinstance(reject, Reject)] == ["split", "messages", "assistant"]


def test_an_export_named_like_the_file_of_its_dataset_is_not_taken_for_that_file(store: Store, tmp_path: Path) -> None:
    path = tmp_path / "desk.csv"
    path.write_text("question,answer\nWhere?,Here\nWhy?,So\n")
    dataset = importing.import_file(store, path)
    assert reimport.made_of(store, sniff(path)) == [dataset]
    to_csv(list(store.examples(dataset.id)), path)
    assert not reimport.made_of(store, sniff(path))
    again = importing.import_file(store, path)
    assert reimport.made_of(store, sniff(path)) == [again]


def test_a_table_with_a_column_more_or_less_is_mapped_like_any_other(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("id,system,user,assistant,label,split\n1,,Where?,Here,,train\n2,,Why?,So,,\n")
    assert not mapping.suggest(sniff(tmp_path / "t.csv")).as_is
