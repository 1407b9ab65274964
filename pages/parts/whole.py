"""What a click asked for is done whole, also while the browser already asks for the next drawing of the page.

Streamlit ends a run for a newer one wherever the run touches session state or sends something, by an exception. In a
callback the rest of the callback is lost by that, and the click with it, since a button reports a press only once:
on a busy machine it was one press of Undo in four behind an edit. A callback is short; here the newer run waits for
its end. It begins right after the callbacks, where Streamlit looks for it once more.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from streamlit.runtime.scriptrunner.script_runner import ScriptRunner
from streamlit.runtime.state.session_state import SessionState

_here = threading.local()
_interrupt = ScriptRunner._maybe_handle_execution_control_request
_call = SessionState._run_callback_and_record_rerun


def _interrupt_unless_called_back(runner: ScriptRunner) -> None:
    if not getattr(_here, "called_back", False):
        _interrupt(runner)


def _call_whole(session: SessionState, votes: Any, run: Callable[[], None]) -> None:
    _here.called_back = True
    try:
        _call(session, votes, run)
    finally:
        _here.called_back = False


def keep_callbacks_whole() -> None:
    """From now on no callback in this process is broken off."""
    ScriptRunner._maybe_handle_execution_control_request = _interrupt_unless_called_back  # type: ignore[method-assign,assignment]
    SessionState._run_callback_and_record_rerun = _call_whole  # type: ignore[method-assign,assignment]
