"""Models and prices: the dated table behind every estimate and every check of a target, open to correction."""

from __future__ import annotations

import streamlit as st

from core.words import _
from pages.parts import feedback, pricing, tokenisers

st.title(_("Models and prices"))
st.write(
    _(
        "What models take, what they cost and when they end: checks and estimates are made from this table. Providers "
        "change all of it: correct what is outdated, and note the day you checked it."
    )
)
with feedback.errors():
    pricing.table()
    tokenisers.manage()
