"""The table of models and prices: shown, edited, saved whole or not at all, and each row led back to what it was."""

from __future__ import annotations

from functools import partial

import pandas as pd
import streamlit as st
from streamlit.elements.lib.column_types import ColumnConfig

from core.checks import Severity, issue_table
from core.tokens import Catalogue, Price
from core.tokens.catalogue import shipped
from core.tokens.price import MONEY, TITLES, WHOLE, bad
from core.words import T, _
from pages.parts import feedback, resources, state
from pages.parts.text import escape


def table() -> None:
    """The editable table, with Save and a way back to the table that came with Luopan."""
    version = state.get("prices_version", 0)
    frame = pd.DataFrame(resources.catalogue().as_rows())
    for name in frame.columns:
        kind = "Float64" if name in (*MONEY, *WHOLE) else "boolean" if name == "validation_billed" else "string"
        frame[name] = frame[name].astype(kind)
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
        wanted = st.button(_("Save"), type="primary", icon=":material/save:")
        st.button(_("Back to the table that came with Luopan"), on_click=_reset)
    if wanted:
        with feedback.errors():
            _save(edited)
            _draw_anew()
            st.rerun()
    st.caption(
        _(
            "Prices are US dollars per million tokens, or per hour where it says so. An empty cell means “not known”, "
            "0 means “free”. Dates are written 2027-01-06. More columns to the right: formats, limits, sources."
        )
    )
    _changes()


def _columns() -> dict[str, ColumnConfig | str | None]:
    column = st.column_config
    price = partial(column.NumberColumn, min_value=0, format="%.2f", width=90)
    whole = partial(column.NumberColumn, min_value=0, format="localized", width=120)
    day = partial(column.TextColumn, width=120)

    def name(field: str) -> str:
        return str(TITLES[field])

    return {
        "provider": column.TextColumn(name("provider"), width=90, pinned=True),
        "model": column.TextColumn(
            name("model"), help=_("* stands for every other model of the provider"), width=210, pinned=True
        ),
        "training": price(name("training")),
        "input": price(name("input")),
        "cached": price(name("cached"), help=_("Input that the provider had seen just before")),
        "output": price(name("output")),
        "jobs_end": day(name("jobs_end"), help=_("The first day without new trainings")),
        "answers_end": day(name("answers_end"), help=_("The first day on which its models no longer answer")),
        "checked_on": day(name("checked_on")),
        "training_hour": price(name("training_hour"), help=_("Where time is billed, not tokens"), width=130),
        "validation_billed": column.CheckboxColumn(
            name("validation_billed"), help=_("Whether the held-out rows cost money too"), width=120
        ),
        "hosting_hour": price(name("hosting_hour"), help=_("What the model costs while nobody asks it"), width=130),
        "hosting_month": price(name("hosting_month"), width=140),
        "context": whole(name("context"), help=_("In tokens; what is beyond is cut off")),
        "formats": column.TextColumn(
            name("formats"), help="chat, completion, preference, reinforcement, tools, images", width=200
        ),
        "methods": column.TextColumn(name("methods"), help="supervised, dpo, reinforcement", width=130),
        "accepts": column.TextColumn(
            name("accepts"),
            help=_(
                "Warnings of the checks that this provider gives no reason for: {names}",
                names=", ".join(_warnings()),
            ),
            width=180,
        ),
        "suffix": whole(name("suffix"), help=_("In characters; 0: it takes none")),
        "minimum": whole(name("minimum")),
        "file_mb": whole(name("file_mb")),
        "encoding": column.TextColumn(name("encoding"), width=110),
        "source": column.TextColumn(name("source"), width=320),
        "note": column.TextColumn(name("note"), width=320),
    }


def _warnings() -> list[str]:
    """The warnings of the checks, by their codes."""
    return [code for code, severity in issue_table().items() if severity is Severity.WARNING]


def _save(edited: pd.DataFrame) -> None:
    rows = [
        {name: None if pd.isna(value) or value == "" else value for name, value in row.items()}
        for row in edited.to_dict("records")
    ]
    catalogue = Catalogue.from_rows(rows)
    for number, price in enumerate(catalogue.prices, start=1):
        for code in price.accepts:
            if code not in _warnings():
                raise bad(number, "accepts", code, T("Choose from these: {names}.", names=", ".join(_warnings())))
    _keep(catalogue.edited())
    kept = {price.name for price in catalogue.prices}
    if any(price.name not in kept for price in Catalogue.load().prices):
        feedback.saved(_("The table is saved. Rows that came with Luopan stay in it, as they came."), later=True)
    else:
        feedback.saved(_("The table is saved."), later=True)


def _keep(edited: list[Price]) -> None:
    """Store what differs from the table that came with Luopan, so that the rest follows its newer versions."""
    rows = [price.as_row() for price in edited]
    resources.store().preferences.set(resources.PRICES, rows or None)


def _changes() -> None:
    """Every row that a person changed or added, with what is different and the way back."""
    edited = resources.catalogue().edited()
    if not edited:
        return
    st.subheader(_("Your changes"))
    for number, price in enumerate(edited):
        before = shipped(*price.name)
        with st.container(horizontal=True, vertical_alignment="center"):
            st.markdown(f"**{escape(price.provider)}: {escape(price.model)}** · {escape(_difference(before, price))}")
            label = _("Back to what came with Luopan") if before else _("Take it out")
            st.button(label, key=f"price_back_{number}", on_click=_restore, args=price.name, icon=":material/undo:")


def _difference(before: Price | None, after: Price) -> str:
    if before is None:
        return _("added by you")
    was, now = before.as_row(), after.as_row()
    changed = [name for name in now if now[name] != was[name]]
    return "; ".join(f"{TITLES.get(name, name)}: {_cell(was[name])} → {_cell(now[name])}" for name in changed)


def _cell(value: object) -> str:
    if value is None or value == "":
        return "–"
    if isinstance(value, int | float) and not isinstance(value, bool):
        return f"{value:,.10g}"
    return str(value)[:60]


def _restore(provider: str, model: str) -> None:
    """Lead one row back to what came with Luopan; one that a person added goes."""
    _keep([price for price in resources.catalogue().edited() if price.name != (provider, model)])
    _draw_anew()


def _reset() -> None:
    resources.store().preferences.set(resources.PRICES, None)
    _draw_anew()


def _draw_anew() -> None:
    """Let the next table begin with what is stored: this one would apply its edits to it a second time."""
    state.put("prices_version", state.get("prices_version", 0) + 1)
