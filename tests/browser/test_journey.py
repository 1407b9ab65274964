"""The whole way in a real browser: from a table to a compared model. Pictures of each step lie in artefacts/."""

from __future__ import annotations

import json
import os
import random
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.browser.running import RunningApp, missing

if missing() and os.environ.get("CI") != "true":
    pytest.skip(missing(), allow_module_level=True)

from playwright.sync_api import Browser, expect

from core.dataset.examples import Split, answer_text, user_text
from core.store import Dataset
from tests.browser.driving import Grid, Window, wait_for

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]

PICK, PENCIL, TEXT = 25, 78, 150  # pixels from the left edge of the grid to tick, pencil and first text


@pytest.fixture
def window(browser: Browser, app: RunningApp) -> Iterator[Window]:
    """An English window in light colours, which must neither ask a stranger nor complain."""
    window = Window(browser, app.url)
    yield window
    window.close()
    assert window.strangers == []
    assert window.complaints == []


@pytest.fixture(autouse=True)
def last_look(request: pytest.FixtureRequest, window: Window, app: RunningApp) -> Iterator[None]:
    """Where a test fails, a picture of the moment and the app's own words are kept."""
    failed = request.session.testsfailed
    yield
    if request.session.testsfailed > failed:
        window.page.screenshot(path=window.shot_path("failed"))
        sys.stdout.write(app.log())


def test_from_a_sample_to_a_compared_model(window: Window, app: RunningApp, browser: Browser, tmp_path: Path) -> None:
    data = try_the_sample(window, app)
    edit_in_the_grid(window, app, data)
    find_rows(window, data)
    edit_one_row_from_two_browsers(window, app, browser, data)
    check_and_split(window, app, data)
    train(window, app, browser)
    compare(window)
    ask(window)
    export(window, app, data, tmp_path)


def try_the_sample(window: Window, app: RunningApp) -> Dataset:
    window.go("/")
    window.shot("01-home")
    window.page.locator(".st-key-sample-helpdesk_en").get_by_role("button").click()
    window.sees("410 rows imported, none left out.")
    window.shot("02-imported")
    return app.store.datasets()[0]


def edit_in_the_grid(window: Window, app: RunningApp, data: Dataset) -> None:
    window.follow("Look at the rows and edit them")
    grid, first = window.grid(), next(iter(app.store.examples(data.id)))
    answer = grid.column("Answer")
    expect(grid.cell(answer, 0)).to_have_text(answer_text(first.body))
    window.shot("03-edit")

    def stored() -> str:
        return answer_text(app.store.example(first.id).body)

    grid.write(answer, 0, "order_status", start=2, x=TEXT)
    wait_for(lambda: stored() == "order_status", window.page)
    window.sees(re.compile("^Saved .* by Mei"))
    assert app.store.example(first.id).label == "order_status"

    for name, text in (("Undo", answer_text(first.body)), ("Redo", "order_status")):
        window.press(name)
        wait_for(lambda text=text: stored() == text, window.page)
        expect(grid.cell(answer, 0)).to_have_text(text)


def find_rows(window: Window, data: Dataset) -> None:
    search = window.page.get_by_placeholder("Search question")
    search.fill("tent")
    search.press("Enter")
    window.sees(re.compile(r"Rows 1 to \d\d of \d\d$"))
    window.choose("All labels", re.compile("^product_question"))
    window.sees(re.compile(r"Rows 1 to \d of \d$"))
    window.shot("04-search")
    assert "text=tent" in window.page.url and "label=product_question" in window.page.url
    window.press("More")
    window.page.get_by_role("button", name="Show all rows in their order").click()
    window.sees(f"Rows 1 to 100 of {data.rows}")
    window.page.keyboard.press("Escape")


def edit_one_row_from_two_browsers(window: Window, app: RunningApp, browser: Browser, data: Dataset) -> None:
    row = next(iter(app.store.examples(data.id)))
    window.grid().press(PENCIL, 0)
    expect(window.page.get_by_label("Question (user)")).to_have_value(user_text(row.body))
    window.shot("05-form")

    other = Window(browser, app.url)
    other.go(window.page.url)
    other.type("Answer (assistant)", "warranty_repair")
    wait_for(lambda: answer_text(app.store.example(row.id).body) == "warranty_repair", window.page)
    other.close()

    window.grid().write(window.grid().column("Answer"), 0, "sizing_advice", start=2, x=TEXT)
    window.sees("Nothing is lost: choose.")
    clash = window.page.locator(f".st-key-clash_{row.id}")
    expect(clash.get_by_text("warranty_repair")).to_be_visible()
    expect(clash.get_by_role("textbox")).to_have_value("sizing_advice")
    assert answer_text(app.store.example(row.id).body) == "warranty_repair"
    window.shot("06-conflict")
    window.press("Use mine")
    wait_for(lambda: answer_text(app.store.example(row.id).body) == "sizing_advice", window.page)
    expect(clash).to_have_count(0)
    assert app.store.can_undo(data.id)


def check_and_split(window: Window, app: RunningApp, data: Dataset) -> None:
    window.follow("Check the data")
    window.sees("410")
    window.sees("Split the rows before you train")
    window.shot("07-check", tall=True)
    split(window, 41)
    assert app.store.split_counts(data.id) == {Split.TRAIN: 369, Split.VALIDATION: 41}
    window.shot("08-split", tall=True)


def split(window: Window, held_out: int) -> None:
    """Press Split once the charts have come: until then the page moves under the mouse."""
    expect(window.page.get_by_test_id("stPlotlyChart")).to_have_count(3)
    window.sees("Counted with")
    window.rest()
    window.page.get_by_role("button", name="Split", exact=True).click()
    window.sees(f"{held_out} rows are held out")


def train(window: Window, app: RunningApp, browser: Browser) -> None:
    window.follow("Train a model")
    window.sees("Ready to train")
    window.shot("09-launch")
    window.press("Start training")
    expect(window.page.get_by_role("heading", name="Trainings")).to_be_visible()
    window.shot("10-training")
    window.reload()
    other = Window(browser, app.url, locale="zh-CN", scheme="dark", width=1100)
    other.go("/jobs")
    window.sees("Compare it with the base model", timeout=90_000)  # nobody has pressed anything since the reload
    expect(window.page.get_by_test_id("stPlotlyChart")).to_have_count(2)
    window.shot("11-curves", tall=True)
    other.sees("Shop helpdesk (English)")
    expect(other.page.get_by_test_id("stPlotlyChart")).to_have_count(2)
    other.shot("11-curves-zh-dark", tall=True)
    other.close()
    job = app.store.jobs.list()[0]
    assert job.fine_tuned_model and app.store.jobs.checkpoints(job.id) and app.store.jobs.metrics(job.id)


def compare(window: Window) -> None:
    window.follow("Compare it with the base model")
    window.press("Compare them")
    window.sees("Answers side by side", timeout=60_000)
    for figure in ("Accuracy", "Macro F1"):
        expect(window.page.get_by_test_id("stMetric").filter(has_text=figure)).to_have_count(2)
    expect(window.page.locator("table.answers tbody tr")).to_have_count(25)
    window.shot("12-compare")
    window.page.get_by_role("tab", name="What is mixed up").click()
    expect(window.page.get_by_test_id("stPlotlyChart")).to_be_visible()
    window.shot("13-confusion", tall=True)
    window.page.get_by_role("tab", name="Label by label").click()
    window.shot("14-labels", tall=True)


def ask(window: Window) -> None:
    window.follow("Ask both something of your own")
    window.type("Your question", "Where is my parcel? It should have been here on Monday.")
    window.press("Ask both")
    expect(window.page.get_by_text("answered in")).to_have_count(2)
    window.sees("I have not learnt anything yet")
    window.shot("15-ask", tall=True)


def export(window: Window, app: RunningApp, data: Dataset, tmp_path: Path) -> None:
    window.visit("Export")
    window.shot("16-export")
    for name, split in (("All", None), ("Validation", Split.VALIDATION)):
        window.page.get_by_test_id("stButtonGroup").get_by_text(name, exact=True).click()
        rows = [row.raw for row in app.store.examples(data.id) if split is None or row.split is split]
        window.sees(f"{len(rows)} rows")
        with window.page.expect_download() as download:
            window.press("Download JSONL")
        download.value.save_as(tmp_path / "rows.jsonl")
        assert (tmp_path / "rows.jsonl").read_bytes() == "".join(f"{row}\n" for row in rows).encode()


CLASSES = {
    "news_sports": (300, "球队 比赛 联赛 冠军 进球 教练 主场 决赛"),
    "news_finance": (250, "股价 银行 基金 利率 投资 债券 市场 央行"),
    "news_travel": (150, "古镇 海边 徒步 机票 景区 酒店 自驾 雪山"),
    "news_stock": (40, "大盘 涨停 沪指 龙头 个股 牛市 震荡 抄底"),
}
CHINESE = {"news_sports": "运动", "news_finance": "金融"}
PROMPT = "对给定文本进行分类，类别包括：运动、金融、旅游。\n\n给定文本：\n{sentence}\n类别："


def titles(path: Path) -> Path:
    """Titles in the shape of TNEWS: JSON Lines in a file that is called .json."""
    dice, lines = random.Random(7), []
    for name, (rows, words) in CLASSES.items():
        for number in range(rows):
            first, second, third = dice.sample(words.split(), 3)
            line = {"label_desc": name, "sentence": f"{first}{number}：{second}为何成了{third}？", "keywords": first}
            lines.append(json.dumps(line, ensure_ascii=False))
    dice.shuffle(lines)
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


@pytest.mark.parametrize("real", [False, pytest.param(True, marks=pytest.mark.data)], ids=["written here", "TNEWS"])
def test_a_file_of_ones_own(
    real: bool, window: Window, app: RunningApp, shared_data: Callable[[str], Path], tmp_path: Path
) -> None:
    file = shared_data("tnews.json") if real else titles(tmp_path / "titles.json")
    name, wanted = ("3-tnews", 2_000) if real else ("2-titles", 500)
    bring(window, file, name, wanted)
    data = app.store.datasets()[0]
    rows = list(app.store.examples(data.id))
    assert len(rows) == wanted
    assert {"运动", "金融", "news_travel"} <= {row.label for row in rows}
    assert "news_stock" not in {row.label for row in rows}
    assert all(user_text(row.body).startswith(PROMPT[:10]) and user_text(row.body).endswith("\n类别：") for row in rows)

    window.follow("Check them")
    split(window, wanted // 10)
    window.shot(f"{name}-check", tall=True)
    window.follow("Train a model")
    window.press("Start training")
    window.sees("Compare it with the base model", timeout=120_000)
    window.shot(f"{name}-curves", tall=True)
    window.follow("Compare it with the base model")
    window.press("Compare them")
    window.sees("Answers side by side", timeout=60_000)
    window.shot(f"{name}-compare", tall=True)
    scores = window.page.get_by_test_id("stMetric").filter(has_text="Accuracy").all_inner_texts()
    before, after = (float(score.split()[-1].rstrip("%")) for score in scores)
    assert before == 0 and after > (30 if real else 90)


def bring(window: Window, file: Path, name: str, wanted: int) -> None:
    """Upload, map, preview, import: news_stock goes, two classes get Chinese names, a prompt goes around the title."""
    window.go("/bring")
    window.page.get_by_test_id("stFileUploaderDropzoneInput").set_input_files(file)
    expect(window.button("Recipe")).to_be_visible()
    window.shot(f"{name}-file")
    window.text("Instruction and prompt template").click()
    window.type(re.compile("^Prompt template"), PROMPT)
    window.sees(PROMPT.splitlines()[0])
    window.text("Label names and classes to leave out").click()
    labels = window.grid()
    read, new = labels.column("In the file"), labels.column("New name")
    for row, label in labels.texts(read).items():
        if label in CHINESE:
            labels.write(new, row, CHINESE[label], start=read, x=110)
    leave_out_the_last(window, labels, "news_stock")
    window.text("Random").click()
    window.rest()
    window.type("Rows", str(wanted), exact=True)
    window.shot(f"{name}-mapping", tall=True)
    window.press(re.compile("Import$"))
    window.sees("rows imported", timeout=60_000)
    window.shot(f"{name}-imported")


def leave_out_the_last(window: Window, labels: Grid, name: str) -> None:
    """Take the tick from the rarest class, with the keyboard."""
    read, keep = labels.column("In the file"), labels.column("Keep")
    labels.select(read, 0, 110)
    window.page.keyboard.press("ControlOrMeta+ArrowDown")
    last = labels.frame.locator(f"td[id^=glide-cell-{read}-][aria-selected=true]")
    expect(last).to_have_text(name)
    row = int((last.get_attribute("id") or "").split("-")[-1])
    window.page.keyboard.press("ArrowLeft")
    expect(labels.cell(keep, row)).to_have_attribute("aria-selected", "true")
    window.page.keyboard.press("Space")
    window.page.wait_for_timeout(400)  # the editor sends what it holds after 150 ms
    window.rest()


PAGES = ("", "bring", "edit", "check", "export", "launch", "jobs", "compare", "ask", "connections", "prices")


@pytest.mark.parametrize(("locale", "scheme", "width"), [("zh-CN", "light", 1440), ("zh-CN", "dark", 1100)])
def test_every_page_can_be_looked_at(locale: str, scheme: str, width: int, browser: Browser, app: RunningApp) -> None:
    window = Window(browser, app.url, locale=locale, scheme=scheme, width=width)
    for path in PAGES:
        window.go(f"/{path}")
        window.has_no_error()
        chosen = "简体中文" if locale == "zh-CN" else "English"
        expect(window.page.get_by_test_id("stSidebar").get_by_role("radio", name=chosen)).to_be_checked()
        assert window.page.evaluate("document.documentElement.scrollWidth <= innerWidth"), path
        window.shot(f"4-{path or 'home'}-{locale[:2]}-{scheme}-{width}", tall=True)
    window.close()
    assert window.strangers == [] and window.complaints == []


def test_an_app_that_was_killed_follows_its_training_to_the_end(browser: Browser, tmp_path: Path) -> None:
    app = RunningApp(tmp_path / "home")
    app.start()
    window = Window(browser, app.url)
    try:
        window.go("/")
        window.page.locator(".st-key-sample-helpdesk_en").get_by_role("button").click()
        window.follow("Check them")
        split(window, 41)
        window.follow("Train a model")
        window.press("Start training")
        wait_for(lambda: any(job.is_running for job in app.store.jobs.list()), window.page)
        app.kill()
        job = app.store.jobs.list()[0]
        assert job.is_running and not job.fine_tuned_model
        app.start()
        window.sees("Compare it with the base model", timeout=90_000)  # the open window found back by itself
        window.shot("5-followed-on", tall=True)
        assert [each.id for each in app.store.jobs.list()] == [job.id]
        assert app.store.jobs.list()[0].fine_tuned_model
    finally:
        window.close()
        app.stop()
