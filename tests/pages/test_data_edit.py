"""Editing: what was typed is written before anything else happens, refused edits show both texts, nothing is lost."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from pagedriver import HOSTILE, Open, Page, plain

from core.dataset.edits import Change, Edits
from core.dataset.examples import Draft, Example, Kind, Split, Status, answer_text, dump, user_text
from core.store import Dataset, Store, searching
from pages.parts import clashes
from pages.parts.snapshot import Clash

EDIT = "pages/data/edit.py"


def chat(question: str, answer: str, *, system: str = "", turns: int = 1) -> Draft:
    messages = [{"role": "system", "content": system}] if system else []
    for turn in range(turns):
        messages += [{"role": "user", "content": f"{question}{turn or ''}"}, {"role": "assistant", "content": answer}]
    return Draft(dump({"messages": messages}), Kind.CHAT)


def fill(store: Store, drafts: list[Draft], name: str = "Mail") -> Dataset:
    dataset = store.create_dataset(name, Kind.CHAT)
    store.add_drafts(dataset.id, drafts)
    return store.finish_import(dataset.id)


@pytest.fixture
def dataset(store: Store) -> Iterator[Dataset]:
    yield fill(store, [chat(f"Question {n}", ("yes", "no")[n % 2]) for n in range(130)])


def rows(store: Store, dataset: Dataset) -> list[Example]:
    return list(store.examples(dataset.id))


def typed(page: Page, cells: dict[int, dict[str, Any]]) -> Page:
    """Type into the grid: row position -> column -> value (AppTest calls no callback of an editor; the page does)."""
    grid = page.app.session_state["grid"].key
    page.app.session_state[grid] = {"edited_rows": cells, "added_rows": [], "deleted_rows": []}
    return page.run()


def shown(page: Page) -> list[str]:
    return list(page.app.session_state["grid"].frame["user"])


def test_without_data_the_page_says_where_to_begin(open_page: Open) -> None:
    page = open_page(EDIT)
    assert page.says("No data here yet") and page.links == ["**Bring data or try a sample**"]


def test_one_page_of_rows_reaches_the_browser(open_page: Open, dataset: Dataset) -> None:
    page = open_page(EDIT)
    assert len(shown(page)) == 100 and page.says("Rows 1 to 100 of 130") and page.says("**Mail** · 130 rows")
    second = open_page(EDIT, page="2", size="100")
    assert shown(second)[0] == "Question 100" and second.says("Rows 101 to 130 of 130")


def test_a_search_shows_its_first_rows_before_it_has_counted_them(
    open_page: Open, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(store, [chat(f"Question {n}", "yes") for n in range(1_500)])
    monkeypatch.setattr(searching, "STEP", 1)  # as if the dataset were much larger
    said: list[str] = []
    look_on = Store.look_on

    def watch(self: Store, *args: Any, **options: Any) -> tuple[int, bool]:
        found = look_on(self, *args, **{**options, "steps": 1})
        said.append(f"{found[0]:,} {found[1]}")
        return found

    monkeypatch.setattr(Store, "look_on", watch)
    page = open_page(EDIT, text="question")
    assert len(shown(page)) == 100 and page.says("Rows 1 to 100 of 1,500")
    assert said[0] == "511 False" and said[-1] == "1,500 True", "counted in steps, after the rows were shown"
    assert open_page(EDIT, text="question", page="15").says("Rows 1,401 to 1,500 of 1,500")


def test_what_is_typed_is_saved_with_its_history_and_can_be_undone(
    open_page: Open, store: Store, dataset: Dataset
) -> None:
    page = typed(open_page(EDIT), {1: {"user": "Typed"}, 3: {"split": "train", "status": "approved"}})
    second, fourth = rows(store, dataset)[1], rows(store, dataset)[3]
    assert user_text(second.body) == "Typed"
    assert (fourth.split, fourth.status) == (Split.TRAIN, Status.APPROVED)
    assert page.says("Saved ") and page.says(" by test@example.com · revision 2")  # whom AppTest logs in
    page.run().run()
    assert len(store.history(dataset.id)) == 2, "the same cells are not written again"
    page.click("Undo")
    assert user_text(rows(store, dataset)[1].body) == "Question 1" and shown(page)[1] == "Question 1"
    page.click("Redo")
    assert shown(page)[1] == "Typed"


def test_what_was_typed_before_leaving_the_page_is_saved(open_page: Open, store: Store, dataset: Dataset) -> None:
    page = open_page(EDIT)
    grid = page.app.session_state["grid"].key
    page.app.session_state[grid] = {"edited_rows": {0: {"user": "Late"}}, "added_rows": [], "deleted_rows": []}
    page.goes_to("pages/data/check.py")
    assert user_text(rows(store, dataset)[0].body) == "Late"


def test_label_and_answer_stay_together_and_the_grid_shows_it(open_page: Open, store: Store, dataset: Dataset) -> None:
    typed(open_page(EDIT), {0: {"assistant": "maybe"}})
    assert rows(store, dataset)[0].label == "maybe"


def test_two_people_on_one_row_nothing_is_overwritten(open_page: Open, store: Store, dataset: Dataset) -> None:
    page = open_page(EDIT)
    row = rows(store, dataset)[0]
    store.apply(dataset.id, Edits(changed=(Change(row.id, row.revision, {"user": "Theirs"}),)), "Grace")
    page = typed(page, {0: {"user": "Mine"}})
    assert user_text(store.example(row.id).body) == "Theirs"
    assert page.says("Grace changed this row") and page.says("Theirs")
    assert page.app.text_area(key=f"clash_{row.id}_user").value == "Mine"
    page.app.text_area(key=f"clash_{row.id}_user").set_value("Both")
    page.click("Use mine")
    assert user_text(store.example(row.id).body) == "Both" and shown(page)[0] == "Both"
    assert not page.says("Grace changed this row")


def test_theirs_can_be_kept(open_page: Open, store: Store, dataset: Dataset) -> None:
    page = open_page(EDIT)
    row = rows(store, dataset)[0]
    store.apply(dataset.id, Edits(changed=(Change(row.id, row.revision, {"user": "Theirs"}),)), "Grace")
    page = typed(page, {0: {"user": "Mine"}}).click("Keep theirs")
    assert user_text(store.example(row.id).body) == "Theirs" and shown(page)[0] == "Theirs"


def test_an_edit_of_a_row_that_was_deleted_meanwhile_can_bring_it_back(
    open_page: Open, store: Store, dataset: Dataset
) -> None:
    from core.dataset.edits import Removed

    page = open_page(EDIT)
    row = rows(store, dataset)[0]
    store.apply(dataset.id, Edits(removed=(Removed(row.id, row.revision),)), "Grace")
    page = typed(page, {0: {"user": "Mine"}})
    assert page.says("Grace deleted this row")
    page.click("Use mine")
    assert "Mine" in [user_text(example.body) for example in rows(store, dataset)]


def test_what_others_changed_is_shown_when_asked_for(open_page: Open, store: Store, dataset: Dataset) -> None:
    page = open_page(EDIT)
    row = rows(store, dataset)[0]
    store.apply(dataset.id, Edits(changed=(Change(row.id, row.revision, {"user": "Theirs"}),)), "Grace")
    page.run()
    assert shown(page)[0] == "Question 0"
    assert shown(page.click("Changed by others: show it"))[0] == "Theirs"


def test_ticked_rows_are_deleted_and_come_back(open_page: Open, store: Store, dataset: Dataset) -> None:
    page = typed(open_page(EDIT), {0: {"picked": True}, 2: {"picked": True}}).click("Delete 2 ticked")
    assert store.dataset(dataset.id).rows == 128 and shown(page)[:2] == ["Question 1", "Question 3"]
    assert store.dataset(dataset.id).rows == 128
    page.click("Undo")
    assert shown(page)[:3] == ["Question 0", "Question 1", "Question 2"]


def test_a_row_is_added_below_the_open_one_and_opened(open_page: Open, store: Store, dataset: Dataset) -> None:
    third = rows(store, dataset)[2]
    page = open_page(EDIT, row=str(third.id)).click("Add row")
    assert shown(page)[2:4] == ["Question 2", ""]
    added = rows(store, dataset)[3]
    assert page.app.query_params["row"] == str(added.id)
    assert page.says("The content of a message of the role “user” is empty.")


@pytest.mark.parametrize(
    ("view", "total", "first"),
    [
        ({"text": "question 12"}, 11, "Question 12"),
        ({"label": "no"}, 65, "Question 1"),
        ({"split": "∅"}, 130, "Question 0"),
        ({"split": "train"}, 0, ""),
        ({"sort": "-position"}, 130, "Question 129"),
        ({"over": "5", "status": "∅"}, 130, "Question 0"),
        ({"text": "%", "page": "99"}, 0, ""),
        ({"page": "x", "size": "7", "sort": "drop table", "issue": "nonsense", "over": "-1"}, 130, "Question 0"),
    ],
)
def test_the_url_says_which_rows_are_shown(
    open_page: Open, dataset: Dataset, view: dict[str, str], total: int, first: str
) -> None:
    page = open_page(EDIT, **view)
    snapshot = page.app.session_state["grid"]
    assert snapshot.total == total and (shown(page) or [""])[0] == first
    assert bool(total) != page.says("No row fits these filters.")


def test_an_older_step_is_taken_back_for_itself(open_page: Open, store: Store, dataset: Dataset) -> None:
    first, second = rows(store, dataset)[:2]
    store.apply(dataset.id, Edits([Change(first.id, 1, {"assistant": "mine"})]), f"Bo {HOSTILE}")
    store.assign_splits(dataset.id, {second.id: Split.TEST}, "Bo")
    page = open_page(EDIT)
    assert not page.says("1 row changed")
    page.app.session_state["steps_open"] = True
    page.run()
    assert page.says("1 row changed: Split") and page.says("1 row changed: Text") and not page.unescaped(HOSTILE)
    batch = store.steps(dataset.id)[-1].batch_id
    page.app.button(key=f"step_{batch}").click()
    page.run()
    assert answer_text(store.example(first.id).body) == "yes" and store.example(second.id).split == Split.TEST
    assert page.says("undone") and page.app.button(key=f"step_{batch}").disabled
    page.app.button(key=f"step_row_{batch}").click()
    assert page.run().app.query_params["row"] == str(first.id)


def test_a_filter_behind_the_button_stays_and_is_counted_on_it(open_page: Open, store: Store, dataset: Dataset) -> None:
    store.assign_splits(dataset.id, {row.id: Split.TEST for row in store.examples(dataset.id)}, "Bo")
    page = open_page(EDIT, split="test", sort="tokens")
    page.run()
    box = page.app.selectbox(key="view_split")
    assert box.value == "test" and box.proto.set_value
    assert "More · 2" in [button.proto.popover.label for button in page.app.get("popover")]


def test_filters_are_written_into_the_url_and_can_be_cleared(open_page: Open, dataset: Dataset) -> None:
    page = open_page(EDIT, page="2")
    page.app.text_input(key="view_text").set_value("Question 7")
    page.run()
    assert page.app.query_params["text"] == "Question 7" and "page" not in page.app.query_params
    page.app.selectbox(key="view_label").set_value("no")
    page.run()
    assert page.app.session_state["grid"].total == 6
    page.click("Show all rows in their order")
    assert page.app.session_state["grid"].total == 130 and page.app.text_input(key="view_text").value == ""


def test_the_form_saves_each_field_and_keeps_its_place(open_page: Open, store: Store, dataset: Dataset) -> None:
    row = rows(store, dataset)[0]
    page = open_page(EDIT, row=str(row.id))
    areas = [area for area in page.app.text_area if area.label in ("Question (user)", "Answer (assistant)")]
    keys = [area.key for area in areas]
    areas[0].set_value("Longer\ntext")
    page.run()
    assert user_text(store.example(row.id).body) == "Longer\ntext" and shown(page)[0] == "Longer\ntext"
    page.app.text_area(key=keys[1]).set_value("perhaps")
    page.run()
    stored = store.example(row.id)
    assert (answer_text(stored.body), stored.label, stored.revision) == ("perhaps", "perhaps", 3)
    assert page.app.text_input(key=next(t.key for t in page.app.text_input if t.label == "Label")).value == "perhaps"
    assert [area.key for area in page.app.text_area if area.key in keys] == keys, "the fields are not drawn anew"
    assert page.says("- user: Question 0\n+ user: Longer")


def test_a_conversation_is_built_turn_by_turn(open_page: Open, store: Store) -> None:
    dataset = fill(store, [chat("Hi", "Hello", system="Be short", turns=2)])
    row = rows(store, dataset)[0]
    page = open_page(EDIT, row=str(row.id)).click("Add a turn")
    assert [m["role"] for m in store.example(row.id).body["messages"]][-1] == "user"
    ups = [button for button in page.app.button if str(button.key).endswith("_up")]
    ups[-1].click()
    page.run()
    assert [m["role"] for m in store.example(row.id).body["messages"]][-2:] == ["user", "assistant"]
    removes = [button for button in page.app.button if str(button.key).endswith("_remove")]
    removes[0].click()
    page.run()
    assert [m["role"] for m in store.example(row.id).body["messages"]] == [
        "user", "assistant", "user", "user", "assistant",
    ]  # fmt: skip
    page.click("Undo").click("Undo").click("Undo")
    assert store.example(row.id).raw == row.raw


def test_a_row_can_be_edited_as_json_and_bad_json_is_not_saved(open_page: Open, store: Store, dataset: Dataset) -> None:
    row = rows(store, dataset)[0]
    page = open_page(EDIT, row=str(row.id))
    area = next(area for area in page.app.text_area if area.label == "One JSON object")
    area.set_value('{"messages": [')
    page.run()
    assert "not a JSON object" in page.errors and store.example(row.id).raw == row.raw
    area = next(area for area in page.app.text_area if area.label == "One JSON object")
    area.set_value(row.raw.replace("Question 0", "By hand").replace('"messages"', '"n": 1.50, "messages"'))
    page.run()
    assert not page.errors and '"n":1.50' in store.example(row.id).raw
    assert "By hand" in [area.value for area in page.app.text_area]


def test_a_change_of_two_people_in_the_form_is_told_as_well(open_page: Open, store: Store, dataset: Dataset) -> None:
    row = rows(store, dataset)[0]
    page = open_page(EDIT, row=str(row.id))
    store.apply(dataset.id, Edits(changed=(Change(row.id, row.revision, {"user": "Theirs"}),)), "Grace")
    next(area for area in page.app.text_area if area.label == "Question (user)").set_value("Mine")
    page.run()
    assert user_text(store.example(row.id).body) == "Theirs" and page.says("Grace changed this row")
    page.click("Use mine")
    assert user_text(store.example(row.id).body) == "Mine"


def test_a_row_that_is_gone_or_elsewhere_opens_no_form(open_page: Open, store: Store, dataset: Dataset) -> None:
    other = fill(store, [chat("Other", "yes")], "Other")
    assert open_page(EDIT, row="999999", dataset=str(dataset.id)).says("This row was deleted.")
    foreign = rows(store, other)[0]
    assert open_page(EDIT, row=str(foreign.id), dataset=str(dataset.id)).says("This row belongs to another dataset.")


def test_what_stands_in_rows_is_shown_as_text(open_page: Open, store: Store) -> None:
    dataset = fill(store, [chat(HOSTILE, f"{HOSTILE}{n % 2}", system=HOSTILE) for n in range(12)], HOSTILE)
    row = rows(store, dataset)[0]
    store.apply(dataset.id, Edits(changed=(Change(row.id, row.revision, {"label": HOSTILE}),)), HOSTILE)
    page = open_page(EDIT, row=str(row.id), text=HOSTILE[:12])
    assert page.unescaped(HOSTILE) == []


def test_a_dataset_is_renamed_and_deleted(open_page: Open, store: Store, dataset: Dataset) -> None:
    page = open_page(EDIT)
    page.app.text_input(key=f"rename_{dataset.id}").set_value("Letters")
    page.run()
    assert store.dataset(dataset.id).name == "Letters"
    page.app.checkbox(key=f"delete_sure_{dataset.id}").check()
    page.run().click("Delete dataset")
    assert store.datasets() == [] and page.says("No data here yet")
    assert [plain(note.value) for note in page.app.toast] == ["“Letters” was deleted."]


def test_my_side_of_a_deletion_deletes_what_they_changed(store: Store, dataset: Dataset) -> None:
    row = rows(store, dataset)[0]
    edits = clashes.settling(Clash(row.id, {}, row, row, "Grace", None), {})
    assert [(removed.example_id, removed.revision) for removed in edits.removed] == [(row.id, row.revision)]
    assert not clashes.settling(Clash(row.id, {}, None, None, "Grace", None), {})
