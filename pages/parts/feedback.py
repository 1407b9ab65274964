"""What the app says back: errors in words, what was saved, empty pages that teach, the next step, progress."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import streamlit as st

from core.errors import AppError
from core.words import T, _
from pages.parts import state
from pages.parts.text import escape

log = logging.getLogger("luopan")

GOOD, DOUBT, BAD = ":green[:material/check_circle:]", ":orange[:material/warning:]", ":red[:material/block:]"


@contextmanager
def errors() -> Iterator[None]:
    """Turn an AppError into a sentence on screen; anything unforeseen is logged and said plainly.

    A callback runs before the page is drawn. What went wrong there is kept, and said where the page begins.
    """
    if not state.in_callback():
        _say_kept()
        if note := state.take("saved_note"):
            saved(note)
    try:
        yield
    except AppError as error:
        _say(error)
    except Exception:  # a page must never end in a traceback
        log.exception("unforeseen error on a page")
        _say(
            AppError(
                T("Something went wrong here that we did not foresee."),
                T("Nothing that was saved is lost; please try again."),
            )
        )


def _say(error: AppError) -> None:
    if state.in_callback():
        state.put("callback_error", error)
    else:
        show_error(error)


def _say_kept() -> None:
    """Say what went wrong in the callback of this run: at the top of the page, and where the person looks now."""
    error = state.get("callback_error", None)
    if error is None:
        return
    if state.in_fragment():  # a part that draws itself again would wipe the sentence away at once
        st.rerun()
    state.drop("callback_error")
    show_error(error)
    st.toast(escape(error.message), icon=":material/error:", duration="long")


def show_error(error: AppError) -> None:
    """An error: what happened, and below it what to do."""
    st.error(escape(error.message) + (f"\n\n{escape(error.hint)}" if str(error.hint) else ""), icon=":material/error:")


def saved(sentence: str, later: bool = False) -> None:
    """A short note that something was written down; `later`: in the run that `st.rerun` is about to begin."""
    if later:
        state.put("saved_note", sentence)
        return
    st.toast(escape(sentence), icon=":material/check_circle:")


def empty(title: str, lesson: str, label: str = "", page: str = "") -> None:
    """An empty page: what will be here, and the one step that fills it."""
    with st.container(border=True):
        st.subheader(title)
        st.write(lesson)
        if label:
            st.page_link(page, label=f"**{label}**", icon=":material/arrow_forward:")


def offer(lesson: str, label: str, key: str, on_click: Callable[..., None], *args: object) -> None:
    """Work that was not done yet: what it finds, and the button that begins it."""
    with st.container(border=True):
        st.markdown(escape(lesson))
        st.button(label, type="primary", icon=":material/search:", key=key, on_click=on_click, args=args)


def next_step(sentence: str, label: str, page: str) -> None:
    """What was reached, and the link to what comes next."""
    with st.container(border=True, horizontal=True, vertical_alignment="center"):
        st.markdown(f"{GOOD} {escape(sentence)}", width="stretch")
        st.page_link(page, label=f"**{label}**", icon=":material/arrow_forward:")


def duration(seconds: float) -> str:
    """A length of time in words: "40 s", "3 min", "2 h 5 min"."""
    whole = max(0, round(seconds))
    if whole < 90:
        return _("{n} s", n=whole)
    if whole < 5400:
        return _("{n} min", n=round(whole / 60))
    return _("{h} h {m} min", h=whole // 3600, m=whole % 3600 // 60)


def moment(at: datetime, *, seconds: bool = False) -> str:
    """A point in time on the clock of the person who looks: "14:05" or "14:05:09" today, else with its date."""
    try:
        zone = ZoneInfo(st.context.timezone or "UTC")
    except (ZoneInfoNotFoundError, ValueError):
        zone = ZoneInfo("UTC")
    local, today = at.astimezone(zone), datetime.now(zone)
    clock = "%H:%M:%S" if seconds else "%H:%M"
    return local.strftime(clock if local.date() == today.date() else f"%Y-%m-%d {clock}")
