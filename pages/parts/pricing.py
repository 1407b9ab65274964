"""The table of models and prices: shown, edited, saved whole or not at all."""

from __future__ import annotations

from functools import partial

import pandas as pd
import streamlit as st
from streamlit.elements.lib.column_types import ColumnConfig

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
        placeholder="–",
        column_config=_columns(),
        column_order=list(_columns()),
        on_change="ignore",
    )
    with st.container(horizontal=True):
        if st.button(_("Save"), type="primary", icon=":material/save:"):
            with feedback.errors():
                _save(edited)
                _draw_anew()
                st.rerun()
        st.button(_("Back to the table that came with Luopan"), on_click=_reset)
    st.caption(_("An empty price means “not known”, 0 means “free”. Dates are written 2027-01-06."))


def _columns() -> dict[str, ColumnConfig | str | None]:
    column = st.column_config
    price = partial(column.NumberColumn, min_value=0, format="%.2f", width=90)
    return {
        "provider": column.TextColumn(_("Provider"), width=90),
        "model": column.TextColumn(_("Model"), help=_("* stands for every other model of the provider"), width=210),
        "training": price(_("To train")),
        "input": price(_("Input")),
        "cached": price(_("Cached"), help=_("Input that the provider had seen just before")),
        "output": price(_("Output")),
        "jobs_end": column.TextColumn(_("Trainings end"), help=_("The first day without new trainings"), width=120),
        "answers_end": column.TextColumn(
            _("Answers end"), help=_("The first day on which its models no longer answer"), width=120
        ),
        "checked_on": column.TextColumn(_("Checked on"), width=110),
        "context": column.NumberColumn(
            _("Longest example"), help=_("In tokens"), min_value=1, format="localized", width=130
        ),
        "encoding": column.TextColumn(_("Tokeniser"), width=110),
        "methods": column.TextColumn(_("Methods"), width=120),
        "note": column.TextColumn(_("Note"), width=320),
    }


def _save(edited: pd.DataFrame) -> None:
    from core.tokens import Catalogue

    rows = [
        {name: None if pd.isna(value) or value == "" else value for name, value in row.items()}
        for row in edited.to_dict("records")
    ]
    catalogue = Catalogue.from_rows(rows)
    resources.store().preferences.set(resources.PRICES, catalogue.as_rows())
    kept = {(price.provider, price.model) for price in catalogue.prices}
    if any((price.provider, price.model) not in kept for price in Catalogue.load().prices):
        feedback.saved(_("The table is saved. Rows that came with Luopan stay in it."), later=True)
    else:
        feedback.saved(_("The table is saved."), later=True)


def _reset() -> None:
    resources.store().preferences.set(resources.PRICES, None)
    _draw_anew()


def _draw_anew() -> None:
    """Let the next table begin with what is stored: this one would apply its edits to it a second time."""
    state.put("prices_version", state.get("prices_version", 0) + 1)
