"""Settling what the comparison of the rows found: the buttons that do it, and the way back from the last one."""

from __future__ import annotations

import streamlit as st

from core import tasks
from core.dataset import relating, settling
from core.store import Dataset
from core.words import _
from pages.parts import feedback, grid, resources, undoing

WHERE = "relations"


def button(
    dataset: Dataset, label: str, icon: str, verb: settling.Verb, *more: object, key: str, help: str = ""
) -> None:
    """A small button that settles one finding."""
    st.button(label, icon=icon, type="tertiary", key=f"settle-{key}", help=help or None, on_click=done,
              args=(dataset.id, verb, *more))  # fmt: skip


def mend(dataset: Dataset, label: str, icon: str, verb: settling.Verb, stale: bool, *more: str) -> None:
    """A button that settles many findings at once; not where rows have changed since."""
    st.button(label, icon=icon, on_click=done, args=(dataset.id, verb, *more), disabled=stale,
              help=_("Compare the rows again first.") if stale else _("One step that can be undone."),
              key="-".join(("mend", verb.__name__, *more)))  # fmt: skip


def done(dataset_id: int, verb: settling.Verb, *more: object) -> None:
    """In a callback: do it, and compare anew; what is shown below a button must be what is there."""
    with feedback.errors():
        grid.flush()
        store = resources.store()
        applied = verb(store, dataset_id, *more, resources.who())
        grid.take(applied)
        grid.forget()
        if applied.batch_id is None:
            feedback.saved(_("There was nothing to change: the rows are locked, or were settled already."))
            return
        undoing.keep(WHERE, dataset_id, applied)
        _compare(dataset_id)


def _compare(dataset_id: int) -> None:
    """Compare anew where that takes a moment; a large dataset offers it instead."""
    store = resources.store()
    if store.dataset(dataset_id).rows <= relating.AT_ONCE:
        tasks.enqueue(store, resources.settings(), "relate", dataset_id)


def undo_line(dataset: Dataset) -> None:
    """What was settled last, and the way back."""
    undoing.line(WHERE, dataset, _undo)


def _undo(dataset_id: int, batch_id: int) -> None:
    with feedback.errors():
        grid.flush()
        applied = resources.store().undo(dataset_id, resources.who(), batch_id)
        grid.take(applied)
        grid.forget()
        feedback.saved(_("{n} {n:row is as it was|rows are as they were}.", n=f"{applied.saved:,}"))
        _compare(dataset_id)
