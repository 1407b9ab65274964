"""The choices that several pages share: which dataset, which connection, which model."""

from __future__ import annotations

import streamlit as st

from core.provider.connection import Connection
from core.store import Dataset
from core.words import _
from pages.parts import feedback, frame, resources, state
from pages.parts.text import escape


def dataset() -> Dataset | None:
    """The dataset that is open, with a chooser where there are several; None (and a lesson) where there is none."""
    known = {dataset.id: dataset for dataset in resources.store().datasets()}
    if not known:
        feedback.empty(
            _("No data here yet"),
            _("Everything begins with a table of examples: what is asked, and what a good answer is."),
            _("Bring data or try a sample"),
            frame.IMPORT,
        )
        return None
    chosen = state.dataset_id()
    if chosen not in known:
        chosen = next(iter(known))
    if len(known) > 1:
        chosen = st.selectbox(
            _("Dataset"),
            list(known),
            index=list(known).index(chosen),
            format_func=lambda number: f"{known[number].name} · {_('{n} rows', n=f'{known[number].rows:,}')}",
            label_visibility="collapsed",
        )
    else:
        rows = _("{n} rows", n=f"{known[chosen].rows:,}")
        st.markdown(f"**{escape(known[chosen].name)}** · {escape(rows)}", width="stretch")
    state.open_dataset(chosen)
    return known[chosen]


def connection(label: str, key: str, default: str = "local") -> Connection:
    """One of the connections that were set up; the local one is always there."""
    known = {connection.id: connection for connection in resources.store().jobs.connections()}
    return known[
        st.selectbox(
            label,
            list(known),
            index=list(known).index(default) if default in known else 0,
            format_func=lambda id: connection_name(known[id]),
            key=key,
        )
    ]


def connection_name(connection: Connection) -> str:
    """What a connection is called on screen."""
    return _("This computer (local provider)") if connection.is_local else connection.name


@st.cache_data(ttl=20, show_spinner=False)
def offered_models(connection_id: str, base_url: str) -> list[str]:
    """The ids of the models that a connection offers now; an empty list where it does not answer."""
    from core import provider
    from core.errors import AppError

    try:
        with provider.connect(
            resources.settings(), resources.store().jobs.connection(connection_id), patience=2
        ) as client:
            return [str(model["id"]) for model in client.models().unwrap() if model.get("id")]
    except AppError:
        return []
