"""English and Chinese: from the browser, from the link, by choice; kept from page to page."""

from __future__ import annotations

import pytest
from pagedriver import ROOT, Open
from streamlit.testing.v1 import AppTest

from core import words
from core.words import _

TITLES = {
    "pages/start/home.py": "From your table to a model you can trust",
    "pages/train/launch.py": "New training",
    "pages/train/jobs.py": "Trainings",
    "pages/evaluate/compare.py": "Compare models",
    "pages/evaluate/ask.py": "Ask both models",
    "pages/settings/connections.py": "Connections",
    "pages/settings/prices.py": "Models and prices",
}


def chinese(sentence: str) -> str:
    """The sentence in Chinese; the test is skipped while nobody has translated it."""
    words.use("zh_CN")
    translated = _(sentence)
    if translated == sentence:
        pytest.skip(f"has no Chinese yet: {sentence}")
    return translated


@pytest.mark.parametrize(("path", "title"), TITLES.items())
def test_every_page_has_its_title_in_english(open_page: Open, path: str, title: str) -> None:
    assert open_page(path).title == title


@pytest.mark.parametrize(("path", "title"), TITLES.items())
def test_a_link_can_name_the_language(open_page: Open, path: str, title: str) -> None:
    expected = chinese(title)
    assert open_page(path, lang="zh_CN").title == expected


@pytest.mark.parametrize(
    ("locale", "code"), [("zh-CN", "zh_CN"), ("zh", "zh_CN"), ("zh-Hant-TW", "zh_CN"), ("en-GB", "en"), ("fr", "en")]
)
def test_a_new_visitor_is_met_in_the_language_of_the_browser(open_page: Open, locale: str, code: str) -> None:
    app = AppTest.from_file(str(ROOT / "app.py"), default_timeout=30)
    app.context["locale"] = locale
    app.run()
    assert app.button_group(key="language_switch").value == code


def test_the_language_of_a_link_goes_along_to_the_next_page(open_page: Open) -> None:
    page = open_page("pages/start/home.py", lang="zh_CN")
    page.app.query_params.clear()  # as the browser does on the way to another page
    page.goes_to("pages/train/jobs.py")
    assert page.app.button_group(key="language_switch").value == "zh_CN"
    assert page.app.query_params["lang"] in ("zh_CN", ["zh_CN"])


def test_a_chosen_language_holds_and_stands_in_the_address(open_page: Open) -> None:
    page = open_page("pages/start/home.py", lang="en")
    page.app.button_group(key="language_switch").set_value("zh_CN")
    page.run()
    assert page.app.query_params["lang"] in ("zh_CN", ["zh_CN"])
    page.app.query_params.clear()
    page.goes_to("pages/settings/prices.py")
    assert page.app.button_group(key="language_switch").value == "zh_CN"


@pytest.mark.parametrize("strange", ["²", "-1", "1e3", "9" * 30, "' or 1=1", ""])
@pytest.mark.parametrize("path", ["pages/train/jobs.py", "pages/evaluate/compare.py", "pages/train/launch.py"])
def test_an_address_that_names_nothing_opens_the_page_all_the_same(open_page: Open, path: str, strange: str) -> None:
    page = open_page(path, job=strange, dataset=strange, evaluation=strange)
    assert page.title == TITLES[path] and not page.errors
