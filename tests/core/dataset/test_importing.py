"""Imports into the real store: all good rows, a list of the others, or nothing at all."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from core.dataset import mapping
from core.dataset.examples import Kind
from core.dataset.importing import BATCH, import_file
from core.dataset.readers import read, sniff
from core.dataset.recipes import Mode, Recipe, Sample
from core.dataset.samples import sample
from core.dataset.vocabulary import Role
from core.errors import BadInput, Cancelled
from core.store import Store


def raws(store: Store, dataset_id: int) -> list[str]:
    return [example.raw for example in store.examples(dataset_id)]


@pytest.fixture
def table(tmp_path: Path) -> Path:
    path = tmp_path / "greetings.csv"
    path.write_text("text,label\n" + "hello,greet\nbye,part\nragged\n" * 1_500, encoding="utf-8")
    return path


def test_good_rows_are_stored_and_bad_ones_listed(store: Store, table: Path) -> None:
    dataset = import_file(store, table)
    assert (dataset.name, dataset.state, dataset.rows, dataset.kind) == ("greetings", "ready", 3_000, Kind.CHAT)
    assert store.label_counts(dataset.id) == {"greet": 1_500, "part": 1_500}
    rejects = store.rejects(dataset.id)
    assert len(rejects) == 1_500
    assert (rejects[0].file, rejects[0].row, rejects[0].column) == ("greetings.csv", 4, "label")
    assert "The header has 2 cells, this row 1" in str(rejects[0].reason)
    first = next(iter(store.examples(dataset.id)))
    assert (first.origin.row, first.origin.fields) == (2, {"text": "hello", "label": "greet"})


def test_the_recipe_is_kept_with_the_dataset(store: Store, table: Path) -> None:
    recipe = Recipe(roles={"text": Role.USER, "label": Role.LABEL}, label_names={"greet": "问候"}, dropped=("part",))
    dataset = import_file(store, sniff(table, "given.csv"), recipe, " My set ")
    assert (dataset.name, dataset.origin, dataset.rows) == ("My set", "given.csv", 1_500)
    assert Recipe.from_dict(dataset.recipe) == recipe


def test_lines_in_a_training_format_are_stored_byte_for_byte(store: Store, tmp_path: Path) -> None:
    path = tmp_path / "x.jsonl"
    lines = ['{"messages": [],  "n": 1.0}', '{ "messages":[{"role":"user","content":"\\u00e9"}]}']
    path.write_text("\n".join(lines))
    assert raws(store, import_file(store, path).id) == lines


def test_progress_is_told_in_rows(store: Store, table: Path) -> None:
    told: list[tuple[int, int]] = []
    import_file(store, table, progress=lambda done, about: told.append((done, about)))
    assert [done for done, _ in told] == [1_000, 2_000, 3_000, 4_000, 4_500]
    assert all(about >= done for done, about in told)


def test_a_stopped_import_leaves_nothing(store: Store, table: Path) -> None:
    table.write_text("text,label\n" + "hello,greet\n" * (2 * BATCH))
    asked = iter([False, False, False, True])
    with pytest.raises(Cancelled):
        import_file(store, table, cancelled=lambda: next(asked))
    assert store.datasets(importing=True) == []


def test_a_file_without_usable_rows_leaves_nothing_and_says_why(store: Store, tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    path.write_text("text,label\n,a\n,b\n")
    with pytest.raises(BadInput, match="Row 2: The user's message is empty"):
        import_file(store, path)
    assert store.datasets(importing=True) == []


def test_dropping_every_class_says_so(store: Store, table: Path) -> None:
    table.write_text("text,label\na,x\nb,x\n")
    recipe = Recipe(roles={"text": Role.USER, "label": Role.LABEL}, dropped=("x",))
    with pytest.raises(BadInput, match="Drop fewer classes"):
        import_file(store, table, recipe)


def test_a_recipe_for_another_file_is_refused_before_anything_is_made(store: Store, table: Path) -> None:
    with pytest.raises(BadInput, match='"question"'):
        import_file(store, table, Recipe(roles={"question": Role.USER, "answer": Role.ASSISTANT}))
    assert store.datasets(importing=True) == []


def test_a_sample_is_imported_with_its_own_recipe(store: Store) -> None:
    chosen = sample("hotline_zh")
    dataset = import_file(store, chosen.path, chosen.recipe, str(chosen.title))
    assert dataset.rows == 410
    assert dataset.answers_closed
    assert set(store.label_counts(dataset.id)) == set(chosen.recipe.label_names.values())


@pytest.mark.data
def test_the_drone_chats_are_imported_whole(store: Store, shared_data) -> None:  # type: ignore[no-untyped-def]
    path = shared_data("drone_training.jsonl")
    dataset = import_file(store, path)
    assert "".join(f"{raw}\n" for raw in raws(store, dataset.id)).encode() == path.read_bytes()
    assert store.rejects(dataset.id) == []


def test_lines_that_are_taken_as_they_are_become_what_a_recipe_makes_of_them(tmp_path: Path) -> None:
    path = tmp_path / "lines.jsonl"
    good = '{"messages":[{"role":"user","content":"q"},{"role":"assistant","content":"a"}]}'
    odd = ["", "\ufeff" + good, '{"text": 1.10}', "[1]", "{", '{"messages":' + "[" * 70 + "]" * 70 + "}", "\x0c", good]
    path.write_text("\n".join([good, *odd] * 200), encoding="utf-8")
    source, told = sniff(path), [list[int](), list[int]()]
    recipe = mapping.suggest(source)
    assert recipe.as_is
    quick = mapping.lines(recipe, source, told[0].append)
    assert quick is not None
    assert list(quick) == list(mapping.apply(recipe, read(source), told[1].append, source=source))
    assert told[0] == told[1] and len(told[0]) > 1
    for more in (
        replace(recipe, mend=True),
        replace(recipe, sample=Sample(Mode.FIRST, 3)),
        replace(recipe, as_is=False),
    ):
        assert mapping.lines(more, source) is None
