"""Finds that are fine as they are: the button that sets one aside, and the way to bring it back."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable

import streamlit as st

from core.words import _
from pages.parts import feedback, grid, resources, state

Mark = tuple[str, str]  # the kind of a find, and what names its content
OPEN, _ASIDES = "finds_open", "asides"
SHOWN = 20  # finds that are listed where they can be brought back


def button(key: str, on_click: Callable[..., None], *args: object) -> None:
    """The small button that sets a find aside: `on_click` does it."""
    st.button(_("This is fine"), icon=":material/bookmark_check:", type="tertiary", key=f"fine-{key}",
              help=_("Set it aside: it counts no more and is left as it is, until its text is another."),
              on_click=on_click, args=args)  # fmt: skip


def fine(dataset_id: int, mark: Mark) -> None:
    """In a callback: set a find aside."""
    with feedback.errors():
        grid.flush()
        resources.store().asides.add(dataset_id, [mark])
        state.put(OPEN, mark[0])


def is_open(name: str) -> bool:
    """Whether a fold is the one in which something was pressed last: its new count would close it."""
    return state.get(OPEN, "") == name


def back(dataset_id: int, mark: Mark, key: str) -> None:
    """The small button that brings a find back."""
    st.button(_("Bring it back"), icon=":material/undo:", type="tertiary", key=f"back-{key}", on_click=_bring_back,
              args=(dataset_id, [mark]))  # fmt: skip


def _bring_back(dataset_id: int, marks: Iterable[Mark]) -> None:
    with feedback.errors():
        resources.store().asides.take_back(dataset_id, marks)
        state.put(OPEN, _ASIDES)


def folded(dataset_id: int, count: int, kinds: Collection[str], show: Callable[[], None], key: str) -> None:
    """What was set aside of these kinds, folded up, with the button that brings all of it back; nothing of nothing."""
    if not count:
        return
    with st.expander(_("{n} set aside", n=f"{count:,}"), expanded=is_open(_ASIDES)):
        show()
        with st.container(horizontal=True, vertical_alignment="center"):
            if count > SHOWN:
                st.caption(_("and {n} more", n=f"{count - SHOWN:,}"))
            if count > 1:
                st.button(_("Bring all back"), icon=":material/undo:", key=f"back-all-{key}", on_click=_all_back,
                          args=(dataset_id, kinds))  # fmt: skip


def _all_back(dataset_id: int, kinds: Collection[str]) -> None:
    _bring_back(dataset_id, [mark for mark in resources.store().asides.marks(dataset_id) if mark[0] in kinds])
