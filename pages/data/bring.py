"""Bring data: a sample or a file, seen as it will be, imported with a list of what was left out."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from core import tasks
from core.dataset.readers import Source, sniff
from core.dataset.recipes import Recipe
from core.errors import AppError
from core.words import _
from pages.parts import (
    again,
    drafting,
    feedback,
    imports,
    intake,
    recipeform,
    repairs,
    resources,
    sample,
    samples,
    state,
    uploads,
)

NEW_FILE = dict.fromkeys(("file", "sheet", "encoding", "header", "update"))


def page() -> None:
    """A finished import, the mapping of a file, or the choice where to begin."""
    st.title(_("Bring data"))
    intake.in_words()
    imports.remember(state.take("import_task") or "")
    if state.parameter("task") and imports.show(state.parameter("task")):
        return
    upload = uploads.find(resources.settings(), state.parameter("file"))
    if upload is None:
        _choose()
    else:
        _map(upload)


def _choose() -> None:
    imports.running()
    drafting.offer()
    number = state.get("upload_number", 0)
    files = intake.files(number)
    if files:
        kept = uploads.keep_all(resources.settings(), files)
        state.put("upload_number", number + 1)  # a fresh uploader lets go of the file's memory
        state.drop("recipe", "mapped")
        state.set_parameters(task=None, **{**NEW_FILE, "file": kept.token})
        st.rerun()
    st.subheader(_("Or try a sample"))
    samples.cards()


def _map(upload: uploads.Upload) -> None:
    try:
        source = recognise(
            upload.path, upload.name, state.parameter("sheet"), state.parameter("encoding"), state.parameter("header")
        )
    except AppError as error:
        feedback.show_error(error)
        st.button(_("Choose another file"), on_click=_another, icon=":material/folder_open:")
        return
    if again.handled(upload, source, _another):
        return
    drafting.begin(upload, source)
    imports.recognised(source, _another)
    if not source.sample:
        repairs.offer(upload, source)
        return
    left, right = st.columns([3, 2], gap="medium")
    with left:
        recipe = drafting.recipe(upload, source)
    with right:
        sample.preview(source, recipe)
    _import(upload, source, recipe)


@st.cache_data(max_entries=20, show_spinner=False)
def recognise(path: Path, name: str, sheet: str, encoding: str, header: str) -> Source:
    """What a file is; empty values are found out."""
    named = {"yes": True, "no": False}.get(header, int(header) if header.isdecimal() and len(header) < 8 else None)
    return sniff(path, name, sheet=sheet or None, encoding=encoding or None, header=named)


def _import(upload: uploads.Upload, source: Source, recipe: Recipe | None) -> None:
    with st.container(horizontal=True, vertical_alignment="bottom", border=True):
        name = drafting.title(upload)
        drafting.start_over(upload)
        recipeform.files(recipe, upload.name)
        pressed = st.button(_("Import"), type="primary", icon=":material/download:", disabled=recipe is None)
        if pressed and recipe is not None:
            seen = {"sheet": source.sheet or None, "encoding": source.encoding, "header": intake.header_of(source)}
            wanted = {"path": str(upload.path), "name": name, "recipe": recipe.as_dict(), **seen}
            task = tasks.enqueue(resources.store(), resources.settings(), "import", upload.name, wanted)
            drafting.forget(upload.token)
            imports.remember(task.id)
            st.rerun()


def _another() -> None:
    state.set_parameters(task=None, **NEW_FILE)


with feedback.errors():
    page()
