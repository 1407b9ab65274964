"""The round trip through Excel: exported, edited by another program, brought back, compared, applied, undone."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from hypothesis import given
from hypothesis import settings as tried
from hypothesis import strategies as st
from openpyxl.worksheet.worksheet import Worksheet

from core import words
from core.dataset import bringback, exceltraces, updating, workbook
from core.dataset.edits import Change, Edits, Removed
from core.dataset.examples import Draft, Kind, Split, answer_text, dump, user_text
from core.dataset.updating import Brought, Choice
from core.errors import BadInput
from core.settings import Settings
from core.store import Dataset, Store

ALL = Choice(dict.fromkeys(updating.GROUPS, True))
A, B, C, D, E, F, G = "ABCDEFG"


def chat(*contents: str, system: str = "", **more: object) -> str:
    roles = ["user", "assistant"] * 9
    said = [{"role": "system", "content": system}] if system else []
    return dump(
        {"messages": [*said, *({"role": r, "content": c} for r, c in zip(roles, contents, strict=False))], **more}
    )


def make(store: Store, *raws: str, kind: Kind = Kind.CHAT, labels: bool = True) -> Dataset:
    dataset = store.create_dataset("Desk", kind)
    drafts = [Draft(raw, kind, answer_text(json.loads(raw)) if labels else "", Split.TRAIN) for raw in raws]
    store.add_drafts(dataset.id, drafts)
    return store.finish_import(dataset.id)


def written(store: Store, dataset: Dataset, folder: Path) -> Path:
    path = folder / "Desk to edit.xlsx"
    workbook.write(path, store.dataset(dataset.id), store.examples(dataset.id), list(store.label_counts(dataset.id)))
    return path


def edited(path: Path, edit: Callable[[Worksheet], Any]) -> Path:
    """What Excel would do: open, change cells, save."""
    book = openpyxl.load_workbook(path)
    edit(book[workbook.SHEET])
    book.save(path)
    return path


def brought(store: Store, dataset: Dataset, path: Path) -> Brought:
    mark = workbook.read_mark(path, path.name)
    assert mark is not None
    return bringback.compare_workbook(store, store.dataset(dataset.id), path, path.name, mark)


def applied(store: Store, dataset: Dataset, found: Brought, choice: Choice = ALL) -> list[tuple[str, str]]:
    updating.apply(store, dataset.id, found, choice, "ann")
    return texts(store, dataset)


def texts(store: Store, dataset: Dataset) -> list[tuple[str, str]]:
    return [(user_text(row.body), answer_text(row.body)) for row in store.examples(dataset.id)]


def sizes(found: Brought) -> dict[str, int]:
    return {name: len(entries) for name, entries in found.groups().items() if entries}


THREE = [chat("q1", "yes"), chat("q2", "no"), chat("q3", "yes")]


def test_a_workbook_that_nobody_touched_is_no_difference(store: Store, tmp_path: Path) -> None:
    dataset = make(store, *THREE, chat("=1+1", "00123"), chat(" x\r\ny ", "_x000D_"))
    found = brought(store, dataset, written(store, dataset, tmp_path))
    assert not found.difference and found.difference.same == 5 and not found.problems


def test_changed_new_and_gone_rows_are_one_step_that_can_be_undone(store: Store, tmp_path: Path) -> None:
    dataset = make(store, *THREE)
    before = texts(store, dataset)

    def edit(sheet: Worksheet) -> None:
        sheet["D2"] = "maybe"
        sheet.delete_rows(4)
        sheet.insert_rows(3)
        sheet["C3"], sheet["D3"], sheet["E3"] = "q new", "yes", "yes"

    path = edited(written(store, dataset, tmp_path), edit)
    found = brought(store, dataset, path)
    assert sizes(found) == {"changed": 1, "new": 1, "gone": 1}
    assert applied(store, dataset, found) == [("q1", "maybe"), ("q new", "yes"), ("q2", "no")]
    assert [row.label for row in store.examples(dataset.id)] == ["maybe", "yes", "no"]
    again = brought(store, dataset, path)
    assert not again.difference and again.difference.same + again.difference.kept == 3  # nothing is added twice
    store.undo(dataset.id, "ann")
    assert texts(store, dataset) == before and not store.can_undo(dataset.id)


def test_what_is_gone_stays_unless_it_is_chosen(store: Store, tmp_path: Path) -> None:
    dataset = make(store, *THREE)
    found = brought(store, dataset, edited(written(store, dataset, tmp_path), lambda sheet: sheet.delete_rows(2)))
    assert applied(store, dataset, found, Choice()) == texts(store, dataset) and store.dataset(dataset.id).rows == 3
    assert applied(store, dataset, found, Choice(but=frozenset({"g1"}))) == [("q2", "no"), ("q3", "yes")]


def test_rows_may_be_sorted_and_columns_moved_or_deleted(store: Store, tmp_path: Path) -> None:
    dataset = make(store, *THREE)

    def edit(sheet: Worksheet) -> None:
        rows = [[cell.value for cell in row] for row in sheet.iter_rows()]
        sheet.delete_rows(1, sheet.max_row)
        for row in [rows[0], *reversed(rows[1:])]:
            sheet.append([row[4], row[2], row[0]])  # label, question, id
        sheet["A4"] = "no"

    found = brought(store, dataset, edited(written(store, dataset, tmp_path), edit))
    assert sizes(found) == {"changed": 1}
    assert applied(store, dataset, found) == [("q1", "no"), ("q2", "no"), ("q3", "yes")]  # the label is the answer


def test_a_row_changed_in_both_places_shows_both_texts_and_stays_unless_chosen(store: Store, tmp_path: Path) -> None:
    dataset = make(store, *THREE, labels=False)
    path = written(store, dataset, tmp_path)
    first, second, third = store.examples(dataset.id)
    store.apply(dataset.id, Edits(changed=[Change(first.id, 1, {"assistant": "mine"})]), "bob")
    store.apply(dataset.id, Edits(changed=[Change(second.id, 1, {"assistant": "only mine"})]), "bob")
    store.apply(dataset.id, Edits(removed=[Removed(third.id, 1)]), "bob")

    def edit(sheet: Worksheet) -> None:
        sheet["D2"] = "theirs"
        sheet["C4"] = "q3, edited"

    found = brought(store, dataset, edited(path, edit))
    assert sizes(found) == {"clash": 1, "doubtful": 1} and found.difference.kept == 1
    (clash,) = found.difference.changed
    assert [(f.name, f.old, f.new, f.clash) for f in clash.fields] == [("assistant", "mine", "theirs", True)]
    assert "deleted here" in str(next(iter(found.notes.values())))
    assert not updating.apply(store, dataset.id, found, Choice(), "ann").batch_id
    assert applied(store, dataset, found) == [("q1", "theirs"), ("q2", "only mine"), ("q3, edited", "yes")]


def test_fields_edited_on_different_sides_both_stay(store: Store, tmp_path: Path) -> None:
    dataset = make(store, *THREE, labels=False)
    path = written(store, dataset, tmp_path)
    row = next(store.examples(dataset.id))
    store.apply(dataset.id, Edits(changed=[Change(row.id, 1, {"user": "q1 better", "split": "test"})]), "bob")
    found = brought(store, dataset, edited(path, lambda sheet: sheet.__setitem__("D2", "maybe")))
    assert sizes(found) == {"changed": 1}
    assert applied(store, dataset, found)[0] == ("q1 better", "maybe")
    assert store.example(row.id).split == Split.TEST


def test_a_row_gone_from_the_workbook_but_edited_here_is_looked_at_twice(store: Store, tmp_path: Path) -> None:
    dataset = make(store, *THREE)
    path = written(store, dataset, tmp_path)
    row = next(store.examples(dataset.id))
    store.apply(dataset.id, Edits(changed=[Change(row.id, 1, {"user": "q1 better"})]), "bob")
    assert sizes(brought(store, dataset, edited(path, lambda sheet: sheet.delete_rows(2, 2)))) == {
        "gone": 1,
        "doubtful": 1,
    }


def test_a_difference_that_is_no_longer_true_is_not_applied(store: Store, tmp_path: Path) -> None:
    dataset = make(store, *THREE)
    found = brought(store, dataset, edited(written(store, dataset, tmp_path), lambda sheet: sheet.delete_rows(2)))
    row = next(store.examples(dataset.id))
    store.apply(dataset.id, Edits(changed=[Change(row.id, 1, {"user": "q1 better"})]), "bob")
    with pytest.raises(BadInput, match="edited while you were looking"):
        updating.apply(store, dataset.id, found, ALL, "ann")


def test_a_text_too_long_for_excel_is_shown_by_its_beginning_and_survives(store: Store, tmp_path: Path) -> None:
    dataset = make(store, chat("x" * 40_000, "yes"), chat("q2", "no"))
    path = written(store, dataset, tmp_path)
    sheet = openpyxl.load_workbook(path)[workbook.SHEET]
    assert str(sheet["C2"].value).startswith("⟦40,000⟧ xxx") and "Too long for Excel" in str(sheet["I2"].value)
    assert not brought(store, dataset, path).difference
    found = brought(
        store, dataset, edited(path, lambda sheet: (sheet.__setitem__("C2", "z"), sheet.__setitem__("D2", "no")))
    )
    assert [(p.row, p.column) for p in found.problems] == [(2, "Question (user)")]
    assert applied(store, dataset, found)[0] == ("x" * 40_000, "no")


def test_earlier_turns_and_tool_calls_are_only_to_read_and_survive(store: Store, tmp_path: Path) -> None:
    call = {
        "role": "assistant",
        "content": None,
        "tool_calls": [{"id": "1", "type": "function", "function": {"name": "f"}}],
    }
    tools = dump({"messages": [{"role": "user", "content": "weather?"}, call], "tools": []})
    dataset = make(store, chat("one", "two", "three", "four", system="be kind", weight=1), tools, labels=False)
    path = written(store, dataset, tmp_path)
    sheet = openpyxl.load_workbook(path)[workbook.SHEET]
    assert [sheet.cell(2, place).value for place in (2, 3, 4, 8)] == [
        "be kind",
        "three",
        "four",
        "user: one\nassistant: two",
    ]
    assert "edit it in Luopan: Answer (assistant)" in str(sheet["I3"].value)

    def edit(sheet: Worksheet) -> None:
        sheet["C2"], sheet["C3"], sheet["D3"] = "3", "rain?", "no"

    found = brought(store, dataset, edited(path, edit))
    assert [(p.row, p.column) for p in found.problems] == [(3, "Answer (assistant)")]
    applied(store, dataset, found)
    first, second = (json.loads(row.raw) for row in store.examples(dataset.id))
    assert [m["content"] for m in first["messages"]] == ["be kind", "one", "two", "3", "four"] and first["weight"] == 1
    assert second["messages"] == [{"role": "user", "content": "rain?"}, call]


def test_a_copied_row_is_new_and_keeps_what_the_workbook_does_not_show(store: Store, tmp_path: Path) -> None:
    dataset = make(store, chat("one", "two", "three", "four"), chat("q2", "no"), labels=False)

    def edit(sheet: Worksheet) -> None:
        sheet.insert_rows(3)
        for place in range(1, 10):
            sheet.cell(3, place).value = sheet.cell(2, place).value
        sheet["D3"] = "five"

    found = brought(store, dataset, edited(written(store, dataset, tmp_path), edit))
    assert sizes(found) == {"new": 1}
    applied(store, dataset, found)
    assert [m["content"] for m in list(store.examples(dataset.id))[1].body["messages"]] == [
        "one",
        "two",
        "three",
        "five",
    ]


def test_words_of_the_drop_downs_come_back_in_the_language_they_were_written_in(store: Store, tmp_path: Path) -> None:
    dataset = make(store, *THREE)
    words.use("zh_CN")
    path = written(store, dataset, tmp_path)
    words.use("en")
    mark = workbook.read_mark(path, path.name)
    assert mark is not None
    spoken = {value: word for word, value in mark.values["split"].items()}

    def edit(sheet: Worksheet) -> None:
        sheet["F2"], sheet["F3"], sheet["F4"] = spoken["validation"], "", "elsewhere"

    found = brought(store, dataset, edited(path, edit))
    assert [(problem.row, problem.seen) for problem in found.problems] == [(4, "elsewhere")]
    applied(store, dataset, found)
    assert [row.split for row in store.examples(dataset.id)] == [Split.VALIDATION, Split.NONE, Split.TRAIN]


def test_new_rows_without_question_or_answer_are_told(store: Store, tmp_path: Path) -> None:
    dataset = make(store, chat("q1", "long answer 1"), chat("q2", "long answer 2"), labels=False)

    def edit(sheet: Worksheet) -> None:
        sheet["C9"], sheet["D10"] = "only asked", "only answered"

    found = brought(store, dataset, edited(written(store, dataset, tmp_path), edit))
    assert not found.difference and [(p.row, p.column) for p in found.problems] == [
        (9, "Answer (assistant)"),
        (10, "Question (user)"),
    ]


@pytest.mark.parametrize("cell", ["D9", "E9"])
def test_a_new_row_of_classes_may_name_its_answer_or_its_label_only(store: Store, tmp_path: Path, cell: str) -> None:
    dataset = make(store, *THREE, chat("q4", "no"))

    def edit(sheet: Worksheet) -> None:
        sheet["C9"], sheet[cell] = "q9", "yes"

    path = edited(written(store, dataset, tmp_path), edit)
    assert applied(store, dataset, brought(store, dataset, path))[-1] == ("q9", "yes")
    assert not brought(store, dataset, path).difference


def test_rows_whose_cells_were_emptied_are_gone(store: Store, tmp_path: Path) -> None:
    dataset = make(store, *THREE)

    def edit(sheet: Worksheet) -> None:
        for place in range(2, 10):
            sheet.cell(3, place).value = None

    assert sizes(brought(store, dataset, edited(written(store, dataset, tmp_path), edit))) == {"gone": 1}


def test_completions_and_preferences_travel_too(store: Store, tmp_path: Path) -> None:
    dataset = make(
        store,
        '{"prompt":"p1","completion":" c1"}',
        '{"prompt":"p2","completion":" c2"}',
        kind=Kind.COMPLETION,
        labels=False,
    )
    found = brought(
        store, dataset, edited(written(store, dataset, tmp_path), lambda sheet: sheet.__setitem__("D2", " c3"))
    )
    assert applied(store, dataset, found)[0] == ("p1", " c3")
    better, worse = ([{"role": "assistant", "content": text}] for text in ("good", "bad"))
    raw = dump({"input": {"messages": []}, "preferred_output": better, "non_preferred_output": worse})
    dataset = make(store, raw, raw, kind=Kind.PREFERENCE, labels=False)
    path = edited(written(store, dataset, tmp_path), lambda sheet: sheet.__setitem__("G2", "Approved"))
    found = brought(store, dataset, path)
    assert sizes(found) == {"changed": 1} and not found.problems


def test_the_workbook_is_pleasant_to_work_in(store: Store, tmp_path: Path) -> None:
    dataset = make(store, *THREE)
    book = openpyxl.load_workbook(written(store, dataset, tmp_path))
    sheet, hidden = book[workbook.SHEET], book[workbook.HIDDEN]
    assert sheet.freeze_panes == "A2" and sheet.auto_filter.ref and hidden.sheet_state == "veryHidden"
    assert [sheet.column_dimensions[name].hidden for name in (A, B, C)] == [True, True, False]
    assert sheet["C2"].alignment.wrap_text and sheet["C2"].number_format == "@"
    lists = {str(rule.sqref)[0]: rule.formula1 for rule in sheet.data_validations.dataValidation}
    assert lists[F] == '"Train,Validation,Test"' and lists[E] == "luopan!$A$3:$A$4"
    assert [hidden["A3"].value, hidden["A4"].value] == ["yes", "no"]


def test_a_workbook_of_another_dataset_or_none_of_ours_is_told_apart(store: Store, tmp_path: Path) -> None:
    dataset, other = make(store, *THREE), make(store, *THREE)
    path = written(store, dataset, tmp_path)
    with pytest.raises(BadInput, match="from another dataset: “Desk”"):
        brought(store, other, path)
    book = openpyxl.Workbook()
    book.create_sheet(workbook.HIDDEN)["A2"] = '{"luopan-workbook": 99}'
    book.save(tmp_path / "other.xlsx")
    assert workbook.read_mark(tmp_path / "other.xlsx", "other.xlsx") is None
    with pytest.raises(BadInput, match="no longer names its columns"):
        brought(store, dataset, edited(path, lambda sheet: sheet.delete_rows(1)))


TRACES = [
    ("1-2", "2026-01-02 00:00:00", "a date of “1-2”"),
    ("3/4", "2026-03-04", "a date"),
    ("12:30", "12:30:00", "a date"),
    ("00123", "123", "zeros"),
    ("1.50", "1.5", "a number"),
    ("50%", "0.5", "a number"),
    ("1E5", "100000", "a number"),
    ("12345678901234567", "12345678901234568", "a number"),
    ("true", "TRUE", "truth value"),
    ("=A1", "#NAME?", "a formula"),
    ("- a list", "#NAME?", "a formula"),
    ("text ", "text", "blanks"),
    ("x" * 33_000, "x" * 32_767, "cut"),
    ("1-2", "1-3", ""),
    ("refund", "delivery", ""),
    ("5", "6", ""),
    ("", "2026-01-02", ""),
    ("same", "same", ""),
    ("1_0", "10", ""),
]  # fmt: skip


@pytest.mark.parametrize(("old", "new", "said"), TRACES)
def test_what_excel_did_by_itself_is_recognised(old: str, new: str, said: str) -> None:
    seen = exceltraces.trace(old, new)
    assert (said in str(seen)) if said else seen is None


def test_a_date_that_excel_made_is_looked_at_twice(store: Store, tmp_path: Path) -> None:
    import datetime

    dataset = make(store, chat("which part?", "1-2"), chat("q2", "no"), labels=False)
    found = brought(
        store,
        dataset,
        edited(written(store, dataset, tmp_path), lambda s: s.__setitem__("D2", datetime.datetime(2026, 1, 2))),
    )
    assert sizes(found) == {"doubtful": 1} and "Excel made a date of “1-2”." in [
        str(note) for note in found.notes.values()
    ]
    assert not updating.apply(store, dataset.id, found, Choice(), "ann").batch_id


words_of = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=12)


@tried(max_examples=10)
@given(rows=st.lists(st.tuples(words_of, words_of, words_of), min_size=1, max_size=6))
def test_export_and_bring_back_is_never_a_difference(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[str, str, str]]
) -> None:
    folder = tmp_path_factory.mktemp("trip")
    store = Store.open(Settings.from_env({"LUOPAN_HOME": str(folder)}))
    dataset = make(store, *(chat(user, answer, system=system) for system, user, answer in rows), labels=False)
    found = brought(store, dataset, written(store, dataset, folder))
    store.close()
    assert not found.difference and not found.problems and found.difference.same == len(rows)
