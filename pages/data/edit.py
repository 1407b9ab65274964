"""Edit: one page of rows in a grid, the open row in a form beside it, every change written down at once."""

from __future__ import annotations

from typing import Any

import streamlit as st

from core.words import _
from pages.parts import choices, clashes, feedback, frame, grid, manage, rowactions, rowform, state, view
from pages.parts.snapshot import Snapshot


def page() -> None:
    """Load the rows of the view, show them, offer what can be done with them."""
    st.title(_("Edit"))
    with st.container(horizontal=True, vertical_alignment="center"):
        dataset = choices.dataset()
        if dataset is None:
            return
        manage.menu(dataset)
    if dataset.state != "ready":
        st.info(_("This dataset is still being imported. Its rows appear here when it is complete."))
        return
    view.toolbar(dataset)
    _catch_up(dataset.id)
    asked = view.current()
    shown = grid.load(
        dataset, asked.filter, sort=asked.sort, descending=asked.descending, page=asked.page, size=asked.size
    )
    state.on_flush(grid.flush)
    rowactions.show(dataset, shown)
    clashes.show(dataset)
    opened = state.parameter("row")
    if opened.isdecimal():
        rows, form = st.columns([3, 2], gap="medium")
        with rows:
            said = _rows(shown, asked)
        with form:
            _form(int(opened))
    else:
        said = _rows(shown, asked)
    feedback.next_step(_("Every change is saved as you make it."), _("Check the data"), frame.CHECK)
    if dataset.id in grid.outdated():
        st.rerun()  # something of our own was written while this page was being drawn
    if not shown.exact:
        grid.count_on(shown, lambda: _say_rows(said, shown, asked))


def _catch_up(dataset_id: int) -> None:
    """Read the rows anew where they do not have yet what was written."""
    outdated = grid.outdated()
    if dataset_id in outdated:
        outdated.discard(dataset_id)
        clashes.reread()


def _rows(shown: Snapshot, asked: view.View) -> Any:
    """The grid, and below it which rows these are: the place where that is said, to say it anew."""
    if not shown.ids:
        with st.container(border=True):
            st.write(_("No row fits these filters.") if asked.is_filtered else _("This dataset has no rows yet."))
            if asked.is_filtered:
                st.button(_("Show all rows"), on_click=view.clear)
        return st
    grid.show(shown, _open, narrow=bool(state.parameter("row")))
    with st.container(horizontal=True, vertical_alignment="center"):
        said = st.empty()
        _say_rows(said, shown, asked)
        view.pager(shown.pages, asked.page)
    return said


def _say_rows(said: Any, shown: Snapshot, asked: view.View) -> None:
    """Which rows are shown, and of how many: of more than so many while they are being counted."""
    first = (min(asked.page, shown.pages) - 1) * asked.size + 1
    numbers = {"first": f"{first:,}", "last": f"{first + len(shown.ids) - 1:,}", "total": f"{shown.total:,}"}
    if shown.exact:
        sentence = _("Rows {first} to {last} of {total}", **numbers)
    else:
        sentence = _("Rows {first} to {last} of more than {total}", **numbers)
    said.caption(sentence, width="stretch")


def _form(example_id: int) -> None:
    with st.container(border=True):
        with st.container(horizontal=True, vertical_alignment="center"):
            st.subheader(_("The open row"), width="stretch")
            st.button("", icon=":material/close:", type="tertiary", help=_("Close the form"), on_click=_close)
        rowform.show(example_id)


def _open(example_id: int) -> None:
    state.set_parameters(row=str(example_id))


def _close() -> None:
    grid.flush()
    state.set_parameters(row=None)


with feedback.errors():
    page()
