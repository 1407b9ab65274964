"""Home's view of the work: the way from data to model with what is reached, and what was worked on last."""

from __future__ import annotations

import streamlit as st

from core.dataset.examples import Split
from core.store import Dataset
from core.words import _
from pages.parts import feedback, frame, resources, state
from pages.parts.text import escape

SHOWN = 5


def path() -> None:
    """The five steps, each a link, with a tick where something was reached."""
    store = resources.store()
    datasets, jobs = store.datasets(), store.jobs.list()
    steps = [
        (frame.IMPORT, _("1 · Bring data"), bool(datasets)),
        (frame.EDIT, _("2 · Look and edit"), any(dataset.revision > 1 for dataset in datasets)),
        (frame.CHECK, _("3 · Check and split"), bool(jobs) or any(map(_is_split, datasets))),
        (frame.LAUNCH, _("4 · Train"), any(job.is_usable for job in jobs)),
        (frame.COMPARE, _("5 · Compare"), any(run.finished_at for run in store.evaluations.all())),
    ]
    with st.container(border=True, horizontal=True, horizontal_alignment="distribute"):
        for page, label, reached in steps:
            st.page_link(
                page, label=label, icon=":material/check_circle:" if reached else ":material/radio_button_unchecked:"
            )


def _is_split(dataset: Dataset) -> bool:
    return bool(resources.store().split_counts(dataset.id).get(Split.VALIDATION))


def show() -> None:
    """The newest datasets and trainings, each with the way on; nothing where there are none."""
    store = resources.store()
    datasets = store.datasets()[:SHOWN]
    jobs = [job for job in store.jobs.list() if not job.is_removed][:SHOWN]
    if not datasets:
        return
    st.subheader(_("Where you left off"))
    left, right = st.columns(2)
    with left.container(border=True):
        st.caption(_("Datasets"))
        for dataset in datasets:
            with st.container(horizontal=True, vertical_alignment="center"):
                rows = _("{n} {n:row|rows}", n=f"{dataset.rows:,}")
                st.markdown(f"{escape(dataset.name)} · {escape(rows)}", width="stretch")
                st.button(_("Open"), key=f"dataset-{dataset.id}", on_click=_open, args=("dataset", dataset.id))
    with right.container(border=True):
        st.caption(_("Trainings"))
        if not jobs:
            st.write(_("None yet."))
        for job in jobs:
            with st.container(horizontal=True, vertical_alignment="center"):
                started = feedback.moment(job.created_at)
                st.markdown(f"{escape(job.name)} · {escape(job.shown)} · {escape(started)}", width="stretch")
                st.button(_("Open"), key=f"job-{job.id}", on_click=_open, args=("job", job.id))
    chosen = state.take("go_to")
    if chosen == "dataset":
        st.switch_page(frame.EDIT)
    if chosen == "job":
        st.switch_page(frame.JOBS)


def _open(kind: str, number: int) -> None:
    (state.open_dataset if kind == "dataset" else state.open_job)(number)
    state.put("go_to", kind)
