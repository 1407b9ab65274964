"""A file that was here before: a workbook brought back, or the file a dataset was made of. New dataset, or update?"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import streamlit as st

from core.dataset import bringing, reimport, workbook
from core.dataset.readers import Source
from core.errors import AppError
from core.store import Dataset
from core.words import _
from pages.parts import differing, feedback, frame, intake, resources, state, uploads
from pages.parts.text import escape
from pages.parts.uploads import Upload

BACK = ["xlsx", "xlsm", "xls", "ods"]  # what Excel, LibreOffice and WPS save
NEW = "new"  # the value of the URL's parameter where it shall be a dataset of its own


def handled(upload: Upload, source: Source, another: Callable[[], None]) -> bool:
    """Ask what shall become of a file that was here before, or show what it changes; False: it becomes a dataset."""
    chosen = state.parameter("update")
    if chosen == NEW:
        return False
    mark = _mark(upload.path, upload.name) if workbook.HIDDEN in source.sheets else None
    store = resources.store()
    written_of = bringing.owner(store, mark) if mark else None
    known = {dataset.id: dataset for dataset in store.datasets()}
    dataset = known.get(int(chosen)) if chosen.isdecimal() and len(chosen) < 16 else written_of
    if dataset is not None:
        _compare(dataset, upload, source, another, is_workbook=dataset == written_of)
        return True
    if mark is not None:
        st.info(escape(_("This workbook was exported from “{name}”, which is not here. It can be a new dataset.",
                         name=mark.name)))  # fmt: skip
        return False
    candidates = _candidates(upload, source)
    if candidates:
        _ask(candidates, upload, another)
    return bool(candidates)


@st.cache_data(max_entries=20, show_spinner=False)
def _mark(path: Path, name: str) -> workbook.Mark | None:
    try:
        return workbook.read_mark(path, name) if path.is_file() else None
    except AppError:
        return None


def _candidates(upload: Upload, source: Source) -> list[Dataset]:
    """Which datasets it may update, found out once a file."""
    kept: tuple[str, list[int]] | None = state.get("made_of", None)
    if kept is None or kept[0] != upload.token:
        kept = (upload.token, [dataset.id for dataset in reimport.made_of(resources.store(), source)])
        state.put("made_of", kept)
    return [dataset for dataset in resources.store().datasets() if dataset.id in kept[1]]


def _ask(candidates: list[Dataset], upload: Upload, another: Callable[[], None]) -> None:
    with st.container(border=True):
        with st.container(horizontal=True, vertical_alignment="center"):
            st.subheader(escape(_("{file} was here before", file=upload.name)), width="stretch")
            st.button(_("Another file"), on_click=another)
        st.markdown(escape(_("Update the dataset: you see what is new, changed and gone in the file and choose row by "
                             "row. Or make a second dataset of it.")))  # fmt: skip
        for dataset in candidates:
            with st.container(horizontal=True, vertical_alignment="center"):
                facts = (_("{n} {n:row|rows}", n=f"{dataset.rows:,}"), _("From {origin}", origin=dataset.origin),
                         feedback.moment(dataset.created_at))  # fmt: skip
                st.markdown(f"**{escape(dataset.name)}**  \n:gray[{escape(' · '.join(facts))}]", width="stretch")
                st.button(
                    _("See what has changed"), key=f"update_{dataset.id}", icon=":material/difference:",
                    type="primary" if dataset == candidates[0] else "secondary", on_click=_choose,
                    args=(str(dataset.id),),
                )  # fmt: skip
        st.button(_("Import as a new dataset"), key="update_new", icon=":material/add:", on_click=_choose, args=(NEW,))


def _choose(value: str) -> None:
    state.set_parameters(update=value)


def _compare(
    dataset: Dataset, upload: Upload, source: Source, another: Callable[[], None], *, is_workbook: bool
) -> None:
    state.open_dataset(dataset.id)
    with st.container(horizontal=True, vertical_alignment="center", border=True):
        beside = escape(_("compared with “{name}”", name=dataset.name))
        st.markdown(f":material/difference: **{escape(upload.name)}**  \n{beside}", width="stretch")
        st.button(_("Import as a new dataset"), key="update_new", type="tertiary", on_click=_choose, args=(NEW,))
        st.button(_("Another file"), on_click=another)
    if is_workbook:
        differing.show(dataset, upload, {"sheet": None, "encoding": None, "header": None})
    else:
        how = {"sheet": source.sheet or None, "encoding": source.encoding, "header": intake.header_of(source)}
        differing.show(dataset, upload, how)


def bring_back() -> None:
    """Where an edited workbook is brought back; it is looked at on the page that brings data."""
    number = state.get("back_number", 0)
    file = st.file_uploader(_("Edited it? Bring the workbook back here"), type=BACK, key=f"back_{number}")
    if file is None:
        return
    kept = uploads.keep_all(resources.settings(), [(file, file.name)])
    state.put("back_number", number + 1)  # a fresh uploader lets go of the file's memory
    st.switch_page(frame.IMPORT, query_params={"file": kept.token})
