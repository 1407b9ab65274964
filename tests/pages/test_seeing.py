"""A row as the model sees it, and the tokenisers of open-weight models: on the pages."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from pagedriver import HOSTILE, Open, Page

from core.dataset.examples import Draft, Kind
from core.settings import Settings
from core.store import Dataset, Store
from core.tasks.handlers import HANDLERS
from core.tasks.work import Work
from core.tokens.folders import installed
from core.tokens.folders import remove as forget
from tests.tinytokenizer import model_folder

CHECK, PRICES = "pages/data/check.py", "pages/settings/prices.py"
U, A = {"role": "user", "content": "Where?"}, {"role": "assistant", "content": "Here."}


def fill(store: Store, bodies: list[object], kind: Kind = Kind.CHAT) -> Dataset:
    dataset = store.create_dataset("Rows", kind)
    store.add_drafts(dataset.id, [Draft(json.dumps(body), kind) for body in bodies])
    return store.finish_import(dataset.id)


def drawn(page: Page) -> str:
    """The HTML of the row that is shown."""
    assert not page.errors
    return next(str(block.proto.body) for block in page.app.get("html") if 'class="seen"' in str(block.proto.body))


def test_a_row_is_shown_token_by_token_with_its_roles(open_page: Open, store: Store) -> None:
    fill(store, [{"messages": [U, {**A, "weight": 0}, U, A]}] * 12)
    page = open_page(CHECK)
    shown = drawn(page)
    assert '<span class="p a t">Here</span><span class="p b t">.</span>' in shown
    assert '<span class="p a">Where</span>' in shown and "weight 0: read, not learnt" in shown
    assert "Question (user)" in shown and "Answer (assistant)" in shown
    assert page.says("2 of them are learnt, 0 are cut off")


def test_what_lies_beyond_the_limit_is_struck_out(open_page: Open, store: Store) -> None:
    fill(store, [{"messages": [U, A]}] * 12)
    page = open_page(CHECK)
    assert "cut off" not in drawn(page)
    next(field for field in page.app.number_input if field.label == "Tokens that the model reads").set_value(8)
    page.run()
    assert "From here on the model sees nothing." in drawn(page)
    assert '<span class="p a t c">Here</span>' in drawn(page)


@pytest.mark.parametrize(
    ("kind", "body", "words"),
    [
        (Kind.PREFERENCE, {"input": {"messages": [U]}, "preferred_output": [A], "non_preferred_output": [U]},
         ["preferred", "the other answer", "to be avoided"]),
        (Kind.COMPLETION, {"prompt": "a ->", "completion": " b"}, ["Prompt", "Completion"]),
        (Kind.REINFORCEMENT, {"messages": [U], "reference": "8"}, ["Question (user)"]),
    ],
)  # fmt: skip
def test_every_kind_of_example_can_be_seen(
    open_page: Open, store: Store, kind: Kind, body: object, words: list[str]
) -> None:
    fill(store, [body] * 12, kind)
    shown = drawn(open_page(CHECK))
    assert all(word in shown for word in words)


def test_foreign_text_stays_text_and_hidden_characters_are_seen(open_page: Open, store: Store) -> None:
    text = f"{HOSTILE}\u202e</div><img src=x onerror=alert(1)>\n\x07"
    tool = {"type": "function", "function": {"name": "<b>f</b>"}}
    fill(store, [{"messages": [{**U, "content": text}, {**A, "role": "<i>x</i>"}], "tools": [tool]}] * 12)
    shown = drawn(open_page(CHECK))
    assert "<script" not in shown and "<img" not in shown and "<b>" not in shown and "<i>" not in shown
    assert "[U+202E]" in shown and "↵" in shown and "[U+0007]" in shown


def test_a_very_long_row_is_shown_in_part(open_page: Open, store: Store) -> None:
    fill(store, [{"messages": [{**U, "content": "word " * 50_000}, *[U, A] * 50]}] * 12)
    shown = drawn(open_page(CHECK))
    assert len(shown) < 500_000 and "more turns" in shown and "tokens …" in shown


def test_the_tokeniser_of_an_open_model_is_brought_chosen_and_counts(
    open_page: Open, store: Store, settings: Settings, tmp_path: Path
) -> None:
    folder = model_folder(tmp_path / "Tiny-1B")
    dataset = fill(store, [{"messages": [U, A]}] * 12)
    page = open_page(PRICES)
    page.app.text_input(key="tokeniser_folder").set_value(str(tmp_path / "nowhere"))
    page.run().click("Add it")
    assert "There is no folder" in page.errors
    page.app.text_input(key="tokeniser_folder").set_value(str(folder))
    page.run().click("Add it")
    (name,) = installed()
    assert page.says("Tiny-1B") and page.says("not used yet") and not page.errors

    page = open_page(CHECK)
    page.app.selectbox(key=f"encoding_{dataset.id}_o200k_base").set_value(name)
    page.run().click("Count again")
    (task,) = store.tasks.active()
    begun = store.tasks.begin(task.id)
    assert begun is not None
    HANDLERS["recount"].steps[0](Work(store, settings, begun, lambda: None))
    store.tasks.finish(task.id, "succeeded")
    assert store.dataset(dataset.id).encoding == name
    page = open_page(CHECK)
    assert "&lt;|im_start|&gt;" in drawn(page) and not page.says("This model counts tokens with")
    remove = next(button for button in open_page(PRICES).app.button if button.label == "Remove")
    assert remove.disabled, "not while rows are counted with it"

    forget(name)
    page = open_page(CHECK)
    assert page.says("is not here any more") and not page.errors
    page.click("Count again")
    assert [task.args for task in store.tasks.active()] == [{"encoding": "o200k_base"}]


def test_the_row_that_is_edited_can_be_seen_too(open_page: Open, store: Store) -> None:
    dataset = fill(store, [{"messages": [U, {**A, "content": "half a day"}]}] * 12)
    first = next(iter(store.examples(dataset.id)))
    page = open_page("pages/data/edit.py", row=str(first.id))
    page.app.toggle(key="row_seen").set_value(True)
    page.run()
    assert "half" in drawn(page)


def test_a_model_that_is_trained_here_is_planned_for_and_counted_as_it_reads(
    open_page: Open, store: Store, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = model_folder(tmp_path / "Tiny-1B")
    (folder / "config.json").write_text('{"max_position_embeddings": 4}')
    monkeypatch.setenv("LUOPAN_LORA_MODELS", f"tiny={folder}")
    dataset = fill(store, [{"messages": [U, A]}] * 12)
    page = open_page(CHECK, model="local/tiny")
    assert page.app.selectbox(key="check_model").value == "local/tiny"
    assert page.says("have more than 4 tokens")
    assert page.says("This model counts tokens with Tiny-1B-") and installed() == []
    page.click("Count again")
    (task,) = store.tasks.active()
    begun = store.tasks.begin(task.id)
    assert begun is not None
    HANDLERS["recount"].steps[0](Work(store, settings, begun, lambda: None))
    store.tasks.finish(task.id, "succeeded")
    assert not open_page(CHECK, model="local/tiny").says("This model counts tokens with")
    dear = open_page(CHECK, model="openai/gpt-4.1-mini-2025-04-14")
    assert dear.says("This model counts tokens with o200k_base"), "else the price would rest on a stranger's tokens"
    assert store.dataset(dataset.id).encoding.startswith("own:")
