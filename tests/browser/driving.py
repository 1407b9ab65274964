"""A browser window driven as a person would: wait until the page is at rest, press, type, read the grid, look."""

from __future__ import annotations

import contextlib
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Locator, Page, Playwright, Request, expect

from tests import waiting

ROOT = Path(__file__).resolve().parents[2]
ARTEFACTS = ROOT / "artefacts"
HOSTS = ("127.0.0.1", "localhost")
PATIENCE = 30_000  # milliseconds for something to appear on a busy machine
ARGUMENTS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
]  # fmt: skip
# What a browser says by itself that no page of ours can help.
HARMLESS = (
    "ResizeObserver loop",
    "WebSocket connection to",
    "net::ERR_CONNECTION_REFUSED",
    "GL Driver Message",
    "/_stcore/health",
    "/_stcore/host-config",
)  # fmt: skip  (Streamlit looks for itself below a deep link)
ROW = 33  # pixels of a grid row and of its header

expect.set_options(timeout=PATIENCE)


def chromium() -> str | None:
    """Debian's chromium, where it is installed."""
    return shutil.which("chromium")


def launch(playwright: Playwright) -> Browser:
    """A headless chromium that talks to nobody by itself."""
    return playwright.chromium.launch(executable_path=chromium(), args=ARGUMENTS)


class Window:
    """One browser window of its own (its own cookies, language and colours) on the running app."""

    def __init__(self, browser: Browser, url: str, *, locale: str = "en-GB", scheme: str = "light", width: int = 1440):
        self.url = url
        self.context: BrowserContext = browser.new_context(
            locale=locale, color_scheme=scheme, viewport={"width": width, "height": 900}, base_url=url,
            timezone_id="Asia/Shanghai",
        )  # fmt: skip
        self.page: Page = self.context.new_page()
        self.page.set_default_timeout(PATIENCE)
        self.strangers: list[str] = []
        self.complaints: list[str] = []
        self.page.on("request", self._asked)
        self.page.on("console", self._noted)
        self.page.on("pageerror", lambda error: self._said(str(error)))

    def _asked(self, request: Request) -> None:
        url = urlsplit(request.url)
        if url.scheme not in ("data", "blob") and url.hostname not in HOSTS:
            self.strangers.append(request.url)

    def _noted(self, said: ConsoleMessage) -> None:
        if said.type == "error":
            self._said(f"{said.text} {said.location.get('url', '')}")

    def _said(self, text: str) -> None:
        if not any(known in text for known in HARMLESS):
            self.complaints.append(text)

    def close(self) -> None:
        """Close the window."""
        self.context.close()

    # -- going and resting

    def go(self, path: str = "/") -> None:
        """Open an address of the app and wait until its page is drawn."""
        self.page.goto(path)
        expect(self.page.get_by_test_id("stMainBlockContainer").get_by_role("heading").first).to_be_visible()
        self.rest()

    def rest(self) -> None:
        """Wait until the page's script has run and nothing on it is stale."""
        self.page.wait_for_selector("[data-testid=stApp][data-test-script-state=notRunning]")
        expect(self.page.get_by_test_id("stSkeleton")).to_have_count(0)

    def visit(self, name: str) -> None:
        """Go to a page by its link in the sidebar."""
        self.page.get_by_test_id("stSidebarNav").get_by_role("link", name=name, exact=True).click()
        self.rest()

    def reload(self) -> None:
        """Press F5."""
        self.page.reload()
        expect(self.page.get_by_test_id("stMainBlockContainer").get_by_role("heading").first).to_be_visible()
        self.rest()

    # -- seeing and pressing

    def text(self, words: str | re.Pattern[str]) -> Locator:
        """The first visible text with these words."""
        return self.page.get_by_test_id("stMainBlockContainer").get_by_text(words).first

    def sees(self, words: str | re.Pattern[str], timeout: int = PATIENCE) -> None:
        """Wait until these words can be read."""
        expect(self.text(words)).to_be_visible(timeout=timeout)

    def button(self, name: str | re.Pattern[str]) -> Locator:
        """A button by its words."""
        return self.page.get_by_test_id("stMainBlockContainer").get_by_role("button", name=name).first

    def press(self, name: str | re.Pattern[str]) -> None:
        """Press a button once it can be pressed."""
        expect(self.button(name)).to_be_enabled()
        self.button(name).click()
        self.rest()

    def follow(self, name: str | re.Pattern[str]) -> None:
        """Follow a link within the page."""
        self.page.get_by_test_id("stMainBlockContainer").get_by_role("link", name=name).first.click()
        self.rest()

    def choose(self, label: str | re.Pattern[str], option: str | re.Pattern[str]) -> None:
        """Choose an entry of a select box."""
        self.page.get_by_role("combobox", name=label).first.click()
        self.page.get_by_role("option", name=option).first.click()
        self.rest()

    def type(self, label: str | re.Pattern[str], words: str, *, exact: bool = False) -> None:
        """Type into a field in place of what stands there, and leave it."""
        field = self.page.get_by_label(label, exact=exact).and_(self.page.locator("input, textarea")).first
        field.fill(words)
        field.press("Tab")
        self.rest()

    def has_no_error(self) -> None:
        """No traceback and no sentence in red is on screen."""
        expect(self.page.get_by_test_id("stException")).to_have_count(0)
        expect(self.page.locator("[data-testid=stAlertContentError]")).to_have_count(0)

    def shot_path(self, name: str) -> Path:
        """Where a picture of this name lies."""
        ARTEFACTS.mkdir(exist_ok=True)
        return ARTEFACTS / f"{name}.png"

    def shot(self, name: str, *, tall: bool = False) -> Path:
        """A picture of the window (tall: of the page down to its end) among the artefacts."""
        self.rest()
        path, size = self.shot_path(name), self.page.viewport_size or {"width": 1440, "height": 900}
        if tall:
            height = self.page.evaluate("document.querySelector('[data-testid=stMain]').scrollHeight")
            self.page.set_viewport_size({"width": size["width"], "height": min(3000, max(900, height))})
            self.page.wait_for_timeout(300)  # the charts draw themselves for the new size
        self.page.screenshot(path=path)
        if tall:
            self.page.set_viewport_size(size)
        return path

    def grid(self, place: int = 0) -> Grid:
        """An editable table of the page."""
        return Grid(self.page, self.page.get_by_test_id("stDataFrame").nth(place))


class Grid:
    """An editable table: painted on a canvas; what it shows stands in the canvas' table for screen readers."""

    def __init__(self, page: Page, frame: Locator) -> None:
        self.page, self.frame = page, frame

    def columns(self) -> list[str]:
        """The names of its columns."""
        expect(self.frame.locator("canvas th").first).to_be_attached()
        return [heading.strip() for heading in self.frame.locator("canvas th").all_inner_texts()]

    def column(self, name: str) -> int:
        """The place of a column."""
        return self.columns().index(name)

    def cell(self, column: int, row: int) -> Locator:
        """A cell, as far as it is on screen; its text is what it shows."""
        return self.frame.locator(f"#glide-cell-{column}-{row}")

    def press(self, x: float, row: int) -> None:
        """Click into a row, x pixels from the left edge."""
        self.frame.click(position={"x": x, "y": ROW * (row + 1) + ROW / 2})

    def texts(self, column: int) -> dict[int, str]:
        """What the rows on screen show in a column, by row."""
        cells = self.frame.locator(f"td[id^=glide-cell-{column}-]").all()
        return {
            int((cell.get_attribute("id") or "").split("-")[-1]): (cell.text_content() or "").strip() for cell in cells
        }

    def select(self, column: int, row: int, x: float) -> None:
        """Click a cell until it is the selected one: the page may still be moving under the first click."""
        for _try in range(10):
            if self.cell(column, row).get_attribute("aria-selected") == "true":
                return
            self.press(x, row)
            with contextlib.suppress(AssertionError):
                expect(self.cell(column, row)).to_have_attribute("aria-selected", "true", timeout=1_000)
        raise AssertionError(f"cell {column}, {row} cannot be selected")

    def write(self, column: int, row: int, words: str, *, start: int, x: float) -> None:
        """Type into a cell in place of what stands there. `start` is the column that lies x pixels from the left."""
        page, cell = self.page, self.cell(column, row)
        self.select(start, row, x)
        for place in range(start, column):
            expect(self.cell(place, row)).to_have_attribute("aria-selected", "true")
            page.keyboard.press("ArrowRight")
        expect(cell).to_have_attribute("aria-selected", "true")
        page.keyboard.press("Enter")
        editor = page.locator("#portal textarea.gdg-input")
        expect(editor).to_be_focused()
        page.keyboard.press("ControlOrMeta+A")
        page.keyboard.insert_text(words)
        page.wait_for_timeout(80)  # no hand is faster
        page.keyboard.press("Enter")
        expect(editor).to_have_count(0)
        expect(cell).to_have_text(words)


def wait_for(what: Callable[[], object], page: Page) -> None:
    """Wait until something outside the browser holds, while the browser goes on."""
    waiting.wait_for(what, PATIENCE / 1000, lambda: page.wait_for_timeout(50))
