"""Connections: the providers that trainings are sent to, their addresses and keys."""

from __future__ import annotations

import streamlit as st

from core.words import _
from pages.parts import connecting, feedback

st.title(_("Connections"))
st.write(_("Where trainings can be sent: this computer, or any provider that speaks the OpenAI fine-tuning protocol."))
with feedback.errors():
    connecting.overview()
    connecting.form()
