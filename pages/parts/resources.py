"""Things made once for the whole app: settings and the store."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from core.settings import Settings
from core.store import Store

if TYPE_CHECKING:
    from core.tokens import Catalogue

PRICES = "prices"  # the preference that holds an edited price table


@st.cache_resource(show_spinner=False)
def settings() -> Settings:
    """This machine's settings, read once."""
    return Settings.from_env()


@st.cache_resource(show_spinner=False)
def store() -> Store:
    """The store, opened once and shared by all sessions."""
    return Store.open(settings())


def who() -> str:
    """The name written into the history of edits: the person logged in, else this machine's user."""
    name = getattr(st.user, "email", None) or getattr(st.user, "name", None)
    return str(name or settings().user)


def catalogue() -> Catalogue:
    """Models and prices: those that came with Luopan, or the table a person edited."""
    from core.tokens import Catalogue

    return Catalogue.load(store().preferences.get(PRICES))
