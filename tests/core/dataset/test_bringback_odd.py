"""Workbooks as people really bring them back: titles above, other sheets, other programs, emptied cells."""

from __future__ import annotations

import random
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from openpyxl.worksheet.worksheet import Worksheet
from test_bringback import applied, brought, chat, edited, make, sizes, texts, written

from core.dataset import workbook
from core.dataset.edits import Change, Edits
from core.dataset.examples import Split, Status
from core.dataset.updating import Choice
from core.settings import Settings
from core.store import Store


@pytest.fixture
def store(settings: Settings) -> Iterator[Store]:
    opened = Store.open(settings)
    yield opened
    opened.close()


def six(labels: bool = True) -> list[str]:
    return [chat(f"what is number {n}, and where?", ("refund", "delivery")[n % 2]) for n in range(6)]


def title_above(sheet: Worksheet) -> None:
    sheet.insert_rows(1, 2)
    sheet["C1"] = "Our table, second reading"


def rest_on_another_sheet(sheet: Worksheet) -> None:
    sheet.title = "Mine"
    book: Any = sheet.parent
    book.create_sheet("Read me", 0).append(["How we label", "see the wiki"])


@pytest.mark.parametrize("edit", [title_above, rest_on_another_sheet])
def test_a_title_above_and_another_sheet_are_passed_over(
    store: Store, tmp_path: Path, edit: Callable[[Worksheet], None]
) -> None:
    dataset = make(store, *six())
    path = written(store, dataset, tmp_path)
    book = openpyxl.load_workbook(path)
    sheet = book[workbook.SHEET]
    sheet["C3"] = "asked anew"
    edit(sheet)
    book.save(path)
    found = brought(store, dataset, path)
    assert sizes(found) == {"changed": 1} and found.difference.same == 5
    assert applied(store, dataset, found)[1] == ("asked anew", "delivery")


@pytest.mark.skipif(not shutil.which("soffice"), reason="LibreOffice is not installed")
@pytest.mark.parametrize("ending", ["xlsx", "ods", "xls"])
def test_a_workbook_saved_by_libreoffice_in_any_of_its_formats_comes_back(
    store: Store, tmp_path: Path, ending: str
) -> None:
    dataset = make(store, *six(), chat("=1+1 ?", " 00123 \n_x000D_"))
    path = edited(written(store, dataset, tmp_path), lambda sheet: sheet.__setitem__("C3", "asked anew"))
    command = ["soffice", f"-env:UserInstallation=file://{tmp_path}/office", "--headless"]
    command += ["--convert-to", ending, "--outdir", str(tmp_path / "saved"), str(path)]
    subprocess.run(command, check=True, capture_output=True, timeout=120)
    found = brought(store, dataset, tmp_path / "saved" / f"{path.stem}.{ending}")
    assert sizes(found) == {"changed": 1} and found.difference.same == 6


def test_what_was_sorted_without_its_ids_is_not_called_deleted(store: Store, tmp_path: Path) -> None:
    dataset = make(store, *(chat(f"{word}?", "yes") for word in ("apples", "pears", "plums", "grapes", "figs")))

    def edit(sheet: Worksheet) -> None:
        asked = [sheet.cell(row, 3).value for row in range(2, 7)]
        random.Random(3).shuffle(asked)
        for row, question in enumerate(asked, start=2):
            sheet.cell(row, 3).value = question
        sheet["C4"] = "Something else altogether 12345"

    found = brought(store, dataset, edited(written(store, dataset, tmp_path), edit))
    assert sizes(found) == {"new": 1, "gone": 1} and not found.notes


@pytest.mark.parametrize("cell", ["C3", "D3", "E3"])
def test_an_emptied_question_or_answer_is_looked_at_twice(store: Store, tmp_path: Path, cell: str) -> None:
    dataset = make(store, *six())
    before = texts(store, dataset)
    found = brought(store, dataset, edited(written(store, dataset, tmp_path), lambda s: s.__setitem__(cell, None)))
    assert sizes(found) == {"doubtful": 1} and "empty" in str(*found.notes.values())
    assert applied(store, dataset, found, Choice()) == before


def test_a_label_of_its_own_may_be_emptied(store: Store, tmp_path: Path) -> None:
    dataset = make(store, chat("q1", "a long answer"), chat("q2", "another one"), labels=False)
    for row in list(store.examples(dataset.id)):
        store.apply(dataset.id, Edits(changed=[Change(row.id, 1, {"label": "kind"})]), "bob")
    found = brought(store, dataset, edited(written(store, dataset, tmp_path), lambda s: s.__setitem__("E2", None)))
    assert sizes(found) == {"changed": 1}


@pytest.mark.parametrize("cell", ["D3", "E3"])
def test_a_class_changed_as_label_or_as_answer_is_shown_as_both(store: Store, tmp_path: Path, cell: str) -> None:
    dataset = make(store, *six())
    path = edited(written(store, dataset, tmp_path), lambda sheet: sheet.__setitem__(cell, "refund"))
    found = brought(store, dataset, path)
    (change,) = found.difference.changed
    assert [(field.name, field.new) for field in change.fields] == [("assistant", "refund"), ("label", "refund")]
    applied(store, dataset, found)
    again = brought(store, dataset, path)
    assert not again.difference and (again.difference.same, again.difference.kept) == (6, 0)


def test_a_new_row_keeps_its_status(store: Store, tmp_path: Path) -> None:
    dataset = make(store, *six())

    def edit(sheet: Worksheet) -> None:
        sheet.append([None, None, "A new one?", "refund", "refund", "Test", "Needs work"])
        sheet.append([cell.value for cell in sheet[2]])
        sheet["C9"], sheet["G9"] = "A copied one?", "Approved"

    path = edited(written(store, dataset, tmp_path), edit)
    applied(store, dataset, brought(store, dataset, path))
    assert [(row.split, row.status) for row in store.examples(dataset.id)][-2:] == [
        (Split.TEST, Status.NEEDS_WORK), (Split.TRAIN, Status.APPROVED)
    ]  # fmt: skip
    assert not brought(store, dataset, path).difference
