"""Compare: the base model and the fine-tuned one on rows that neither has trained on."""

from __future__ import annotations

import streamlit as st

from core.words import _
from pages.parts import comparing, feedback, results

st.title(_("Compare models"))
with feedback.errors():
    evaluation = comparing.choose()
    if evaluation is None:
        comparing.start()
    elif comparing.is_done(evaluation):
        results.show(evaluation)
