"""Export: the rows of a dataset as JSON Lines (byte for byte), CSV or Excel."""

from __future__ import annotations

import streamlit as st

from core.dataset.examples import Split
from core.store import Dataset
from core.words import _
from pages.parts import again, choices, exports, feedback, frame, grid, imports, resources

AT_ONCE = 5_000  # rows up to which the file is made without asking


def page() -> None:
    """Which rows, in which format, and the file."""
    st.title(_("Export"))
    dataset = choices.dataset()
    if dataset is None:
        return
    kind, split, special = _choose(dataset)
    rows = exports.rows_in(resources.store(), dataset, split)
    with st.container(border=True):
        _file(dataset, kind, split, special, rows)
    if kind == exports.EDIT:
        again.bring_back()
    feedback.next_step(_("The JSON Lines file is what a provider trains on."), _("Train a model"), frame.LAUNCH)


def _choose(dataset: Dataset) -> tuple[str, str | None, bool]:
    counts = resources.store().split_counts(dataset.id)
    splits = ["", *(str(part) for part in Split if part and counts.get(part))]
    names = {"jsonl": "JSON Lines", "csv": "CSV", "xlsx": "Excel", exports.EDIT: _("Excel to edit and bring back")}
    lessons = {
        "jsonl": _("One example a line, each exactly as it was imported or last edited. The format for training."),
        "csv": _("A table with instruction, question, answer, label and split, in UTF-8."),
        "xlsx": _("A workbook with the same table; every cell is text, so nothing in it is ever a formula."),
        exports.EDIT: _("A workbook that is pleasant to edit: change, add or delete rows in Excel, then bring it back. "
                        "You see every difference before anything is changed here."),
    }  # fmt: skip
    with st.container(horizontal=True):
        kind = st.segmented_control(
            _("Format"), list(names), default="jsonl", required=True, format_func=names.__getitem__, key="export_kind"
        )
        split = ""
        if len(splits) > 1:
            split = st.segmented_control(
                _("Which rows"), splits, default="", required=True, key="export_split",
                format_func=lambda part: grid.split_name(part) if part else _("All"),
            )  # fmt: skip
    st.caption(lessons[kind])
    return kind, split or None, _special(kind)


def _special(kind: str) -> bool:
    """The one choice that a format offers beside the rows."""
    if kind == "csv":
        return st.checkbox(
            _("Safe to open in a spreadsheet"), True, key="export_guard",
            help=_("A cell that a spreadsheet would take for a formula gets an apostrophe in front. "
                   "Take the tick out for the very text."),
        )  # fmt: skip
    return kind == "jsonl" and st.checkbox(
        _("Begin with a byte-order mark"), key="export_bom",
        help=_("Azure asks for it; others do not. A training that is launched here for Azure gets it by itself."),
    )  # fmt: skip


def _file(dataset: Dataset, kind: str, split: str | None, special: bool, rows: int) -> None:
    path = exports.place(resources.settings(), dataset, kind, split, special)
    if not path.exists():
        st.write(_("{n} {n:row|rows}", n=f"{rows:,}"))
        if rows > AT_ONCE and not st.button(_("Make the file"), type="primary", icon=":material/description:"):
            return
        with st.spinner(_("Writing {n} {n:row|rows} …", n=f"{rows:,}")):
            exports.write(resources.store(), dataset, path, kind, split, special)
        st.rerun()
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown(
            f"**{_('{n} {n:row|rows}', n=f'{rows:,}')}** · {imports.size(path.stat().st_size)}", width="stretch"
        )
        st.download_button(
            _("Download {format}", format=kind.split(".")[-1].upper()), path.read_bytes,
            exports.file_name(dataset, kind, split), exports.FORMATS[kind],
            type="primary", icon=":material/download:", on_click="ignore", key="export_download",
        )  # fmt: skip


with feedback.errors():
    page()
