"""Trainings: all of them, and the open one live: where it stands, its curves, its checkpoints, what was said."""

from __future__ import annotations

import streamlit as st

from core.words import _
from pages.parts import feedback, following, frame, resources

st.title(_("Trainings"))
with feedback.errors():
    job = following.choose()
    if job is None:
        feedback.empty(
            _("No training on the list") if resources.store().jobs.list() else _("No training yet"),
            _("When your data are checked and split, a training takes seconds on this computer."),
            _("Start a training"),
            frame.LAUNCH,
        )
    else:
        following.show(job)
