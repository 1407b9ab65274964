"""A large dataset is as quick on screen as a small one: the browser only ever gets one page of rows."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator

import pytest

from tests.browser.running import RunningApp, missing

if missing() and os.environ.get("CI") != "true":
    pytest.skip(missing(), allow_module_level=True)

from playwright.sync_api import Browser, expect

from core.dataset.examples import Draft, Kind, Origin, dump
from core.store import Dataset, Store
from tests.browser.driving import Window

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.timeout(300)]

SMALL, LARGE = 1_000, 100_000
LATEST = 1.0  # seconds that a page of the large dataset may come after the same page of the small one
ROUNDS = 10  # visits of each at most: the quickest count, as a machine that does other work too slows some of them


def drafts(first: int, last: int) -> list[Draft]:
    """Rows with different questions and twelve labels."""

    def body(n: int) -> dict[str, object]:
        asked = f"Row {n}: the lift in house {n % 997} stands still since {n % 24} o'clock"
        return {"messages": [{"role": "user", "content": asked}, {"role": "assistant", "content": f"label {n % 12}"}]}

    return [Draft(dump(body(n)), Kind.CHAT, f"label {n % 12}", origin=Origin("made", n)) for n in range(first, last)]


def filled(store: Store, rows: int) -> Dataset:
    """A dataset of so many rows."""
    dataset = store.create_dataset(f"{rows:,} rows", Kind.CHAT)
    for first in range(0, rows, 5_000):
        store.add_drafts(dataset.id, drafts(first, min(first + 5_000, rows)))
    return store.finish_import(dataset.id) or store.dataset(dataset.id)


@pytest.fixture
def window(browser: Browser, app: RunningApp) -> Iterator[Window]:
    window = Window(browser, app.url)
    yield window
    window.close()


def seconds(window: Window, dataset: Dataset, page: int, first_row: int) -> float:
    """From asking for a page of the grid to its first row being on screen."""
    began = time.monotonic()
    window.page.goto(f"/edit?dataset={dataset.id}&page={page}")
    cell = window.page.get_by_test_id("stDataFrame").locator("canvas td", has_text=f"Row {first_row}:").first
    expect(cell).to_be_attached()
    return time.monotonic() - began


@pytest.mark.parametrize("page", [1, 10])
def test_a_page_of_a_hundred_thousand_rows_comes_within_a_second_of_one_of_a_thousand(
    window: Window, app: RunningApp, page: int
) -> None:
    known = {dataset.name: dataset for dataset in app.store.datasets()}
    small, large = (known.get(f"{rows:,} rows") or filled(app.store, rows) for rows in (SMALL, LARGE))
    first = (page - 1) * 100
    seconds(window, small, page, first)  # the first visit also loads the app itself
    times: dict[int, list[float]] = {small.id: [], large.id: []}
    for _ in range(ROUNDS):
        for dataset in (small, large):
            times[dataset.id].append(seconds(window, dataset, page, first))
        if (later := min(times[large.id]) - min(times[small.id])) < LATEST:
            break
    assert later < LATEST, times


def test_the_browser_gets_one_page_of_rows_only(window: Window, app: RunningApp) -> None:
    known = {dataset.name: dataset for dataset in app.store.datasets()}
    large = known.get(f"{LARGE:,} rows") or filled(app.store, LARGE)
    received = 0

    def count(payload: str | bytes) -> None:
        nonlocal received
        received += len(payload)

    window.page.on("websocket", lambda socket: socket.on("framereceived", count))
    seconds(window, large, 1, 0)
    assert 0 < received < 1_000_000
