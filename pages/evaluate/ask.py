"""Ask both: one free question to the base model and to the fine-tuned one."""

from __future__ import annotations

import streamlit as st

from core.words import _
from pages.parts import asking, comparing, feedback

st.title(_("Ask both models"))
with feedback.errors():
    job = comparing.choose_job("ask_job")
    if job:
        asking.show(job)
