"""The mapping in progress: every choice is in the store as it is made, so a reload or a closed browser loses none."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import streamlit as st

from core import drafts
from core.dataset import mapping
from core.dataset.readers import Source
from core.dataset.recipes import Recipe
from core.drafts import Draft
from core.errors import BadInput
from core.words import _
from pages.parts import feedback, intake, precheck, recipeform, resources, state, uploads
from pages.parts.text import escape

VIEW = ("sheet", "encoding", "header")


def begin(upload: uploads.Upload, source: Source) -> None:
    """Fill the form when another file or reading of it is shown: from its draft, else from what its columns suggest."""
    shown = (upload.token, source.sheet, source.encoding, source.header, source.top)
    if state.get("mapped", None) == shown:
        return
    state.put("mapped", shown)
    draft = drafts.load(resources.store(), upload.token)
    kept = draft.as_recipe() if draft and draft.view == _view() else None
    recipeform.begin(kept or mapping.suggest(source))
    state.put("draft_title", draft.title if draft else "")


def recipe(upload: uploads.Upload, source: Source) -> Recipe | None:
    """The recipe that the form describes, kept as it stands; None (and what is wrong) where it cannot be used."""
    number, start = state.get("recipe_number", 0), state.get("recipe", Recipe())
    if source.training:
        intake.examples_already(source)
        if not st.toggle(_("Map the columns instead"), not start.as_is, key=f"map_{number}_mapped"):
            precheck.show(source)
            made = replace(mapping.suggest(source), mend=intake.mend(source, start, number))
            _keep(upload, source, made)
            return made
        start = mapping.guess(source.columns, source.sample) if start.as_is else start
    try:
        try:
            made = recipeform.show(source, start, number)
        except recipeform.Unfinished as unfinished:
            _keep(upload, source, unfinished.recipe)
            raise
        made = replace(made, mend=intake.mend(source, start, number))
        _keep(upload, source, made)
        mapping.check(made, source.columns)
        return made
    except BadInput as error:
        feedback.show_error(error)
        return None


def title(upload: uploads.Upload) -> str:
    """The field for the dataset's name; what is typed there is kept."""
    key = f"name_{upload.token}"
    state.once(key, lambda: state.get("draft_title", "") or _stem(upload))
    return st.text_input(_("Name of the dataset"), key=key, max_chars=120)


def _stem(upload: uploads.Upload) -> str:
    return Path(upload.name).stem[:120]


def _keep(upload: uploads.Upload, source: Source, made: Recipe) -> None:
    """Write the choices down when one of them is new."""
    typed = state.get(f"name_{upload.token}", "") or state.get("draft_title", "")
    named = typed if typed != _stem(upload) else ""
    draft = Draft(upload.token, upload.name, named, _view(), made.as_dict())
    if state.get("draft_kept", None) == draft:
        return
    drafts.save(resources.store(), draft)
    state.put("draft_kept", draft)
    state.put("drafted", bool(draft.view or named or made != mapping.suggest(source)))


def start_over(upload: uploads.Upload) -> None:
    """The button that forgets the choices; nothing while there are none."""
    if state.get("drafted", False):
        st.button(_("Start over"), icon=":material/restart_alt:", on_click=_begin_anew, args=(upload,))


def forget(token: str) -> None:
    """Forget the choices for a file."""
    drafts.forget(resources.store(), token)
    state.drop("mapped", "drafted", "draft_kept", "draft_title", f"name_{token}")


def _begin_anew(upload: uploads.Upload) -> None:
    """In a callback: map the file as if it had just come."""
    forget(upload.token)
    state.put(f"name_{upload.token}", _stem(upload))  # else the browser keeps what was typed
    state.set_parameters(**dict.fromkeys(VIEW))


def offer() -> None:
    """The mappings that were begun and not finished, each with the way back to it."""
    settings = resources.settings()
    for draft in drafts.listed(resources.store())[:5]:
        if uploads.find(settings, draft.token) is None:
            continue
        with st.container(border=True, horizontal=True, vertical_alignment="center"):
            st.markdown(
                f":material/edit_note: {escape(_('You were mapping {name}.', name=draft.name))}", width="stretch"
            )
            st.button(
                _("Go on"), key=f"draft_{draft.token}", type="primary", on_click=state.set_parameters,
                kwargs={"task": None, "file": draft.token, **{name: draft.view.get(name) for name in VIEW}},
            )  # fmt: skip
            st.button(
                _("Discard"), key=f"drop_{draft.token}", on_click=_discard, args=(draft.token,),
                help=_("Forget the mapping and delete the uploaded file"),
            )  # fmt: skip


def _discard(token: str) -> None:
    forget(token)
    upload = uploads.find(resources.settings(), token)
    if upload:
        uploads.discard(upload)


def _view() -> dict[str, str]:
    return {name: value for name in VIEW if (value := state.parameter(name))}
