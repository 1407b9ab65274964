"""Connections and prices: what a person sets up, what is kept of it, and what never leaves."""

from __future__ import annotations

import math
from typing import Any

import pandas as pd
import pytest
from pagedriver import HOSTILE, Open, Page, Workshop

from core import provider
from core.provider import Connection
from core.settings import Settings
from core.store import Store
from core.tokens import Catalogue

CONNECTIONS, PRICES = "pages/settings/connections.py", "pages/settings/prices.py"
SECRET = "sk-never-to-be-seen-again"


def form(page: Page, address: str, name: str = "Mine", key: str | None = None) -> Page:
    """Fill in the form of a new connection of another kind of provider, and save it."""
    page.app.selectbox(key="new_kind").set_value("other")
    page.run()
    page.app.text_input(key="new_url_other").set_value(address)
    page.app.text_input(key="new_name_other").set_value(name)
    if key is None:
        page.app.button_group(key="new_source").set_value("")
    else:
        page.app.text_input(key="new_key").set_value(key)
    return page.click("Save")


def remembered(page: Page) -> str:
    """Everything that the session keeps."""
    return repr(page.app.session_state._state.filtered_state)


def mine(store: Store) -> list[Connection]:
    return [connection for connection in store.jobs.connections() if not connection.is_local]


def test_the_local_provider_is_there_and_answers(open_workshop: Open) -> None:
    page = open_workshop(CONNECTIONS)
    assert page.says("This computer (local provider)") and page.says("its own key")
    page.click("Try it")
    assert "It answers and offers" in str(page.app.success[0].value) and not page.errors


def test_a_provider_that_does_not_run_is_said_in_words(open_page: Open) -> None:
    page = open_page(CONNECTIONS).click("Try it")
    assert "The local provider is not running" in page.errors


def test_a_connection_with_a_key_is_added_tried_and_removed(
    open_page: Open, store: Store, settings: Settings, workshop: Workshop
) -> None:
    where = provider.endpoint.resolve(workshop.settings, provider.LOCAL)
    page = form(
        open_page(CONNECTIONS), where.base_url, key=(workshop.settings.provider_home / "key").read_text().strip()
    )
    assert "It answers and offers" in str(page.app.success[0].value)
    (connection,) = mine(store)
    assert (connection.name, connection.base_url) == ("Mine", where.base_url)
    assert connection.key_source in ("file", "keyring")

    page.click("Remove it")
    assert mine(store) == []
    assert page.app.toast[0].value.startswith("The connection and its key are removed")


def test_another_key_is_given_to_a_connection_that_stays(
    open_page: Open, store: Store, settings: Settings, workshop: Workshop
) -> None:
    where = provider.endpoint.resolve(workshop.settings, provider.LOCAL)
    page = form(open_page(CONNECTIONS), where.base_url, key=SECRET)
    assert "does not accept this key" in page.errors
    (before,) = mine(store)
    right = (workshop.settings.provider_home / "key").read_text().strip()
    page.app.text_input(key=f"key-{before.id}").set_value(right)
    page.app.button(key=f"save-key-{before.id}").click()
    page.run()
    assert "It answers and offers" in str(page.app.success[0].value) and "accept this key" not in page.errors
    assert [connection.id for connection in mine(store)] == [before.id]
    assert right not in remembered(page) and page.app.text_input(key=f"key-{before.id}").value == ""


def test_a_key_is_neither_remembered_nor_sent_back_nor_written_in_the_clear(
    open_page: Open, store: Store, settings: Settings
) -> None:
    page = form(open_page(CONNECTIONS), "http://127.0.0.1:9/v1", key=SECRET)
    assert len(mine(store)) == 1
    for drawn in (page, page.goes_to(PRICES), page.goes_to(CONNECTIONS)):
        assert SECRET not in remembered(drawn) and not drawn.says(SECRET)
    assert page.app.text_input(key="new_key").value == ""
    files = [path for path in settings.home.rglob("*") if path.is_file()]
    assert files and not [path for path in files if SECRET.encode() in path.read_bytes()]


@pytest.mark.parametrize(
    ("address", "key", "said"),
    [
        ("", None, "address"),
        ("not an address", None, "address"),
        ("file:///etc/passwd", None, "address"),
        ("http://127.0.0.1:9/v1", "", "No key was entered."),
    ],
)
def test_a_connection_that_cannot_work_is_refused_with_a_sentence(
    open_page: Open, store: Store, address: str, key: str | None, said: str
) -> None:
    page = form(open_page(CONNECTIONS), address, key=key)
    assert said.lower() in page.errors.lower() and mine(store) == []
    assert page.app.text_input(key="new_url_other").value == address, "what was typed is still there"


def test_a_connection_that_does_not_answer_is_kept_and_says_so(open_page: Open, store: Store) -> None:
    page = form(open_page(CONNECTIONS), "http://127.0.0.1:9/v1")
    assert len(mine(store)) == 1 and page.errors


def test_a_connections_name_is_shown_as_text(open_page: Open, store: Store) -> None:
    store.jobs.save_connection(Connection("x", HOSTILE, "http://127.0.0.1:9/v1", key_source=f"env:{HOSTILE}"))
    page = open_page(CONNECTIONS)
    assert page.says("evil.test") and not page.unescaped(HOSTILE)


def edit(page: Page, edited: dict[int, dict[str, Any]], added: tuple[dict[str, Any], ...] = ()) -> Page:
    """Type into the table of prices and save it."""
    key = page.app.get("data_editor")[0].key
    page.app.session_state[key] = {"edited_rows": edited, "added_rows": list(added), "deleted_rows": []}
    return page.click("Save")


def shown(page: Page) -> pd.DataFrame:
    table: pd.DataFrame = page.app.get("data_editor")[0].value
    return table


def test_the_table_that_came_with_luopan_is_shown(open_page: Open) -> None:
    page = open_page(PRICES)
    assert len(shown(page)) == len(Catalogue.load().prices) > 5 and not page.errors


def test_a_corrected_price_is_kept_and_used(open_page: Open, store: Store) -> None:
    first = Catalogue.load().prices[1]
    page = edit(open_page(PRICES), {1: {"training": 12.5, "checked_on": "2026-11-21"}})
    assert page.app.toast[0].value == "The table is saved\\." and not page.errors
    kept = Catalogue.load(store.preferences.get("prices", None))
    price = next(p for p in kept.prices if (p.provider, p.model) == (first.provider, first.model))
    assert price.training == 12.5 and str(price.checked_on) == "2026-11-21"
    assert shown(page).iloc[1]["training"] == 12.5


def test_a_row_that_was_added_stands_there_once_and_can_be_saved_again(open_page: Open, store: Store) -> None:
    rows = len(Catalogue.load().prices)
    page = edit(open_page(PRICES), {}, ({"provider": "other", "model": "my-model", "training": 1.0},))
    assert len(shown(page)) == rows + 1 and not page.errors
    page.click("Save")
    assert len(shown(page)) == rows + 1 and not page.errors
    price = Catalogue.load(store.preferences.get("prices", None)).price("my-model", "other")
    assert price is not None and price.training == 1.0 and price.input is None


@pytest.mark.parametrize(
    ("edited", "added", "said"),
    [
        ({2: {"training": -1}}, (), "row 3, To train"),
        ({0: {"jobs_end": "soon"}}, (), "row 1, Trainings end: “soon”"),
        ({0: {"encoding": "gibberish"}}, (), "row 1, Tokeniser"),
        ({0: {"model": None}}, (), "row 1, Model"),
        ({}, ({"provider": "other"},), "Model"),
        ({0: {"accepts": "developer_role, no_assistant"}}, (), "Warnings that do not hold: “no_assistant”"),
        ({1: {"provider": "p", "model": "m"}, 2: {"provider": "p", "model": "m"}}, (), "stands there twice"),
    ],
)
def test_a_row_that_cannot_be_used_is_named_and_nothing_is_saved(
    open_page: Open,
    store: Store,
    edited: dict[int, dict[str, Any]],
    added: tuple[dict[str, Any], ...],
    said: str,
) -> None:
    page = edit(open_page(PRICES), edited, added)
    assert said in page.errors and store.preferences.get("prices", None) is None


def test_each_changed_row_is_shown_and_led_back_alone(open_page: Open, store: Store) -> None:
    page = edit(
        open_page(PRICES), {1: {"training": 12.5}, 2: {"suffix": 18}}, ({"provider": "other", "model": HOSTILE},)
    )
    assert page.says("To train: 25 → 12.5") and page.says("Longest suffix: 64 → 18") and page.says("added by you")
    assert not page.unescaped(HOSTILE)
    assert len(store.preferences.get("prices")) == 3, "only what differs is kept"
    page.click("Back to what came with Luopan")
    assert not page.says("→ 12.5") and page.says("64 → 18")
    page.click("Take it out")
    page.click("Back to what came with Luopan")
    assert store.preferences.get("prices", None) is None and not page.says("Your changes")


def test_the_table_that_came_with_luopan_comes_back(open_page: Open, store: Store) -> None:
    page = edit(open_page(PRICES), {1: {"training": 12.5}})
    page.click("Back to the table that came with Luopan")
    assert store.preferences.get("prices", None) is None
    before = Catalogue.load().prices[1].training
    after = shown(page).iloc[1]["training"]
    assert (before is None and (after is pd.NA or math.isnan(after))) or after == before
