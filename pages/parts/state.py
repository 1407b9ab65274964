"""What this browser is looking at: the only user of st.session_state and of the URL's query parameters.

What must survive lives in the store. Here is only which dataset, job or evaluation is open, and the language;
each is kept in the URL as well, so that a link or a reload finds the same view.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any, TypeVar

import streamlit as st
from streamlit.runtime.scriptrunner import get_script_run_ctx

from core import words

Value = TypeVar("Value")


def get(key: str, default: Value) -> Value:
    """The value kept for this browser session under a key."""
    return st.session_state.get(key, default)  # type: ignore[no-any-return]


def put(key: str, value: Any) -> None:
    """Keep a value for this browser session."""
    st.session_state[key] = value


def drop(*keys: str) -> None:
    """Forget the values kept under these keys."""
    for key in keys:
        st.session_state.pop(key, None)


def once(key: str, make: Callable[[], Value]) -> Value:
    """The value kept under a key, made on first use."""
    if key not in st.session_state:
        st.session_state[key] = make()
    return st.session_state[key]  # type: ignore[no-any-return]


def say_again(key: str) -> None:
    """Tell the browser a widget's value once more: one behind a button is only made when that is pressed, knows no
    more than the last run said, and what it then shows is taken for chosen. Call it before the widget."""
    if key in st.session_state:
        st.session_state[key] = st.session_state[key]


def language() -> str:
    """The language of this session: chosen, from the URL, or the browser's own."""
    if get_script_run_ctx() is None:
        return "en"
    chosen = st.session_state.get("language") or st.query_params.get("lang")
    return chosen if chosen in words.LANGUAGES else words.best_language(st.context.locale)


def choose_language(code: str) -> None:
    """Speak this language from the next run on, and say so in the URL."""
    st.session_state["language"] = code
    st.query_params["lang"] = code


def keep_language() -> None:
    """Carry a chosen language over from page to page, in the URL too: it loses its parameters on the way."""
    if st.session_state.get("language") is None and st.query_params.get("lang") in words.LANGUAGES:
        st.session_state["language"] = st.query_params["lang"]
    chosen = st.session_state.get("language")
    if chosen and st.query_params.get("lang") != chosen:
        st.query_params["lang"] = chosen


def _open(kind: str) -> int | None:
    """The id of the open thing of a kind: the URL's when it names one, else the session's."""
    in_url = st.query_params.get(kind, "")
    if in_url.isdecimal() and len(in_url) < 16:  # anything else cannot be an id
        st.session_state[f"open_{kind}"] = int(in_url)
    return st.session_state.get(f"open_{kind}")


def _show(kind: str, number: int | None) -> None:
    if number is None:
        st.session_state.pop(f"open_{kind}", None)
        st.query_params.pop(kind, None)
    else:
        st.session_state[f"open_{kind}"] = number
        st.query_params[kind] = str(number)


def dataset_id() -> int | None:
    """The id of the dataset that is open."""
    return _open("dataset")


def open_dataset(number: int | None) -> None:
    """Open a dataset (None: close it)."""
    _show("dataset", number)


def job_id() -> int | None:
    """The id of the training job that is open."""
    return _open("job")


def open_job(number: int | None) -> None:
    """Open a training job."""
    _show("job", number)


def evaluation_id() -> int | None:
    """The id of the evaluation that is open."""
    return _open("evaluation")


def open_evaluation(number: int | None) -> None:
    """Open an evaluation."""
    _show("evaluation", number)


def parameter(name: str, default: str = "") -> str:
    """A query parameter of the URL."""
    return st.query_params.get(name, default)


def set_parameters(**values: str | None) -> None:
    """Write view state (filters, sorting, page) into the URL; empty values leave it."""
    for name, value in values.items():
        if value:
            if st.query_params.get(name) != value:
                st.query_params[name] = value
        else:
            st.query_params.pop(name, None)


words.follow(language)


def on_flush(write: Callable[[], None] | None) -> None:
    """Register what must be written down before another page or callback runs (None: nothing)."""
    if write is None:
        st.session_state.pop("pending_flush", None)
    else:
        st.session_state["pending_flush"] = write


def flush_pending() -> None:
    """Write down what an editor still holds. Idempotent; called before each page and each callback."""
    write = st.session_state.get("pending_flush")
    if write is not None:
        write()


def take(key: str) -> Any:
    """The value kept under a key, which is forgotten by this; None where there is none."""
    return st.session_state.pop(key, None)


def in_callback() -> bool:
    """Whether the app is doing what a click asked for and has not begun to draw the page."""
    context = get_script_run_ctx()
    return context is not None and not context.has_script_started


def in_fragment() -> bool:
    """Whether only a part of the page is drawn again now."""
    context = get_script_run_ctx()
    return context is not None and bool(context.fragment_ids_this_run)


def new_token() -> str:
    """A random name for something that must happen only once."""
    return uuid.uuid4().hex
