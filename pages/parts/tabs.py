"""The tabs of the Check page: their names, and the way from one to another."""

from __future__ import annotations

from typing import Any

import streamlit as st

from core.words import _
from pages.parts import state

KEY = "check_tab"


def _names() -> list[str]:
    return [
        *(_("Overview"), _("Fixes"), _("Repeats and leaks"), _("Doubtful labels"), _("Privacy and languages")),
        _("What is learnt"),
    ]


def show() -> Any:
    """The containers of all tabs, in the order of their names."""
    if state.get(KEY, None) not in (None, *_names()):
        state.drop(KEY)  # of another language
    return st.tabs(_names(), key=KEY, on_change="rerun")


def open_repeats() -> None:
    """In a callback: show the tab that compares the rows."""
    state.put(KEY, _names()[2])
