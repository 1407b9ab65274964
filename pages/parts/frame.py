"""The frame around every page: navigation by section, language, and the processes that live beside the app."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import streamlit as st
from streamlit.navigation.page import StreamlitPage

from core import words
from core.processes import Companions
from core.settings import Settings
from core.words import _
from pages.parts import state, whole

LOGO = str(Path(__file__).parent / "logo.svg")
HOME = "pages/start/home.py"
IMPORT = "pages/data/bring.py"
EDIT = "pages/data/edit.py"
CHECK = "pages/data/check.py"
EXPORT = "pages/data/export.py"
LAUNCH = "pages/train/launch.py"
JOBS = "pages/train/jobs.py"
COMPARE = "pages/evaluate/compare.py"
ASK = "pages/evaluate/ask.py"
CONNECTIONS = "pages/settings/connections.py"
PRICES = "pages/settings/prices.py"

whole.keep_callbacks_whole()


@asynccontextmanager
async def companions(_app: Any) -> AsyncIterator[dict[str, Any]]:
    """Run the worker and the local provider as long as the app runs."""
    settings = Settings.from_env()
    beside = Companions(settings)
    if settings.autostart:
        beside.start()
    try:
        yield {}
    finally:
        beside.stop()


def begin() -> None:
    """Before the page: the name, and whatever a grid still has to write down."""
    state.keep_language()
    state.flush_pending()
    st.logo(LOGO, size="large", link=None)


def navigation() -> StreamlitPage:
    """The pages, in sections, titled in the current language; returns the chosen one."""
    sections = {
        _("Start"): [_page(HOME, _("Home"), ":material/home:", default=True)],
        _("Data"): [
            _page(IMPORT, _("Bring data"), ":material/upload_file:"),
            _page(EDIT, _("Edit"), ":material/edit_note:"),
            _page(CHECK, _("Check and split"), ":material/fact_check:"),
            _page(EXPORT, _("Export"), ":material/download:"),
        ],
        _("Train"): [
            _page(LAUNCH, _("New training"), ":material/rocket_launch:"),
            _page(JOBS, _("Trainings"), ":material/monitoring:"),
        ],
        _("Evaluate"): [
            _page(COMPARE, _("Compare"), ":material/balance:"),
            _page(ASK, _("Ask both"), ":material/forum:"),
        ],
        _("Settings"): [
            _page(CONNECTIONS, _("Connections"), ":material/hub:"),
            _page(PRICES, _("Models and prices"), ":material/payments:"),
        ],
    }
    return st.navigation(sections)


def end() -> None:
    """After the page: the language switch at the foot of the sidebar."""
    with st.sidebar:
        st.segmented_control(
            _("Language"),
            list(words.LANGUAGES),
            format_func=words.LANGUAGES.__getitem__,
            default=words.current(),
            key="language_switch",
            required=True,
            label_visibility="collapsed",
            on_change=_switch_language,
        )


def _switch_language() -> None:
    state.choose_language(state.get("language_switch", "en"))


def _page(path: str, title: str, icon: str, *, default: bool = False) -> StreamlitPage:
    return st.Page(path, title=title, icon=icon, url_path=path.split("/")[-1].removesuffix(".py"), default=default)
