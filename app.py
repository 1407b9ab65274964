"""Luopan in the browser: `streamlit run app.py` starts the app, its worker and its local provider."""

from __future__ import annotations

from pathlib import Path

import streamlit as st
from streamlit.runtime.pages_manager import PagesManager
from streamlit.runtime.scriptrunner import get_script_run_ctx

from pages.parts import frame, security

ICON = Path(__file__).parent / "pages" / "parts" / "icon.png"


def main() -> None:
    """Draw the frame around the pages and run the one that was chosen."""
    st.set_page_config(page_title="Luopan", page_icon=str(ICON), layout="wide")
    frame.begin()
    frame.navigation().run()
    frame.end()


if get_script_run_ctx() is None:
    # The module is imported by the server, once, before any page runs. Streamlit takes a folder named `pages` for its
    # older kind of pages until st.navigation ran for the first time, and would not find the first deep link.
    PagesManager.uses_pages_directory = False
    app = st.App(__file__, lifespan=frame.companions, middleware=security.middleware())
else:
    main()
