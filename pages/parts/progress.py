"""Long work on screen: how far it is, how long it takes, a way to stop it. Looks again by itself while it runs."""

from __future__ import annotations

import streamlit as st

from core.store.tasks import Task
from core.words import _
from pages.parts import feedback, resources
from pages.parts.text import escape

LOOK_EVERY = 1.0  # seconds between two looks at work that is going on


def show(task: Task, title: str) -> Task:
    """A task with its progress, remaining time and a Stop button; the page runs again when it has ended."""
    if task.is_active:
        st.fragment(_live, run_every=LOOK_EVERY)(task.id, title)
    elif task.state == "failed":
        feedback.show_error(task.error) if task.error else st.error(_("This did not work out."))
    return task


def _live(task_id: str, title: str) -> None:
    task = resources.store().tasks.get(task_id)
    if not task.is_active:
        st.rerun()
    with st.container(border=True):
        st.markdown(f"**{escape(title)}**")
        st.progress(task.share or 0.0, text=_line(task))
        if task.cancel_requested:
            st.caption(_("Stopping …"))
        else:
            st.button(_("Stop"), key=f"stop-{task.id}", on_click=_stop, args=(task.id,))


def _line(task: Task) -> str:
    """ "1,200 of 5,000 · about 40 s left", as far as it is known."""
    if task.state == "queued":
        return _("Waiting to begin …")
    parts = []
    if task.total:
        parts.append(_("{done} of {total}", done=f"{task.done:,}", total=f"{task.total:,}"))
    if task.remaining_s is not None:
        parts.append(_("about {time} left", time=feedback.duration(task.remaining_s)))
    if str(task.message):
        parts.append(escape(task.message))
    return " · ".join(parts) or _("Working …")


def _stop(task_id: str) -> None:
    from core import tasks

    tasks.cancel(resources.store(), resources.settings(), task_id)
