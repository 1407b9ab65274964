"""Edit: one page of rows in a grid, the open row in a form beside it, every change written down at once."""

from __future__ import annotations

import streamlit as st

from core.store import Dataset
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
    clashes.show()
    opened = state.parameter("row")
    if opened.isdecimal():
        rows, form = st.columns([3, 2], gap="medium")
        with rows:
            _rows(dataset, shown, asked)
        with form:
            _form(int(opened))
    else:
        _rows(dataset, shown, asked)
    feedback.next_step(_("Every change is saved as you make it."), _("Check the data"), frame.CHECK)
    if dataset.id in grid.outdated():
        st.rerun()  # something of our own was written while this page was being drawn


def _catch_up(dataset_id: int) -> None:
    """Read the rows anew where they do not have yet what was written."""
    outdated = grid.outdated()
    if dataset_id in outdated:
        outdated.discard(dataset_id)
        clashes.reread()


def _rows(dataset: Dataset, shown: Snapshot, asked: view.View) -> None:
    if not shown.ids:
        with st.container(border=True):
            st.write(_("No row fits these filters.") if asked.is_filtered else _("This dataset has no rows yet."))
            if asked.is_filtered:
                st.button(_("Show all rows"), on_click=view.clear)
        return
    grid.show(shown, _open, narrow=bool(state.parameter("row")))
    first = (min(asked.page, shown.pages) - 1) * asked.size + 1
    with st.container(horizontal=True, vertical_alignment="center"):
        last, total = f"{first + len(shown.ids) - 1:,}", f"{shown.total:,}"
        st.caption(_("Rows {first} to {last} of {total}", first=f"{first:,}", last=last, total=total), width="stretch")
        view.pager(shown.pages, asked.page)


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
