"""The choices that several pages share: which dataset, which connection, which model."""

from __future__ import annotations

from collections.abc import Mapping

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
    names = {id: f"{one.name} · {_('{n} rows', n=f'{one.rows:,}')}" for id, one in known.items()}
    chosen = one_of(_("Dataset"), names, state.dataset_id())
    if len(known) == 1:
        rows = _("{n} rows", n=f"{known[chosen].rows:,}")
        st.markdown(f"**{escape(known[chosen].name)}** · {escape(rows)}", width="stretch")
    state.open_dataset(chosen)
    return known[chosen]


def one_of(label: str, names: Mapping[int, str], open_now: int | None) -> int:
    """The one that is open, or the first; with a chooser where there are several."""
    chosen = next(iter(names)) if open_now is None or open_now not in names else open_now
    if len(names) == 1:
        return chosen
    return st.selectbox(
        label,
        list(names),
        index=list(names).index(chosen),
        format_func=names.__getitem__,
        label_visibility="collapsed",
    )


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
