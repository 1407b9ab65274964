"""A file none of whose lines is valid JSON: what was probably meant, accepted line by line before anything is read."""

from __future__ import annotations

import tempfile
from pathlib import Path

import streamlit as st

from core.dataset import repairing
from core.dataset.readers import Format, Source
from core.words import _
from pages.parts import feedback, leftovers, resources, state, uploads
from pages.parts.text import escape

SHOWN = 20
LARGEST = 32 << 20  # bytes that are repaired while somebody waits


def offer(upload: uploads.Upload, source: Source) -> None:
    """Say that nothing can be read; where the lines can be repaired, show how and go on with a repaired copy."""
    text = source.format in (Format.JSON, Format.JSONL) and not source.parts
    parts = _offered(source) if text else []
    if not parts:
        st.warning(_("There are no rows in it. Choose another file or sheet."))
        return
    st.warning(_("These lines are nearly JSON. See what was probably meant, and use what is right."))
    if source.size > LARGEST:
        command = "python -m core check FILE --repair MENDED.jsonl"
        st.info(_("This file is large. Repair it with {command} and bring the result.", command=escape(command)))
    accepted = {part.row: _part(part, f"repair_{upload.token}_{part.row}") for part in parts}
    if len(parts) == SHOWN:
        st.caption(_("Further lines are repaired too where nothing is dropped; the others are listed at the import."))
    st.button(
        _("Use the repaired lines"), type="primary", icon=":material/build:",
        disabled=source.size > LARGEST or not any(accepted.values()), on_click=_use, args=(upload, source, accepted),
    )  # fmt: skip


@st.cache_data(max_entries=5, show_spinner=False)
def _offered(source: Source) -> list[repairing.Part]:
    return repairing.offered(source.path, source, SHOWN)


def _part(part: repairing.Part, key: str) -> bool:
    """One broken line and its repair; whether it is to be used."""
    found = part.proposal
    if found is None:
        return False
    with st.container(border=True):
        used = st.checkbox(_("Row {n}", n=part.row), part.sure, key=key)
        st.caption(escape(found.how))
        st.markdown(leftovers.difference(part.text, "\n".join(found.lines)))
        if found.lost:
            st.warning(_("This repair drops: {text}", text=escape(found.lost)))
    return used


def _use(upload: uploads.Upload, source: Source, accepted: dict[int, bool]) -> None:
    """In a callback: a repaired copy takes the file's place; the file itself stays as it is."""
    with feedback.errors(), tempfile.TemporaryDirectory() as folder:
        target = Path(folder) / "repaired"
        parts = repairing.parts_of(source.path, source)
        repairing.write(parts, target, lambda part: accepted.get(part.row, part.sure))
        with target.open("rb") as file:
            kept = uploads.keep(resources.settings(), file, f"{Path(upload.name).stem}.jsonl")
        state.drop("recipe", "mapped")
        state.set_parameters(file=kept.token, sheet=None, encoding=None, header=None)
