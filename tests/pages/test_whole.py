"""A callback during which the browser asks for a newer run."""

from __future__ import annotations

import pytest
from streamlit.testing.v1 import AppTest


def script(keep: bool) -> None:
    import streamlit as st
    from streamlit.runtime.scriptrunner import RerunData, get_script_run_ctx
    from streamlit.runtime.scriptrunner.script_runner import ScriptRunner
    from streamlit.runtime.state.session_state import SessionState

    from pages.parts import whole

    if keep:
        whole.keep_callbacks_whole()
    else:
        ScriptRunner._maybe_handle_execution_control_request = whole._interrupt  # type: ignore[method-assign]
        SessionState._run_callback_and_record_rerun = whole._call  # type: ignore[method-assign]

    def press() -> None:
        context = get_script_run_ctx()
        assert context is not None and context.script_requests is not None
        context.script_requests.request_rerun(RerunData(query_string="", page_script_hash=context.page_script_hash))
        done = st.session_state.get("done", 0)
        st.toast("working")
        st.session_state["done"] = done + 1

    drawn = st.session_state.setdefault("drawn", [])
    drawn.append(st.session_state.get("done", 0))
    st.text_input("Name", key="name")
    st.button("Press", on_click=press)


@pytest.fixture(autouse=True)
def whole_again() -> None:
    from pages.parts import whole

    yield
    whole.keep_callbacks_whole()


def test_a_click_is_done_once_and_whole_and_the_newer_run_follows() -> None:
    app = AppTest.from_function(script, args=(True,)).run()
    app.text_input[0].set_value("Mei")
    app.button[0].click().run()
    assert app.session_state["done"] == 1
    assert app.session_state["drawn"][-1] == 1
    assert app.session_state["name"] == "Mei"
    assert not app.exception


def test_without_it_the_click_is_lost_which_is_why_it_is_there() -> None:
    app = AppTest.from_function(script, args=(False,)).run()
    app.button[0].click().run()
    assert "done" not in app.session_state
