"""Which tokeniser counts: those that came with Luopan, and those of open-weight models that a person brought."""

from __future__ import annotations

import streamlit as st

from core import tasks
from core.store import Dataset
from core.tokens import encoding_names
from core.tokens.folders import INSTALLED, at_hand, install, installed, is_own, remove
from core.words import _
from pages.parts import feedback, frame, resources, state
from pages.parts.text import escape


def names() -> list[str]:
    """Every tokeniser that can be chosen, the usual one first."""
    return [*encoding_names(), *at_hand()]


def shown(name: str) -> str:
    """A tokeniser as a person reads it."""
    return _("{model}, its own tokeniser", model=name.removeprefix(INSTALLED)) if is_own(name) else name


def choose(dataset: Dataset) -> None:
    """The tokeniser that counts the rows of a dataset, and the way to another."""
    known = names()
    if dataset.encoding not in known:
        known.append(dataset.encoding)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        wanted = st.selectbox(
            _("Counted with"), known, known.index(dataset.encoding), format_func=shown, width=330,
            key=f"encoding_{dataset.id}_{dataset.encoding}",
        )  # fmt: skip
        if wanted != dataset.encoding:
            count_again(dataset.id, wanted, key="count_with")
        st.page_link(frame.PRICES, label=_("Bring the tokeniser of an open-weight model"), icon=":material/add:")


def count_again(dataset_id: int, encoding: str, key: str = "count_again") -> None:
    """The button that counts all rows anew."""
    st.button(
        _("Count again"), on_click=_recount, args=(dataset_id, encoding), icon=":material/refresh:", key=key
    )  # fmt: skip


def _recount(dataset_id: int, encoding: str) -> None:
    with feedback.errors():
        tasks.enqueue(resources.store(), resources.settings(), "recount", dataset_id, {"encoding": encoding})


def manage() -> None:
    """The tokenisers that were brought, and the form to bring one."""
    st.subheader(_("Tokenisers of open-weight models"))
    st.write(
        _(
            "An open-weight model cuts text in its own way. Give the folder of the model on this computer: what is "
            "needed of it (tokenizer.json and its chat template) is copied, and rows can be counted as the model "
            "itself reads them."
        )
    )
    with st.container(horizontal=True, vertical_alignment="bottom"):
        st.text_input(
            _("Folder of the model"), key="tokeniser_folder", placeholder="/models/Qwen3-8B", width=480
        )  # fmt: skip
        st.button(_("Add it"), icon=":material/add:", on_click=_add)
    for name in installed():
        with st.container(horizontal=True, vertical_alignment="center"):
            st.markdown(f"**{escape(name.removeprefix(INSTALLED))}** · {escape(_about(name))}")
            st.button(
                _("Remove"), key=f"remove_{name}", icon=":material/delete:", on_click=_remove, args=(name,),
                disabled=bool(_users(name)), help=_("Not while rows are counted with it.") if _users(name) else None,
            )  # fmt: skip


def _about(name: str) -> str:
    users = _users(name)
    if users:
        return _("counts the rows of {names}", names=", ".join(users))
    return _("not used yet: choose it on the page Check and split, under Tokens")


def _users(name: str) -> list[str]:
    return [dataset.name for dataset in resources.store().datasets() if dataset.encoding == name]


def _add() -> None:
    folder = str(state.get("tokeniser_folder", "")).strip()
    with feedback.errors():
        name = install(folder)
        state.put("tokeniser_folder", "")
        feedback.saved(_("{model} is added.", model=name.removeprefix(INSTALLED)), later=True)


def _remove(name: str) -> None:
    if not _users(name):
        remove(name)
