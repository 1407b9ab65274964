"""Home: samples to try, data to bring, and the way back to what was worked on."""

from __future__ import annotations

from pagedriver import Open, Workshop

from core.store import Store

HOME = "pages/start/home.py"


def test_a_new_user_is_offered_samples_and_their_own_data(open_page: Open) -> None:
    home = open_page(HOME)
    assert home.title == "From your table to a model you can trust"
    assert [button.label for button in home.app.button].count("Try it") == 4
    assert "**Choose a file**" in home.links
    assert not home.says("Where you left off") and not home.errors


def test_the_samples_in_the_readers_language_come_first(open_page: Open) -> None:
    keys = [button.key for button in open_page(HOME, lang="zh_CN").app.button if str(button.key).startswith("sample-")]
    assert keys == ["sample-hotline_zh", "sample-library_qa_zh", "sample-helpdesk_en", "sample-library_qa_en"]


def test_trying_a_sample_asks_for_its_import_once_and_shows_it(open_page: Open, store: Store) -> None:
    page = open_page(HOME).click("Try it")
    (task,) = store.tasks.active()
    assert (task.kind, task.subject) == ("import", "helpdesk_en.csv")
    assert page.title == "Bring data"


def test_recent_work_is_one_click_away(open_workshop: Open, workshop: Workshop) -> None:
    home = open_workshop(HOME)
    assert home.says("Where you left off") and home.says("Helpdesk · 410 rows") and home.says("The first · Finished · ")
    page = home.click("Open", 1)
    assert page.title == "Trainings" and page.app.query_params["job"] == str(workshop.store.jobs.list()[0].id)
