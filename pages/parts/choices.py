"""The choices that several pages share: which dataset, which connection, which model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

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
    names = {id: f"{one.name} · {_('{n} {n:row|rows}', n=f'{one.rows:,}')}" for id, one in known.items()}
    chosen = one_of(_("Dataset"), names, state.dataset_id())
    if len(known) == 1:
        rows = _("{n} {n:row|rows}", n=f"{known[chosen].rows:,}")
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


def offered_models(connection_id: str, base_url: str, method: str) -> list[str]:
    """The ids of the models that a connection offers now and that can, as far as it says, be trained by this method.
    Checkpoints are left to be typed: each training has several, and its last model stands for them."""
    offered = _offered(connection_id, base_url).items()
    return [name for name, methods in offered if (methods is None or method in methods) and ":ckpt-step-" not in name]


@st.cache_data(ttl=20, show_spinner=False)
def _offered(connection_id: str, base_url: str) -> dict[str, list[str] | None]:
    """Each model of a connection with its methods; empty where it does not answer."""
    from core import provider
    from core.errors import AppError

    connection = resources.store().jobs.connection(connection_id)
    try:
        with provider.connect(resources.settings(), connection, patience=2) as client:
            return methods_of(client.models().unwrap(), connection.is_local)
    except AppError:
        return {}


def methods_of(listed: Sequence[Mapping[str, Any]], is_local: bool) -> dict[str, list[str] | None]:
    """How each model can be trained; a tuned one as its parent. None where nobody says so: the local provider says it
    of all that it trains."""
    models = {str(model["id"]): model for model in listed if model.get("id")}
    said = {name: model.get("methods", [] if is_local else None) for name, model in models.items()}
    return {name: said.get(str(model.get("parent")), said[name]) for name, model in models.items()}


def forget_offered() -> None:
    """Ask again what connections offer."""
    _offered.clear()
