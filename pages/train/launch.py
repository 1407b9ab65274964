"""New training: which data, where, which model; what is ready and what is not; one button."""

from __future__ import annotations

import streamlit as st

from core.words import _
from pages.parts import choices, feedback, launching

st.title(_("New training"))
with feedback.errors():
    dataset = choices.dataset()
    if dataset:
        left, right = st.columns([3, 2], gap="large")
        with left:
            launching.show_data(dataset)
            draft = launching.form(dataset)
        with right:
            launching.summary(dataset, draft)
