"""The table of models and prices: shown, edited, saved whole or not at all."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from core.words import _
from pages.parts import feedback, resources, state

NUMBERS = ("training", "input", "cached", "output", "context")


def table() -> None:
    """The editable table, with Save and a way back to the table that came with Luopan."""
    version = state.get("prices_version", 0)
    frame = pd.DataFrame(resources.catalogue().as_rows())
    for name in frame.columns:
        frame[name] = frame[name].astype("Float64" if name in NUMBERS else "string")
    edited = st.data_editor(
        frame,
        key=f"prices-{version}",
        num_rows="dynamic",
        hide_index=True,
        height=520,
        column_config=_columns(),
        on_change="ignore",
    )
    with st.container(horizontal=True):
        if st.button(_("Save"), type="primary", icon=":material/save:"):
            with feedback.errors():
                _save(edited)
        st.button(_("Back to the table that came with Luopan"), on_click=_reset)
    st.caption(_("An empty price means “not known”, 0 means “free”. Dates are written 2027-01-06."))


def _columns() -> dict[str, object]:
    column = st.column_config
    return {
        "provider": column.TextColumn(_("Provider"), width="small"),
        "model": column.TextColumn(_("Model"), help=_("* stands for every other model of the provider")),
        "training": column.NumberColumn(_("Training"), min_value=0, format="%.2f", width="small"),
        "input": column.NumberColumn(_("Input"), min_value=0, format="%.2f", width="small"),
        "cached": column.NumberColumn(_("Cached input"), min_value=0, format="%.2f", width="small"),
        "output": column.NumberColumn(_("Output"), min_value=0, format="%.2f", width="small"),
        "context": column.NumberColumn(_("Tokens an example may have"), min_value=1, format="%d", width="small"),
        "encoding": column.TextColumn(_("Tokeniser"), width="small"),
        "methods": column.TextColumn(_("Methods"), width="small"),
        "jobs_end": column.TextColumn(_("No new trainings from"), width="small"),
        "answers_end": column.TextColumn(_("Its models are silent from"), width="small"),
        "checked_on": column.TextColumn(_("Checked on"), width="small"),
        "note": column.TextColumn(_("Note"), width="medium"),
    }


def _save(edited: pd.DataFrame) -> None:
    from core.tokens import Catalogue

    rows = [
        {name: None if pd.isna(value) or value == "" else value for name, value in row.items()}
        for row in edited.to_dict("records")
    ]
    catalogue = Catalogue.from_rows(rows)
    resources.store().preferences.set(resources.PRICES, catalogue.as_rows())
    feedback.saved(_("The table is saved."))


def _reset() -> None:
    resources.store().preferences.set(resources.PRICES, None)
    state.put("prices_version", state.get("prices_version", 0) + 1)
