"""Languages mixed: what the rows are written in, and which are in another script or language than the rest."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from core import privacy
from core.checks.privacy import OTHER_SCRIPT, scan_row
from core.dataset.examples import Example, user_text
from core.store import Dataset
from core.store.findings import Scan
from core.words import _
from pages.parts import asides, frame, resources
from pages.parts.text import escape

FIRST_ROWS = 10


def show(dataset: Dataset, scan: Scan, drop: Callable[[int], None]) -> None:
    """What a scan found of languages: the shares where there are several, and the rows that differ.

    `drop` deletes those.
    """
    st.markdown(f"**{_('Languages')}**")
    store = resources.store()
    different = store.findings.counts(dataset.id).get(OTHER_SCRIPT, (0, 0))[0]
    if not different:
        st.success(_("No row is in another language than the rest."))
        return
    _shares(scan)
    with st.container(horizontal=True, vertical_alignment="center"):
        said = _("{n} {n:row is|rows are} in another language than the rest, or in several.", n=f"{different:,}")
        st.markdown(f":orange[:material/translate:] {escape(said)}", width="stretch")
        where = {"dataset": str(dataset.id), "finding": OTHER_SCRIPT}
        st.page_link(frame.EDIT, label=_("Show {n:the|all} {n} {n:row|rows}", n=f"{different:,}"),
                     icon=":material/edit:",
                     query_params=where)  # fmt: skip
        st.button(_("Delete them"), icon=":material/delete:", key="languages_drop", on_click=drop, args=(dataset.id,),
                  help=_("One step that can be undone."))  # fmt: skip
    for example_id in store.findings.rows(dataset.id, (OTHER_SCRIPT,), FIRST_ROWS):
        _row(store.example(example_id))


def _shares(scan: Scan) -> None:
    total = sum(scan.scripts.values()) or 1
    with st.container(horizontal=True):
        for name, rows in sorted(scan.scripts.items(), key=lambda item: -item[1]):
            if rows:
                title = privacy.script_title(name)
                st.metric(escape(title[:1].upper() + title[1:]), f"{rows:,}", _share(rows / total),
                          delta_color="off", delta_arrow="off", border=True)  # fmt: skip


def _share(share: float) -> str:
    return _("less than 0.1%") if share < 0.001 else f"{share:.1%}"


def _row(row: Example) -> None:
    found = scan_row(row.raw, row.label)
    name = privacy.script_title(found.language or found.script)
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown(f":orange-background[{escape(name)}]", width="content")
        st.text(privacy.half_shown(user_text(row.body))[:160] or _("(empty)"), width="stretch")
        asides.button(f"{OTHER_SCRIPT}-{row.id}", asides.fine, row.dataset_id, (OTHER_SCRIPT, row.content_hash))
        where = {"dataset": str(row.dataset_id), "finding": OTHER_SCRIPT, "row": str(row.id)}
        st.page_link(frame.EDIT, label=_("Open"), icon=":material/edit:", query_params=where)
