"""The tabs of the Check page: their names, and the way from one to another."""

from __future__ import annotations

from typing import Any

import streamlit as st

from core.words import _
from pages.parts import state

KEY = "check_tab"
LAST = "check_tab_last"


def _names() -> list[str]:
    return [
        *(_("Overview"), _("Fixes"), _("Repeats and leaks"), _("Doubtful labels"), _("Privacy and languages")),
        _("What is learnt"),
    ]


def show() -> Any:
    """The containers of all tabs, in the order of their names; a reload and a way back find the same one open."""
    names = _names()
    if state.get(KEY, None) not in names:  # a new session, a way back, or another language
        state.put(KEY, names[_last()])
    shown = st.tabs(names, key=KEY, on_change="rerun")
    at = names.index(state.get(KEY, names[0])) if state.get(KEY, None) in names else 0
    state.put(LAST, (state.dataset_id(), at))
    state.set_parameters(tab=str(at) if at else None)
    return shown


def _last() -> int:
    """The tab that the URL names, else the one that was open last for this dataset."""
    in_url = state.parameter("tab")
    if in_url.isdecimal() and len(in_url) == 1 and int(in_url) < len(_names()):
        return int(in_url)
    dataset, at = state.get(LAST, (None, 0))
    return int(at) if dataset == state.dataset_id() else 0


def name(at: int) -> str:
    """The name of the tab at this place."""
    return _names()[at]


def open_tab(at: int) -> None:
    """In a callback: show the tab at this place."""
    state.put(KEY, _names()[at])


def open_repeats(findings: str | None = None) -> None:
    """In a callback: show the tab that compares the rows, and there these findings."""
    open_tab(2)
    if findings:
        state.put("relations_sort", findings)
