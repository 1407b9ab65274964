"""What can be done with the rows of the grid: add, delete, undo, redo; and when the last change was written."""

from __future__ import annotations

import streamlit as st

from core.dataset.examples import Kind
from core.errors import NotFound
from core.store import Dataset
from core.words import _
from pages.parts import clashes, feedback, grid, resources, state, steps, view
from pages.parts.snapshot import Snapshot, addition
from pages.parts.text import escape


def show(dataset: Dataset, shown: Snapshot) -> None:
    """The buttons above the grid, and the line that says what is saved."""
    store, ticked = resources.store(), grid.ticked(shown)
    with st.container(horizontal=True, vertical_alignment="center"):
        st.button(_("Add row"), icon=":material/add:", on_click=_add, args=(dataset.id, dataset.kind))
        label = _("Delete {n} ticked", n=len(ticked)) if ticked else _("Delete ticked")
        st.button(label, icon=":material/delete:", disabled=not ticked, on_click=_delete)
        st.button(
            _("Undo"),
            icon=":material/undo:",
            disabled=not store.can_undo(dataset.id),
            on_click=_step_back,
            args=(dataset.id,),
        )
        st.button(
            _("Redo"),
            icon=":material/redo:",
            disabled=not store.can_redo(dataset.id),
            on_click=_step_on,
            args=(dataset.id,),
        )
        steps.menu(dataset)
        if dataset.revision > shown.dataset_revision:
            st.button(_("Changed by others: show it"), icon=":material/refresh:", on_click=_reload)
        st.space("stretch")
        st.caption(_saved(dataset), width="content")


def _saved(dataset: Dataset) -> str:
    """When and by whom the last change was written."""
    last = resources.store().history(dataset.id, limit=1)
    if not last:
        return _("Nothing changed since the import")
    who, when = escape(last[0].who), escape(feedback.moment(last[0].at))
    return _("Saved {when} by {who} · revision {n}", when=when, who=who, n=dataset.revision)


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
    grid.step(dataset_id, resources.store().undo)


def _step_on(dataset_id: int) -> None:
    grid.step(dataset_id, resources.store().redo)


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
    locked = store.splits.lock(dataset_id) is not None
    applied = grid.write(addition(kind, after, like, locked))
    if applied is None or not applied.added_ids:
        return
    view.clear()
    added = applied.added_ids[0]
    number = store.position_page(dataset_id, added, view.current().size)
    state.set_parameters(row=str(added), page=str(number))
    grid.forget()
