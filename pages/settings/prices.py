"""Models and prices: the dated table that every estimate is made from, open to correction."""

from __future__ import annotations

import streamlit as st

from core.words import _
from pages.parts import feedback, pricing

st.title(_("Models and prices"))
st.write(
    _(
        "Estimates are made from this table, in US dollars per million tokens. Providers change prices and end dates: "
        "correct what is outdated, and note the day you checked it."
    )
)
with feedback.errors():
    pricing.table()
