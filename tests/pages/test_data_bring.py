"""Bringing data: files are kept, recognised, mapped on screen and imported; what was left out is listed."""

from __future__ import annotations

import csv
import io
import zipfile
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import openpyxl
import pytest
from pagedriver import HOSTILE, Open, Page

from core.dataset.examples import Kind
from core.dataset.recipes import Recipe
from core.dataset.vocabulary import Role
from core.errors import BadInput
from core.settings import Settings
from core.store import Store
from core.tasks.handlers import HANDLERS
from core.tasks.work import Work
from pages.parts import recipeform, uploads

BRING = "pages/data/bring.py"
TABLE = (
    "System Content,questions,answers,topic\n"
    "Be short,How are you?,Fine,chat\n"
    ",What is 1+1?,2,maths\n"
    ",,nothing asked,chat\n"
    ",What is 2+2?,4,maths\n"
)


def keep(settings: Settings, text: str | bytes, name: str) -> str:
    return uploads.keep(settings, io.BytesIO(text.encode() if isinstance(text, str) else text), name).token


def work_off(store: Store, settings: Settings) -> None:
    """Do the waiting import, as the worker does."""
    for task in store.tasks.active():
        begun = store.tasks.begin(task.id)
        assert begun is not None
        result = HANDLERS["import"].steps[0](Work(store, settings, begun, lambda: None))
        store.tasks.finish(task.id, "succeeded", result=result or {})


def choose(page: Page, column: str, role: str) -> Page:
    box = next(box for box in page.app.selectbox if box.label == f"Role of {column}")
    box.set_value(Role(role))
    return page.run()


@pytest.mark.parametrize("name", ["data.csv", "../../etc/passwd", "a/b\\c\x00.csv", "数据.csv", "x" * 300 + ".csv"])
def test_a_file_is_kept_under_our_own_name(settings: Settings, name: str) -> None:
    kept = uploads.keep(settings, io.BytesIO(b"a,b"), name)
    assert kept.path.parent == settings.folder("uploads") and kept.path.name == kept.token
    found = uploads.find(settings, kept.token)
    assert found is not None and (found.path.read_bytes(), found.name) == (b"a,b", name)


@pytest.mark.parametrize("token", ["", "../secret", "0" * 32, "A" * 32, f"{'a' * 32}.name"])
def test_only_our_own_tokens_find_a_file(settings: Settings, token: str) -> None:
    (settings.folder("uploads") / ("A" * 32)).write_text("x")
    assert uploads.find(settings, token) is None


@pytest.mark.parametrize(
    ("typed", "templated", "fixed"),
    [
        ({Role.USER: "Sort: {text}"}, {Role.USER: "Sort: {text}"}, {}),
        ({Role.SYSTEM: 'Answer as {"label": "x"}'}, {}, {Role.SYSTEM: 'Answer as {"label": "x"}'}),
        ({Role.SYSTEM: "Be short {"}, {}, {Role.SYSTEM: "Be short {"}),
        ({Role.SYSTEM: "About {text}"}, {Role.SYSTEM: "About {text}"}, {}),
        ({Role.USER: "  ", Role.ASSISTANT: "yes"}, {}, {Role.ASSISTANT: "yes"}),
    ],
)
def test_a_typed_text_is_a_template_where_a_column_stands_in_it(
    typed: dict[Role, str], templated: dict[Role, str], fixed: dict[Role, str]
) -> None:
    assert recipeform.parts_of(typed, ("text", "label")) == (templated, fixed)


@pytest.mark.parametrize("typed", [{Role.USER: "Sort {"}, {Role.SYSTEM: "{text} {"}])
def test_a_brace_that_is_alone_is_said(typed: dict[Role, str]) -> None:
    with pytest.raises(BadInput):
        recipeform.parts_of(typed, ("text",))


def test_a_list_of_rejected_rows_brings_no_formula_to_life() -> None:
    reject = SimpleNamespace(file="a.csv", row=3, column="=x", reason="bad", seen="=HYPERLINK(1)")
    rows = list(csv.reader(io.StringIO(recipeform.rejects_csv([reject]).decode("utf-8-sig"))))
    assert rows[1] == ["a.csv", "3", "'=x", "bad", "'=HYPERLINK(1)"]


def test_the_page_offers_a_file_and_samples(open_page: Open) -> None:
    page = open_page(BRING)
    assert len(page.app.get("file_uploader")) == 1
    assert [button.label for button in page.app.button].count("Try it") == 4


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
def test_a_dropped_file_is_mapped_and_previewed(open_page: Open, settings: Settings, encoding: str) -> None:
    page = open_page(BRING)
    page.app.get("file_uploader")[0].upload("qa.csv", TABLE.encode(encoding), "text/csv")
    page.run()
    assert uploads.find(settings, page.app.query_params["file"]) is not None
    assert page.says("qa.csv") and page.says("CSV · UTF-8 · comma · about 4 rows · 4 columns")
    roles = {box.label.removeprefix("Role of "): box.value for box in page.app.selectbox if "Role" in box.label}
    assert roles == {
        "System Content": Role.SYSTEM, "questions": Role.USER, "answers": Role.ASSISTANT, "topic": Role.LABEL,
    }  # fmt: skip
    assert [text.value for text in page.app.get("text")] == ["Be short", "How are you?", "Fine"]
    assert page.says("label: chat")


def test_the_preview_follows_the_mapping_and_a_row_that_would_be_left_out_says_why(
    open_page: Open, settings: Settings
) -> None:
    page = open_page(BRING, file=keep(settings, TABLE, "qa.csv"))
    page.app.text_area[1].set_value("Q: {questions}")
    page.run()
    assert "Q: How are you?" in [text.value for text in page.app.get("text")]
    page.app.number_input(key="preview_row").set_value(3)
    page.run()
    assert page.says("Row 4 would be left out: The user's message is empty.")


def test_an_incomplete_mapping_says_what_is_missing_and_cannot_be_imported(open_page: Open, settings: Settings) -> None:
    page = choose(open_page(BRING, file=keep(settings, TABLE, "qa.csv")), "questions", "ignore")
    assert "No column gives the user's message. Choose one" in page.errors.replace("\n\n", " ")
    assert next(button for button in page.app.button if button.label == "Import").disabled


def test_an_import_is_done_by_the_worker_and_lists_what_was_left_out(
    open_page: Open, store: Store, settings: Settings
) -> None:
    page = open_page(BRING, file=keep(settings, TABLE, "qa.csv")).click("Import")
    assert "file" not in page.app.query_params and page.says("Importing qa")
    again = open_page(BRING, task=page.app.query_params["task"])  # a reload finds it
    assert again.says("You may leave this page: the work goes on.")
    work_off(store, settings)
    page.run()
    assert page.says("3 rows imported, 1 row left out.")
    (frame,) = [frame.value for frame in page.app.dataframe]
    assert list(frame.iloc[0])[:2] == [4, "questions"]
    dataset = store.datasets()[0]
    assert (dataset.name, dataset.rows, dataset.origin) == ("qa", 3, "qa.csv")
    assert "**Check them**" in page.links


def test_classes_can_be_dropped_renamed_and_sampled(open_page: Open, store: Store, settings: Settings) -> None:
    page = open_page(BRING, file=keep(settings, TABLE, "qa.csv"))
    edited = {0: {"keep": False}, 1: {"name": "mathematics"}}
    page.app.session_state["map_1_labels_topic"] = {"edited_rows": edited, "added_rows": [], "deleted_rows": []}
    page.click("Import")
    (task,) = store.tasks.active()
    recipe = Recipe.from_dict(task.args["recipe"])
    counts = ["chat", "maths"]  # the commonest first
    assert recipe.dropped == (counts[0],) and recipe.label_names == {counts[1]: "mathematics"}


def sheets_of(tables: dict[str, list[list[str]]]) -> bytes:
    book, out = openpyxl.Workbook(), io.BytesIO()
    book.remove(book.worksheets[0])
    for name, rows in tables.items():
        sheet = book.create_sheet(name)
        for row in rows:
            sheet.append(row)
    book.save(out)
    return out.getvalue()


def test_all_sheets_with_the_same_columns_can_be_brought_together(
    open_page: Open, store: Store, settings: Settings
) -> None:
    head = ["question", "answer"]
    data = sheets_of(
        {"May": [head, ["a", "b"], ["c", ""]], "June": [head, ["e", "f"], ["g", ""]], "Notes": [["x", "y"], ["1", "2"]]}
    )
    page = open_page(BRING, file=keep(settings, data, "book.xlsx"))
    box = page.app.selectbox(key="source_sheet")
    assert box.options == ["May", "June", "Notes", "All sheets together"]
    box.set_value("*")
    page.run()
    assert page.says("2 sheets · XLSX") and page.says("The sheet Notes has other columns: x, y.")
    page.click("Import")
    work_off(store, settings)
    (dataset,) = store.datasets()
    assert [row.origin.sheet for row in store.examples(dataset.id)] == ["May", "June"]
    assert [left.file for left in store.rejects(dataset.id)] == ["book.xlsx › May", "book.xlsx › June"]


def test_labels_are_counted_though_a_note_lies_beside_the_table_in_the_archive(
    open_page: Open, settings: Settings
) -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("table.csv", "text,label\n" + "a,x\nb,y\n" * 3)
        archive.writestr("logo.png", b"\x89PNG\r\n")
    page = open_page(BRING, file=keep(settings, out.getvalue(), "all.zip"))
    assert page.says("logo.png is a PNG file") and any("(2 labels)" in label for label in formats(page))


def test_sheets_with_other_columns_are_not_offered_together(open_page: Open, settings: Settings) -> None:
    data = sheets_of({"Questions": [["question", "answer"], ["a", "b"]], "Notes": [["x", "y"], ["1", "2"]]})
    page = open_page(BRING, file=keep(settings, data, "book.xlsx"))
    assert page.app.selectbox(key="source_sheet").options == ["Questions", "Notes"]


def formats(page: Page) -> list[str]:
    return [box.label for box in page.app.expander]


def test_prompts_and_completions_keep_their_blanks_unless_the_tick_says_otherwise(
    open_page: Open, store: Store, settings: Settings
) -> None:
    table = 'prompt,completion\n"Tell a story ->"," Once upon a time\n"\n"And another ->"," Once more\n"\n'
    page = open_page(BRING, file=keep(settings, table, "stories.csv"))
    assert page.says("prompts with completions") and "Format: Prompt and completion" in formats(page)
    page.click("Make chats")
    assert page.says("**chats**") and "Format: Chat" in formats(page)
    page.click("Make prompts with completions")
    page.app.segmented_control(key="map_3_kind").set_value(Kind.CHAT)
    page.run()
    assert page.says("**chats**")
    page.app.segmented_control(key="map_3_kind").set_value(Kind.COMPLETION)
    page.run()
    page.click("Import")
    work_off(store, settings)
    lines = [row.raw for row in store.examples(store.datasets()[0].id)]
    assert lines[0] == r'{"prompt":"Tell a story ->","completion":" Once upon a time\n"}'


def test_a_training_file_is_taken_as_it_is(open_page: Open, store: Store, settings: Settings) -> None:
    line = '{"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}], "n": 1.50}\n'
    page = open_page(BRING, file=keep(settings, line * 3, "chat.jsonl"))
    assert page.says("imported byte for byte") and not [box for box in page.app.selectbox if "Role" in box.label]
    page.click("Import")
    work_off(store, settings)
    assert [row.raw for row in store.examples(store.datasets()[0].id)] == [line.strip()] * 3


def test_a_recipe_fills_the_form(open_page: Open, settings: Settings) -> None:
    page = open_page(BRING, file=keep(settings, TABLE, "qa.csv"))
    recipe = Recipe(roles={"questions": Role.USER, "topic": Role.LABEL}, templates={Role.USER: "Topic of {questions}"})
    uploader = next(u for u in page.app.get("file_uploader") if u.label == "Apply a saved recipe")
    uploader.upload("mine.recipe.json", recipe.to_json().encode(), "application/json")
    page.run()
    assert [text.value for text in page.app.get("text")] == ["Topic of How are you?", "chat"]


@pytest.mark.parametrize(
    ("content", "name", "sentence"),
    [(b"%PDF-1.7 x", "a.csv", "is a PDF file"), (b"", "a.csv", ""), (b"[1, 2", "a.json", "")],
)
def test_a_file_that_is_no_table_is_refused_in_words(
    open_page: Open, settings: Settings, content: bytes, name: str, sentence: str
) -> None:
    page = open_page(BRING, file=keep(settings, content, name))
    assert sentence in page.errors and (page.errors or page.app.warning)


def test_what_stands_in_a_file_is_shown_as_text(open_page: Open, settings: Settings) -> None:
    out = io.StringIO()
    csv.writer(out).writerows([["questions", "answers", HOSTILE], *[[HOSTILE, HOSTILE, HOSTILE]] * 5])
    page = open_page(BRING, file=keep(settings, out.getvalue(), f"{HOSTILE.replace('/', '_')}.csv"))
    assert page.unescaped(HOSTILE) == []


@pytest.mark.data
def test_real_news_are_recognised(open_page: Open, settings: Settings, shared_data: Callable[[str], Path]) -> None:
    path = shared_data("tnews.json")
    page = open_page(BRING, file=keep(settings, path.read_bytes(), path.name))
    roles = {box.label.removeprefix("Role of "): box.value for box in page.app.selectbox if "Role" in box.label}
    assert roles["sentence"] is Role.USER and roles["label\\_desc"] is Role.LABEL
    assert "Label names and classes to leave out (15 labels)" in [box.label for box in page.app.expander]


def test_a_label_moves_to_the_column_that_is_chosen_last(open_page: Open, settings: Settings) -> None:
    table = "question,topic,owner\n" + "".join(f"How is {n}?,{'ab'[n % 2]},{'xy'[n % 2]}\n" for n in range(8))
    page = choose(open_page(BRING, file=keep(settings, table, "qa.csv")), "owner", "label")
    roles = {box.label.removeprefix("Role of "): box.value for box in page.app.selectbox if "Role" in box.label}
    assert roles == {"question": Role.USER, "topic": Role.IGNORE, "owner": Role.LABEL}
    assert [text.value for text in page.app.get("text")] == ["How is 0?", "x"]


def test_what_stands_in_a_column_is_cut_with_a_sign(open_page: Open, settings: Settings) -> None:
    table = "question,answer\nWhy did the copy desk remove my acronym?,It was over length\n"
    page = open_page(BRING, file=keep(settings, table, "qa.csv"))
    assert page.says("Why did the copy desk remov…")


def test_a_call_of_a_function_is_previewed_as_one(open_page: Open, settings: Settings) -> None:
    calls = '[{"id": "c1", "type": "function", "function": {"name": "play", "arguments": "{\\"what\\": \\"jazz\\"}"}}]'
    turns = f'[{{"role": "user", "content": "Jazz!"}}, {{"role": "assistant", "tool_calls": {calls}}}]'
    page = open_page(BRING, file=keep(settings, f'{{"messages": {turns}}}\n', "calls.jsonl"))
    assert [text.value for text in page.app.get("text")] == ["Jazz!", 'play({"what": "jazz"})']
