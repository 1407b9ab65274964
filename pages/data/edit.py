"""Edit: one page of rows in a grid, the open row in a form beside it, every change written down at once."""

from __future__ import annotations

import streamlit as st

from core.dataset.examples import Kind
from core.errors import NotFound
from core.store import Dataset
from core.words import _
from pages.parts import choices, clashes, feedback, frame, grid, manage, resources, rowform, state, view
from pages.parts.snapshot import Snapshot, addition
from pages.parts.text import escape


def page() -> None:
    """Load the rows of the view, show them, offer what can be done with them."""
    with st.container(horizontal=True, vertical_alignment="center"):
        st.title(_("Edit"), width="content")
        dataset = choices.dataset()
        if dataset is None:
            return
        manage.menu(dataset)
    if dataset.state != "ready":
        st.info(_("This dataset is still being imported. Its rows appear here when it is complete."))
        return
    view.toolbar(dataset)
    asked = view.current()
    shown = grid.load(
        dataset, asked.filter, sort=asked.sort, descending=asked.descending, page=asked.page, size=asked.size
    )
    state.on_flush(grid.flush)
    _actions(dataset, shown)
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


def _actions(dataset: Dataset, shown: Snapshot) -> None:
    store, ticked = resources.store(), grid.ticked(shown)
    with st.container(horizontal=True, vertical_alignment="center"):
        st.button(_("Add row"), icon="➕", on_click=_add, args=(dataset.id, dataset.kind))
        label = _("Delete {n} ticked", n=len(ticked)) if ticked else _("Delete ticked")
        st.button(label, icon="🗑️", disabled=not ticked, on_click=_delete)
        st.button(_("Undo"), icon="↩️", disabled=not store.can_undo(dataset.id), on_click=_step_back, args=(dataset.id,))
        st.button(_("Redo"), icon="↪️", disabled=not store.can_redo(dataset.id), on_click=_step_on, args=(dataset.id,))
        if dataset.revision > shown.dataset_revision:
            st.button(_("Changed by others: show it"), icon="🔄", on_click=_reload)
        st.space("stretch")
        st.caption(_saved(dataset))


def _saved(dataset: Dataset) -> str:
    """When and by whom the last change was written."""
    last = resources.store().history(dataset.id, limit=1)
    if not last:
        return _("Nothing changed since the import")
    who, when = escape(last[0].who), escape(feedback.moment(last[0].at))
    return _("✅ Saved {when} by {who} · revision {n}", when=when, who=who, n=dataset.revision)


def _rows(dataset: Dataset, shown: Snapshot, asked: view.View) -> None:
    if not shown.ids:
        with st.container(border=True):
            st.write(_("No row fits these filters.") if asked.is_filtered else _("This dataset has no rows yet."))
            if asked.is_filtered:
                st.button(_("Show all rows"), on_click=view.clear)
        return
    grid.show(shown, _open)
    first = (min(asked.page, shown.pages) - 1) * asked.size + 1
    with st.container(horizontal=True, vertical_alignment="center"):
        last, total = f"{first + len(shown.ids) - 1:,}", f"{shown.total:,}"
        st.caption(_("Rows {first} to {last} of {total}", first=f"{first:,}", last=last, total=total), width="stretch")
        view.pager(shown.pages, asked.page)


def _form(example_id: int) -> None:
    with st.container(border=True):
        with st.container(horizontal=True, vertical_alignment="center"):
            st.subheader(_("Row"), width="stretch")
            st.button("✕", type="tertiary", help=_("Close the form"), on_click=_close)
        rowform.show(example_id)


def _open(example_id: int) -> None:
    state.set_parameters(row=str(example_id))


def _close() -> None:
    grid.flush()
    state.set_parameters(row=None)


def _reload() -> None:
    grid.flush()
    clashes.reread()


def _delete() -> None:
    grid.flush()
    shown = grid.snapshot()
    gone = grid.ticked(shown) if shown else []
    if str(state.parameter("row")) in map(str, gone):
        state.set_parameters(row=None)
    grid.delete(gone)


def _step_back(dataset_id: int) -> None:
    grid.flush()
    grid.take(resources.store().undo(dataset_id, resources.who()))
    clashes.reread()


def _step_on(dataset_id: int) -> None:
    grid.flush()
    grid.take(resources.store().redo(dataset_id, resources.who()))
    clashes.reread()


def _add(dataset_id: int, kind: Kind) -> None:
    """An empty row below the open one (else at the end), opened in the form, on the page of the grid where it is."""
    grid.flush()
    store, opened = resources.store(), state.parameter("row")
    try:
        after = store.example(int(opened)) if opened.isdecimal() else None
    except NotFound:
        after = None
    shown = grid.snapshot()
    like = after or next(iter(shown.rows.values()), None) if shown else after
    applied = grid.write(addition(kind, after, like))
    if applied is None or not applied.added_ids:
        return
    view.clear()
    added = applied.added_ids[0]
    number = store.position_page(dataset_id, added, view.current().size)
    state.set_parameters(row=str(added), page=str(number))
    grid.forget()


with feedback.errors():
    page()
