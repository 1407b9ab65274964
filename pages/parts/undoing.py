"""What was settled last on the Check page, and the way back: kept with the dataset, so that a reload finds it."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from core.dataset.edits import Applied
from core.store import Dataset, Step
from core.words import _
from pages.parts import feedback, resources, steps
from pages.parts.text import escape


def keep(where: str, dataset_id: int, applied: Applied) -> None:
    """Remember in which section of the page a step was made."""
    if applied.batch_id is not None:
        resources.store().preferences.set(_key(dataset_id), {"where": where, "batch": applied.batch_id})


def last(where: str, dataset: Dataset, by_task: int | None = None) -> Step | None:
    """The step that was made last in this section, `by_task` if that was a task's; None once it is undone, or the
    dataset was changed elsewhere."""
    store = resources.store()
    kept = store.preferences.get(_key(dataset.id)) or {}
    made = {by_task, kept["batch"] if kept.get("where") == where else None} - {None}
    newest = store.history(dataset.id, limit=1) if made else []
    if not newest or newest[0].batch_id not in made:
        return None
    return _step(dataset.id, newest[0].batch_id)


@st.cache_data(max_entries=8, show_spinner=False)
def _step(dataset_id: int, batch_id: int) -> Step:
    """The newest step of a dataset, counted once: it may be of a million rows."""
    return resources.store().steps(dataset_id, 1)[0]


def line(
    where: str,
    dataset: Dataset,
    undo: Callable[[int, int], None],
    *,
    shortcut: str | None = None,
    by_task: int | None = None,
) -> None:
    """What was done last in this section, by whom and when, and the button that takes it back."""
    step = last(where, dataset, by_task)
    if step is None:
        return
    with st.container(horizontal=True, vertical_alignment="center", border=True):
        who = f"{feedback.moment(step.at)} · {step.who}"
        st.markdown(f"{feedback.GOOD} {escape(steps.said(step))} :gray[· {escape(who)}]", width="stretch")
        st.button(_("Undo"), key=f"undo_{where}", icon=":material/undo:", shortcut=shortcut, on_click=undo,
                  args=(dataset.id, step.batch_id))  # fmt: skip


def _key(dataset_id: int) -> str:
    return f"settled_{dataset_id}"
