"""A mapping that is not imported yet survives a reload and a closed browser, until it is discarded."""

from __future__ import annotations

from pagedriver import Open, Page
from test_data_bring import BRING, TABLE, keep, work_off

from core import drafts
from core.dataset.vocabulary import Role
from core.settings import Settings
from core.store import Store


def role(page: Page, column: str) -> object:
    return next(box.value for box in page.app.selectbox if box.label.replace("\\", "") == f"Role of {column}")


def choose(page: Page, column: str, value: Role) -> None:
    next(box for box in page.app.selectbox if box.label.replace("\\", "") == f"Role of {column}").set_value(value)
    page.run()


def test_every_choice_is_there_after_a_reload(open_page: Open, store: Store, settings: Settings) -> None:
    token = keep(settings, TABLE, "qa.csv")
    page = open_page(BRING, file=token)
    choose(page, "topic", Role.IGNORE)
    next(area for area in page.app.text_area if "Prompt template" in area.label).set_value("Q: {questions} {")
    page.run()
    assert "The template has" in page.errors
    next(field for field in page.app.text_input if field.label == "Name of the dataset").set_value("My name")
    page.run()
    again = open_page(BRING, file=token)
    assert role(again, "topic") == Role.IGNORE
    assert next(area.value for area in again.app.text_area if "Prompt template" in area.label) == "Q: {questions} {"
    assert next(field.value for field in again.app.text_input if field.label == "Name of the dataset") == "My name"
    next(area for area in again.app.text_area if "Prompt template" in area.label).set_value("Q: {questions}")
    again.run().click("Import")
    (task,) = store.tasks.active()
    assert task.args["recipe"]["templates"] == {"user": "Q: {questions}"} and task.args["name"] == "My name"
    assert drafts.listed(store) == []
    work_off(store, settings)


def test_a_new_browser_offers_what_was_begun_and_start_over_forgets_it(
    open_page: Open, store: Store, settings: Settings
) -> None:
    token = keep(settings, TABLE, "qa.csv")
    choose(open_page(BRING, file=token), "topic", Role.IGNORE)
    page = open_page(BRING)
    assert page.says("You were mapping qa.csv.")
    page.click("Go on")
    assert role(page, "topic") == Role.IGNORE
    page.app.text_input(key=f"name_{token}").set_value("Mine")
    page.run().click("Start over")
    assert role(page, "topic") != Role.IGNORE
    name = page.app.text_input(key=f"name_{token}")
    assert name.value == "qa" and name.proto.set_value, "the browser is told so"
    assert "Start over" not in [button.label for button in page.app.button]
    page = open_page(BRING)
    page.click("Discard")
    assert not page.says("You were mapping") and not (settings.folder("uploads") / token).exists()
