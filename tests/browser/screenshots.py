"""Makes the pictures of the README with the real app: `python -m tests.browser.screenshots` writes docs/*.png."""

from __future__ import annotations

import shutil
import sys
import tempfile
from pathlib import Path

from playwright.sync_api import sync_playwright

from tests.browser.driving import ROOT, Window, launch
from tests.browser.running import RunningApp

DOCS = ROOT / "docs"
PICTURES = ("compare",)


def walk(window: Window) -> None:
    """From the sample to the comparison, with a picture of what the README shows."""
    window.go("/")
    window.page.locator(".st-key-sample-helpdesk_en").get_by_role("button").click()
    window.follow("Check them")
    window.sees("Split the rows before you train")
    window.rest()
    window.page.get_by_role("button", name="Split", exact=True).click()
    window.sees("41 rows are held out")
    window.follow("Train a model")
    window.press("Start training")
    window.sees("Compare it with the base model", timeout=120_000)
    window.follow("Compare it with the base model")
    window.press("Compare them")
    window.sees("Answers side by side", timeout=120_000)
    window.page.mouse.move(0, 0)
    window.shot("compare")


def main() -> int:
    """Walk through the app on an empty home and keep the pictures."""
    DOCS.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        app = RunningApp(Path(folder) / "home")
        app.start()
        browser = launch(playwright)
        try:
            window = Window(browser, app.url)
            walk(window)
            for name in PICTURES:
                shutil.copyfile(window.shot_path(name), DOCS / f"{name}.png")
        finally:
            browser.close()
            app.stop()
    sys.stdout.write("\n".join(str(DOCS / f"{name}.png") for name in PICTURES) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
