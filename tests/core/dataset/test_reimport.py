"""The same file brought again: what the file changed is told, what people edited since is theirs."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from core.dataset import importing, leftovers, reimport, updating
from core.dataset.edits import Added, Change, Edits
from core.dataset.examples import Draft, Kind, answer_text, user_text
from core.dataset.readers import sniff, sniff_all
from core.dataset.readers.packed import Member
from core.dataset.recipes import Recipe
from core.dataset.updating import Brought, Choice
from core.dataset.vocabulary import Role
from core.errors import BadInput, Cancelled
from core.store import Dataset, Store

ALL = Choice(dict.fromkeys(updating.GROUPS, True))
RECIPE = Recipe(roles={"q": Role.USER, "a": Role.ASSISTANT}, constants={Role.SYSTEM: "Answer."})


def table(path: Path, *rows: tuple[str, str]) -> Path:
    path.write_text("q,a\n" + "".join(f"{q},{a}\n" for q, a in rows), encoding="utf-8")
    return path


def again(store: Store, dataset: Dataset, path: Path, name: str = "") -> Brought:
    return reimport.compare_file(store, store.dataset(dataset.id), sniff(path, name or None))


def sizes(found: Brought) -> dict[str, int]:
    return {name: len(entries) for name, entries in found.groups().items() if entries}


def take(store: Store, dataset: Dataset, found: Brought, choice: Choice = ALL) -> list[tuple[str, str]]:
    updating.apply(store, dataset.id, found, choice, "ann")
    return [(user_text(row.body), answer_text(row.body)) for row in store.examples(dataset.id)]


def edit(store: Store, dataset: Dataset, place: int, **fields: str) -> None:
    row = list(store.examples(dataset.id))[place]
    assert store.apply(dataset.id, Edits(changed=[Change(row.id, row.revision, fields)]), "bob").saved


OLD = (("where", "here"), ("why", "so"), ("when", "now"))


@pytest.fixture
def dataset(store: Store, tmp_path: Path) -> Dataset:
    return importing.import_file(store, table(tmp_path / "t.csv", *OLD), RECIPE)


def test_the_same_file_is_no_difference(store: Store, dataset: Dataset, tmp_path: Path) -> None:
    found = again(store, dataset, tmp_path / "t.csv")
    assert not found.difference and found.difference.same == 3


def test_new_changed_and_gone_rows_through_the_same_recipe_in_one_step(
    store: Store, dataset: Dataset, tmp_path: Path
) -> None:
    found = again(store, dataset, table(tmp_path / "t.csv", ("how", "thus"), ("where", "there"), ("why", "so")))
    assert sizes(found) == {"changed": 1, "new": 1, "gone": 1}
    assert take(store, dataset, found) == [("how", "thus"), ("where", "there"), ("why", "so")]
    assert all(row.body["messages"][0]["content"] == "Answer." for row in store.examples(dataset.id))
    assert not again(store, dataset, tmp_path / "t.csv").difference
    store.undo(dataset.id, "ann")
    assert [user_text(row.body) for row in store.examples(dataset.id)] == ["where", "why", "when"]


def test_an_edit_made_here_is_no_change_of_the_file(store: Store, dataset: Dataset, tmp_path: Path) -> None:
    edit(store, dataset, 0, assistant="better", split="test")
    found = again(store, dataset, tmp_path / "t.csv")
    assert not found.difference and (found.difference.same, found.difference.kept) == (2, 1)


def test_a_row_edited_here_and_in_the_file_shows_both_and_stays(store: Store, dataset: Dataset, tmp_path: Path) -> None:
    edit(store, dataset, 0, assistant="better")
    found = again(store, dataset, table(tmp_path / "t.csv", ("where", "there"), *OLD[1:]))
    assert sizes(found) == {"clash": 1}
    assert take(store, dataset, found, Choice())[0] == ("where", "better")
    assert take(store, dataset, found)[0] == ("where", "there")


def test_what_was_taken_over_is_the_files_word_next_time(store: Store, dataset: Dataset, tmp_path: Path) -> None:
    path = table(tmp_path / "t.csv", ("where", "there"), *OLD[1:])
    take(store, dataset, again(store, dataset, path))
    assert sizes(again(store, dataset, table(path, ("where", "over there"), *OLD[1:]))) == {"changed": 1}
    store.undo(dataset.id, "ann")
    assert sizes(again(store, dataset, path)) == {"changed": 1}


def test_rows_added_here_are_never_gone(store: Store, dataset: Dataset, tmp_path: Path) -> None:
    raw = json.dumps({"messages": [{"role": "user", "content": "mine"}, {"role": "assistant", "content": "x"}]})
    store.apply(dataset.id, Edits(added=[Added(None, Draft(raw, Kind.CHAT))]), "bob")
    assert not again(store, dataset, tmp_path / "t.csv").difference


def test_the_file_may_have_another_name_and_order(store: Store, dataset: Dataset, tmp_path: Path) -> None:
    found = again(store, dataset, table(tmp_path / "renamed.csv", *reversed(OLD[1:])))
    assert sizes(found) == {"gone": 1}


def test_of_several_files_only_the_one_that_came_again_can_lose_rows(store: Store, tmp_path: Path) -> None:
    first, second = table(tmp_path / "a.csv", *OLD), table(tmp_path / "b.csv", ("x", "y"), ("z", "w"))
    source = sniff_all([Member(first, "a.csv"), Member(second, "b.csv")], "a.csv and 1 more", tmp_path)
    dataset = importing.import_file(store, source, RECIPE)
    assert sizes(again(store, dataset, table(tmp_path / "b.csv", ("x", "y")))) == {"gone": 1}


def test_rows_that_cannot_be_used_are_told(store: Store, dataset: Dataset, tmp_path: Path) -> None:
    found = again(store, dataset, table(tmp_path / "t.csv", *OLD, ("empty", "")))
    assert not found.difference and [(problem.row, problem.column) for problem in found.problems] == [(5, "a")]


def test_a_row_that_was_mended_here_is_not_gone_while_the_file_has_it_broken(store: Store, tmp_path: Path) -> None:
    path = table(tmp_path / "t.csv", ("empty", ""), *OLD, ("void", ""))
    dataset = importing.import_file(store, path, RECIPE)
    first, last = store.rejects(dataset.id)
    leftovers.add(store, dataset.id, {first.id: {"q": "empty", "a": "full"}, last.id: {"q": "void", "a": "v"}}, "bob")
    assert not again(store, dataset, path).difference
    assert not again(store, dataset, table(path, ("new", "row"), ("empty", ""), *OLD, ("void", ""))).difference.gone
    assert sizes(again(store, dataset, table(path, ("empty", ""), *OLD))) == {"gone": 1}
    assert not again(store, dataset, table(path, ("empty", "full"), *OLD, ("void", ""))).difference


def test_training_lines_are_compared_byte_for_byte(store: Store, tmp_path: Path) -> None:
    def line(question: str, answer: str) -> str:
        said = [{"role": "user", "content": question}, {"role": "assistant", "content": answer}]
        return json.dumps({"messages": said, "weight": 1.50})

    path = tmp_path / "x.jsonl"
    path.write_text("\n".join([line("a", "1"), line("b", "2")]) + "\n")
    dataset = importing.import_file(store, path)
    path.write_text("\n".join([line("a", "1"), line("b", "3")]) + "\n")
    found = again(store, dataset, path)
    assert sizes(found) == {"changed": 1}
    take(store, dataset, found)
    assert [row.raw for row in store.examples(dataset.id)] == path.read_text().splitlines()


def test_a_file_with_other_columns_is_refused_with_the_reason(store: Store, dataset: Dataset, tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("x,y\n1,2\n")
    with pytest.raises(BadInput, match='asks for a column "q"'):
        again(store, dataset, tmp_path / "t.csv")


def test_it_can_be_stopped(store: Store, dataset: Dataset, tmp_path: Path) -> None:
    with pytest.raises(Cancelled):
        reimport.compare_file(store, dataset, sniff(tmp_path / "t.csv"), None, lambda: True)


@pytest.mark.parametrize(("name", "rows", "known"), [
    ("t.csv", (("something", "else"),), True),
    ("renamed.csv", (*OLD, ("new", "row")), True),
    ("other.csv", (("something", "else"), OLD[0]), False),
])  # fmt: skip
def test_a_file_that_was_brought_before_is_known_by_its_name_or_its_rows(
    store: Store, dataset: Dataset, tmp_path: Path, name: str, rows: tuple[tuple[str, str], ...], known: bool
) -> None:
    path = table(tmp_path / name, *rows)
    assert [found.id for found in reimport.made_of(store, sniff(path))] == ([dataset.id] if known else [])
