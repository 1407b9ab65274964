"""Trainings that were taken off the list: hidden, shown again where somebody asks, and put back with one click."""

from __future__ import annotations

import streamlit as st

from core.jobs.values import Job
from core.words import _
from pages.parts import feedback, resources, state

SHOWING = "jobs_removed"


def shown(jobs: dict[int, Job]) -> dict[int, Job]:
    """The trainings on the list; the removed ones too where that is wanted, and the one that is open in any case."""
    every, opened = state.get(SHOWING, False), state.job_id()
    return {id: job for id, job in jobs.items() if every or not job.is_removed or id == opened}


def switch(jobs: dict[int, Job]) -> None:
    """The switch that shows the removed ones too, where there are any."""
    removed = [id for id, job in jobs.items() if job.is_removed]
    if removed:
        st.toggle(_("Show removed ({n})", n=f"{len(removed):,}"), key=SHOWING, on_change=_switched, args=(removed,))


def _switched(removed: list[int]) -> None:
    """Close a removed training that is no longer to be seen."""
    if not state.get(SHOWING, False) and state.job_id() in removed:
        state.open_job(None)


def button(job: Job) -> None:
    """Take the training off the list, or put it back."""
    if job.is_removed:
        st.button(
            _("Put it back on the list"), icon=":material/undo:", type="tertiary", key=f"put-back-{job.id}",
            on_click=_put_back, args=(job.id,),
        )  # fmt: skip
        return
    over = job.is_over or job.connection_id not in {each.id for each in resources.store().jobs.connections()}
    why = _("A training that is not over stays on the list: stop it or give it up first, or wait for its end.")
    with st.popover(
        _("Remove from the list"), icon=":material/playlist_remove:", type="tertiary", disabled=not over,
        help=None if over else why,
    ):  # fmt: skip
        st.write(_("This training leaves the lists here and on Home. “Show removed” brings it back."))
        st.caption(
            _("Nothing is deleted: its model can still be asked and compared, and its curves and comparisons stay.")
            if job.is_usable
            else _("Nothing is deleted: its curves, its messages and the comparisons that were made stay.")
        )
        st.button(_("Remove it"), type="primary", key=f"remove-{job.id}", on_click=_remove, args=(job.id,))


def _remove(job_id: int) -> None:
    from core.jobs import remove

    with feedback.errors():
        job = remove(resources.store(), resources.settings(), job_id)
        state.open_job(None)
        feedback.saved(_("“{name}” is off the list.", name=job.name))


def _put_back(job_id: int) -> None:
    from core.jobs import put_back

    with feedback.errors():
        job = put_back(resources.store(), resources.settings(), job_id)
        feedback.saved(_("“{name}” is back on the list.", name=job.name))
