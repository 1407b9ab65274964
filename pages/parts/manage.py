"""The small menu of a dataset: another name for it, or away with it."""

from __future__ import annotations

import streamlit as st

from core.store import Dataset
from core.words import _
from pages.parts import feedback, grid, resources, state
from pages.parts.text import escape


def menu(dataset: Dataset) -> None:
    """Rename or delete the open dataset."""
    with st.popover(_("Manage"), icon=":material/tune:"):
        st.text_input(
            _("Name"), dataset.name, key=f"rename_{dataset.id}", on_change=_rename, args=(dataset.id,), max_chars=120
        )
        if dataset.origin:
            st.caption(_("From {origin}", origin=escape(dataset.origin)))
        sure = st.checkbox(
            _("Delete {n:the|all} {n} {n:row and its|rows and their} history", n=f"{dataset.rows:,}"),
            key=f"delete_sure_{dataset.id}",
        )
        st.button(
            _("Delete dataset"), icon=":material/delete:", disabled=not sure, on_click=_delete, args=(dataset.id,)
        )


def _rename(dataset_id: int) -> None:
    grid.flush()
    name = str(state.get(f"rename_{dataset_id}", "")).strip()
    if name:
        resources.store().rename(dataset_id, name)


def _delete(dataset_id: int) -> None:
    state.on_flush(None)
    grid.forget()
    store = resources.store()
    name = store.dataset(dataset_id).name
    store.delete_dataset(dataset_id)
    feedback.saved(_("“{name}” was deleted.", name=name))
    state.open_dataset(None)
    state.set_parameters(row=None)
