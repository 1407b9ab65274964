"""The connections that are set up, a way to try each, and the form for a new one."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import streamlit as st

from core.provider.connection import PRESETS, Connection, Preset, ProviderKind
from core.words import _
from pages.parts import choices, feedback, resources, state
from pages.parts.text import escape


def overview() -> None:
    """Every connection with its address, its key (masked) and what is known of it."""
    for connection in resources.store().jobs.connections():
        with st.container(border=True):
            with st.container(horizontal=True, vertical_alignment="center"):
                st.markdown(f"**{escape(choices.connection_name(connection))}**", width="stretch")
                st.button(_("Try it"), key=f"try-{connection.id}", on_click=_try, args=(connection.id,))
                if not connection.is_local:
                    _another_key(connection)
                    _away(connection)
            st.text(_address(connection))
            if connection.kind is not ProviderKind.OTHER:  # what is told there is how to find the address
                _end(connection.preset)
            found = state.get(f"tried-{connection.id}", None)
            if found is not None:
                (st.success if found[0] else st.error)(escape(found[1]))
            if connection.is_local:
                _for_programs()


def _another_key(connection: Connection) -> None:
    """A new key for a connection that stays: its trainings are followed on."""
    with st.popover(_("Another key")):
        st.text_input(_("Key"), type="password", key=f"key-{connection.id}", autocomplete="off")
        st.button(_("Save"), type="primary", key=f"save-key-{connection.id}", on_click=_change_key, args=(connection,))


def _away(connection: Connection) -> None:
    with st.popover(_("Remove")):
        st.write(_("The connection and its key are forgotten. Trainings that run there can no longer be followed."))
        st.button(
            _("Remove it"), type="primary", key=f"remove-{connection.id}", on_click=_remove, args=(connection.id,)
        )


def _change_key(connection: Connection) -> None:
    from core import provider

    with feedback.errors():
        source = provider.save_key(resources.settings(), connection.id, _typed(f"key-{connection.id}"))
        resources.store().jobs.save_connection(replace(connection, key_source=source))
        _try(connection.id)


def _typed(key: str) -> str:
    """The key that was typed; an empty field is sent back, so that the browser forgets it as well."""
    from core.errors import BadInput
    from core.words import T

    secret: str = state.get(key, "")
    state.put(key, "")
    if not secret.strip():
        raise BadInput(T("No key was entered."), T("Paste the key, or choose “No key”."))
    return secret


def _address(connection: Connection) -> str:
    from core import provider
    from core.errors import AppError

    try:
        where = provider.endpoint.resolve(resources.settings(), connection).base_url
    except AppError as error:
        where = str(error.message)
    key = {
        "local": _("its own key"),
        "keyring": _("key in the system's keyring"),
        "file": _("key in an encrypted file"),
        "": _("no key"),
    }.get(connection.key_source) or _("key in the variable {name}", name=connection.key_source.removeprefix("env:"))
    return f"{where} · {key}"


def _end(preset: Preset) -> None:
    days = preset.days_left(date.today())
    if days is not None and days >= 0:
        sentence = _("New trainings end here on {day}: {n} {n:day|days} left.", day=preset.last_new_job, n=days)
        (st.warning if days < 60 else st.info)(escape(sentence), icon=":material/event:")
    elif days is not None:
        st.error(escape(_("New trainings ended here on {day}.", day=preset.last_new_job)), icon=":material/event:")
    for note in preset.notes:
        st.caption(escape(note))


def _for_programs() -> None:
    from core import provider
    from core.errors import AppError

    with st.expander(_("Use it from your own programs")):
        try:
            where = provider.endpoint.resolve(resources.settings(), provider.LOCAL).base_url
        except AppError as error:
            feedback.show_error(error)
            return
        st.write(_("Any program that speaks to OpenAI can train here: give it this address and key."))
        key_file = resources.settings().provider_home / "key"
        st.code(
            "from pathlib import Path\nfrom openai import OpenAI\n\n"
            f"client = OpenAI(base_url={where!r}, api_key=Path({str(key_file)!r}).read_text())",
            language="python",
        )


def form() -> None:
    """A new connection: a known provider fills in its address."""
    with st.expander(_("Add a connection"), icon=":material/add:", expanded=state.get("adding_connection", False)):
        kinds = [kind for kind in ProviderKind if kind != ProviderKind.LOCAL]
        kind = st.selectbox(_("Provider"), kinds, format_func=lambda kind: PRESETS[kind].name, key="new_kind")
        preset = PRESETS[kind]
        _end(preset)
        st.text_input(_("Address (base URL)"), preset.base_url, key=f"new_url_{kind}", placeholder="https://…/v1")
        st.text_input(_("Name"), preset.name if kind != ProviderKind.OTHER else "", key=f"new_name_{kind}")
        how = {"typed": _("Enter the key here"), "env": _("Take it from an environment variable"), "": _("No key")}
        source = st.segmented_control(
            _("Key"), list(how), format_func=how.__getitem__, default="typed", required=True, key="new_source"
        )
        if source == "typed":
            st.text_input(_("Key"), type="password", key="new_key", autocomplete="off")
            st.caption(_("It is kept in the system's keyring, or encrypted outside the database; never shown again."))
        elif source == "env":
            st.text_input(_("Name of the variable"), "OPENAI_API_KEY", key="new_variable")
        st.button(_("Save"), type="primary", on_click=_save)


def _save() -> None:
    """Write down what stands in the form now; the key goes to the keyring and nowhere else."""
    from core import provider

    state.put("adding_connection", True)
    kind = ProviderKind(state.get("new_kind", ProviderKind.OTHER))
    name, source = state.get(f"new_name_{kind}", ""), state.get("new_source", "")
    with feedback.errors():
        address = provider.check_base_url(state.get(f"new_url_{kind}", ""))
        id = state.new_token()[:12]
        key_source = ""
        if source == "typed":
            key_source = provider.save_key(resources.settings(), id, _typed("new_key"))
        elif source == "env":
            key_source = f"env:{state.get('new_variable', '').strip()}"
        connection = Connection(id, name.strip() or PRESETS[kind].name, address, kind, key_source)
        resources.store().jobs.save_connection(connection)
        state.put("adding_connection", False)
        _try(id)


def _try(connection_id: str) -> None:
    """Ask for the list of models: it costs nothing and changes nothing."""
    from core import provider
    from core.errors import AppError

    choices.forget_offered()
    try:
        connection = resources.store().jobs.connection(connection_id)
        with provider.connect(resources.settings(), connection, patience=2) as client:
            models = client.models().unwrap()
        outcome = (True, _("It answers and offers {n} {n:model|models}.", n=len(models)))
    except AppError as error:
        outcome = (False, f"{error.message} {error.hint}")
    state.put(f"tried-{connection_id}", outcome)


def _remove(connection_id: str) -> None:
    from core import provider

    with feedback.errors():
        provider.forget_key(resources.settings(), connection_id)
        resources.store().jobs.delete_connection(connection_id)
        feedback.saved(_("The connection and its key are removed. Its trainings stay in your list."))
