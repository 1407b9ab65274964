"""Rows that were left out, on the import page: corrected in place, repaired, added, taken back."""

from __future__ import annotations

from pagedriver import HOSTILE, Open
from test_data_bring import BRING, keep, work_off

from core import tasks
from core.settings import Settings
from core.store import Store
from core.store.tasks import Task

GOOD = '{"messages": [{"role": "user", "content": "%s"}, {"role": "assistant", "content": "ok"}]}'


def imported(store: Store, settings: Settings, content: str, name: str) -> str:
    token = keep(settings, content, name)
    wanted = {"path": str(settings.folder("uploads") / token), "name": "T"}
    task: Task = tasks.enqueue(store, settings, "import", name, wanted)
    work_off(store, settings)
    return task.id


def test_lines_are_repaired_one_by_one_or_all_and_can_be_undone(
    store: Store, settings: Settings, open_page: Open
) -> None:
    lines = [GOOD % "1", (GOOD % "2")[:-2], (GOOD % HOSTILE)[:-2] + ", // " + HOSTILE, (GOOD % "4").replace('"', "'")]
    page = open_page(BRING, task=imported(store, settings, "\n".join([*lines, GOOD % "5"]), "t.jsonl"))
    assert page.says("3 rows left out")
    assert page.says("Row 2") and page.says("Row 3") and page.says("This repair drops")
    page.click("Accept all 2 repairs")
    assert page.says("2 rows were added at their place.") and page.says("1 row left out")
    dataset = store.datasets()[0]
    assert dataset.rows == 4
    assert {entry.who for entry in store.history(dataset.id)} == {"test@example.com"}
    page.click("Undo")
    assert store.count_rejects(dataset.id) == 3
    page.click("Accept this repair")
    assert store.count_rejects(dataset.id) == 2


def test_a_line_is_corrected_by_hand_and_stays_with_its_new_reason(
    store: Store, settings: Settings, open_page: Open
) -> None:
    page = open_page(BRING, task=imported(store, settings, f"{GOOD % 1}\nhello\n{GOOD % 3}", "t.jsonl"))
    page.app.text_area[0].set_value('{"text": "x"}')
    page.run().click("Add it")
    assert page.says("0 rows were added, 1 is still wrong") and page.says("The line has no messages")
    page.app.text_area[0].set_value(GOOD % 2)
    page.run().click("Add it")
    assert [example.body["messages"][0]["content"] for example in store.examples(store.datasets()[0].id)] == [
        "1",
        "2",
        "3",
    ]
    assert not page.says("Rows that were left out")


def test_a_table_shows_its_cells_and_the_check_page_has_them_too(
    store: Store, settings: Settings, open_page: Open
) -> None:
    task = imported(store, settings, "text,label\na,x\nlonely\nb,y\n", "t.csv")
    page = open_page(BRING, task=task)
    assert page.says("Correct what is wrong and add them")
    frame = page.app.dataframe[0].value
    assert frame[["0", "1"]].to_dict("records") == [{"0": "lonely", "1": ""}]
    checked = open_page("pages/data/check.py", dataset=str(store.datasets()[0].id))
    assert any("1 row was left out" in folded.label for folded in checked.app.expander)


def test_the_columns_that_are_used_stand_first(store: Store, settings: Settings, open_page: Open) -> None:
    table = "id,date,note,question,category\n1,May,,How?,a\n2,May,,Why?,\n3,May,,When?,b\n"
    page = open_page(BRING, task=imported(store, settings, table, "t.csv"))
    row = page.app.dataframe[0].value.iloc[0]
    assert [str(row[str(n)]) for n in range(5)] == ["Why?", "", "2", "May", ""]
