"""A workbook brought back, and a file that was here before: seen row by row, chosen, applied, undone."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from pagedriver import HOSTILE, Open, Page

from core.dataset import importing, updating, workbook
from core.dataset.edits import Applied, Change, Edits, Problem
from core.dataset.examples import Split, answer_text, user_text
from core.settings import Settings
from core.store import Dataset, Store
from core.tasks.handlers import HANDLERS
from core.tasks.work import Work
from core.words import T
from pages.parts import differing, refusals, uploads

BRING, EDIT, EXPORT = "pages/data/bring.py", "pages/data/edit.py", "pages/data/export.py"
OLD = "question,answer\nWhere is it?,Here\nWhy is it so?,Because\nWhen does it come?,Soon\n"


@pytest.fixture
def dataset(store: Store, tmp_path: Path) -> Dataset:
    (tmp_path / "t.csv").write_text(OLD)
    return importing.import_file(store, tmp_path / "t.csv", name="Desk")


def upload(settings: Settings, data: bytes, name: str) -> str:
    return uploads.keep_all(settings, [(io.BytesIO(data), name)]).token


def edited(store: Store, dataset: Dataset, folder: Path, edit: Callable[[Any], Any]) -> bytes:
    path = folder / "w.xlsx"
    workbook.write(path, store.dataset(dataset.id), store.examples(dataset.id), [])
    book = openpyxl.load_workbook(path)
    edit(book[workbook.SHEET])
    book.save(path)
    return path.read_bytes()


def rows(store: Store, dataset: Dataset) -> list[tuple[str, str]]:
    return [(user_text(row.body), answer_text(row.body)) for row in store.examples(dataset.id)]


def tick(page: Page, label: str, place: int = 0) -> Page:
    found = [box for box in page.app.checkbox if box.label.replace("\\", "") == label]
    found[place].set_value(not found[place].value)
    return page.run()


def test_a_workbook_dropped_at_bring_data_shows_its_difference_and_is_applied_and_undone(
    open_page: Open, store: Store, settings: Settings, dataset: Dataset, tmp_path: Path
) -> None:
    def edit(sheet: Any) -> None:
        sheet["D2"] = "Over there"
        sheet["C3"] = f"Why? {HOSTILE}"
        sheet.delete_rows(4)
        sheet["C4"], sheet["D4"], sheet["E4"], sheet["F4"] = "How?", "So", "manner", "Test"

    page = open_page(BRING, file=upload(settings, edited(store, dataset, tmp_path, edit), "Desk (to edit).xlsx"))
    assert page.says("compared with “Desk”") and page.says("2 changed · 1 added") and page.says("0 rows are the same.")
    assert page.says("Over there") and not page.unescaped(HOSTILE)
    before = rows(store, dataset)
    page.app.segmented_control[0].set_value("new")
    assert page.run().says("Label: manner · Split: Test")
    page.click("Apply")
    assert [answer for _question, answer in rows(store, dataset)] == ["Over there", "Because", "So", "Soon"]
    assert page.says("3 rows of Desk are as you chose.") and page.says("Nothing is ticked")  # the gone row stayed
    tick(page, "Delete this row")
    page.click("Apply")
    assert len(rows(store, dataset)) == 3 and page.says("Nothing differs")
    page.click("Undo")
    store.undo(dataset.id, "Ada")
    assert rows(store, dataset) == before


def test_rows_changed_in_both_places_wait_for_a_choice(
    open_page: Open, store: Store, settings: Settings, dataset: Dataset, tmp_path: Path
) -> None:
    data = edited(store, dataset, tmp_path, lambda sheet: sheet.__setitem__("D2", "Theirs"))
    row = next(store.examples(dataset.id))
    store.apply(dataset.id, Edits(changed=[Change(row.id, 1, {"assistant": "Mine"})]), "Bob")
    page = open_page(BRING, file=upload(settings, data, "w.xlsx"))
    assert page.says("Changed in both · 1") and page.says("Mine") and page.says("Nothing is ticked")
    tick(page, "All 1")
    assert page.says("1 changed")
    page.click("Apply")
    assert rows(store, dataset)[0][1] == "Theirs"


def test_what_a_locked_test_set_refuses_is_said_where_it_was_applied(
    open_page: Open, store: Store, settings: Settings, dataset: Dataset, tmp_path: Path
) -> None:
    row = next(store.examples(dataset.id))
    store.assign_splits(dataset.id, {row.id: Split.TEST}, "Bob")
    store.splits.set_lock(dataset.id, True, "Bob")
    data = edited(store, dataset, tmp_path, lambda sheet: sheet.__setitem__("F2", "Train"))
    page = open_page(BRING, file=upload(settings, data, "w.xlsx")).click("Apply")
    assert "1 row of the locked test set was left as it is" in page.errors
    assert store.example(row.id).split == Split.TEST


def test_a_single_row_can_be_left_out(
    open_page: Open, store: Store, settings: Settings, dataset: Dataset, tmp_path: Path
) -> None:
    def edit(sheet: Any) -> None:
        sheet["D2"], sheet["D3"] = "One", "Two"

    page = open_page(BRING, file=upload(settings, edited(store, dataset, tmp_path, edit), "w.xlsx"))
    tick(page, "Take over row 3 of the file")
    assert page.says("1 changed")
    page.click("Apply")
    assert [answer for _question, answer in rows(store, dataset)] == ["One", "Because", "Soon"]


def test_a_file_that_was_here_before_is_asked_about(
    open_page: Open, store: Store, settings: Settings, dataset: Dataset
) -> None:
    token = upload(settings, OLD.replace("Soon", "Tomorrow").encode(), "t.csv")
    page = open_page(BRING, file=token)
    assert page.says("was here before")
    page.click("See what has changed")
    assert page.says("1 changed") and page.says("2 rows are the same.")
    assert page.says("When does it come?"), "the question that the answer belongs to"
    assert page.says("Answer (assistant)") and not page.says("assistant:") and not page.says("Label")
    page.click("Apply")
    assert rows(store, dataset)[2] == ("When does it come?", "Tomorrow") and page.says("Nothing differs")


def test_it_can_become_a_dataset_of_its_own_all_the_same(
    open_page: Open, store: Store, settings: Settings, dataset: Dataset
) -> None:
    page = open_page(BRING, file=upload(settings, OLD.encode(), "t.csv"))
    page.click("Import as a new dataset")
    assert [button.label for button in page.app.button].count("Import") == 1
    page = open_page(BRING, file=upload(settings, b"a,b\n1,2\n3,4\n", "other.csv"))
    assert not page.says("was here before")


def test_rows_that_cannot_be_taken_are_listed(
    open_page: Open, store: Store, settings: Settings, dataset: Dataset
) -> None:
    page = open_page(BRING, file=upload(settings, (OLD + "Empty?,\n").encode(), "t.csv"))
    page.click("See what has changed")
    assert [box.label for box in page.app.expander] == ["1 row or cell cannot be taken"]


def test_many_rows_are_applied_by_the_worker(
    open_page: Open, store: Store, settings: Settings, dataset: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(differing, "AT_ONCE", 0)
    page = open_page(BRING, file=upload(settings, OLD.replace("Soon", "Tomorrow").encode(), "t.csv"))
    page.click("See what has changed").click("Apply")
    (task,) = store.tasks.active()
    assert page.says("Applying the changes to Desk")
    begun = store.tasks.begin(task.id)
    assert begun is not None
    result = HANDLERS["update"].steps[0](Work(store, settings, begun, lambda: None))
    store.tasks.finish(task.id, "succeeded", result=result or {})
    assert page.run().says("1 row of Desk is as you chose.") and page.says("Nothing differs")
    page.click("Undo")
    assert rows(store, dataset)[2][1] == "Soon"


def test_the_export_page_makes_the_workbook_and_takes_it_back(
    open_page: Open, settings: Settings, dataset: Dataset
) -> None:
    page = open_page(EXPORT)
    page.app.segmented_control(key="export_kind").set_value("edit.xlsx")
    page.run()
    (made,) = settings.folder("exports").glob("*.edit.xlsx")
    mark = workbook.read_mark(made, made.name)
    assert mark is not None and mark.dataset_id == dataset.id
    assert [element.proto.label for element in page.app.get("file_uploader")] == [
        "Edited it? Bring the workbook back here"
    ]


def test_what_the_worker_could_not_write_is_said_after_a_reload_too(
    open_page: Open, store: Store, settings: Settings, dataset: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(differing, "AT_ONCE", 0)
    row = next(store.examples(dataset.id))
    store.assign_splits(dataset.id, {row.id: Split.TEST}, "Bob")
    store.splits.set_lock(dataset.id, True, "Bob")
    token = upload(settings, edited(store, dataset, tmp_path, lambda sheet: sheet.__setitem__("F2", "Train")), "w.xlsx")
    page = open_page(BRING, file=token).click("Apply")
    begun = store.tasks.begin(store.tasks.active()[0].id)
    assert begun is not None
    result = HANDLERS["update"].steps[0](Work(store, settings, begun, lambda: None))
    store.tasks.finish(begun.id, "succeeded", result=result or {})
    assert "1 row of the locked test set was left as it is" in page.run().errors
    assert "1 row of the locked test set was left as it is" in page.run().errors, "until something else is done"
    assert "1 row of the locked test set was left as it is" in open_page(BRING, file=token).errors


def test_many_refusals_are_a_table_and_a_file(open_page: Open, store: Store, dataset: Dataset) -> None:
    ids = [row.id for row in store.examples(dataset.id)]
    applied = Applied(problems=tuple(Problem(row, T("No {what}.", what=HOSTILE)) for row in (*ids, *[0] * 2_500)))
    page = open_page(EDIT, dataset=str(dataset.id))
    page.app.session_state["problems"] = updating.refused({"refused": updating.refusals(applied)})
    page.run()
    assert page.errors == "2,503 rows were left as they were." and page.says("The first 200 of 2,503")
    table = next(each.value for each in page.app.dataframe if "Why" in each.value)
    assert len(table) == 200 and list(table["Question"][:2]) == ["Where is it?", "Why is it so?"]
    assert not page.unescaped(HOSTILE) and "Download the list" in [
        button.proto.label for button in page.app.get("download_button")
    ]


def test_the_file_of_refusals_has_every_row(open_page: Open, store: Store, dataset: Dataset) -> None:
    open_page(EDIT, dataset=str(dataset.id))
    ids = [row.id for row in store.examples(dataset.id)]
    made = refusals._file(dataset.id, [(row, T("=1+1")) for row in (*ids, 0)]).decode("utf-8-sig")
    listed = list(csv.reader(io.StringIO(made)))
    assert listed[0] == ["Row", "Question", "Why"] and len(listed) == len(ids) + 2
    assert listed[1] == [str(ids[0]), rows(store, dataset)[0][0], "'=1+1"] and listed[-1][0] == "–"


def test_many_rows_that_cannot_be_read_can_be_downloaded(
    open_page: Open, store: Store, settings: Settings, dataset: Dataset
) -> None:
    page = open_page(BRING, file=upload(settings, (OLD + "Empty?,\n" * 300).encode(), "t.csv"))
    page.click("See what has changed")
    assert page.app.expander[0].label == "300 rows or cells cannot be taken" and page.says("The first 200 of 300")
    assert "Download the list" in [button.proto.label for button in page.app.get("download_button")]
