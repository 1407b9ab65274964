"""Languages mixed: what the rows are written in, and which are in another script or language than the rest."""

from __future__ import annotations

import streamlit as st

from core import privacy, tasks
from core.checks.privacy import OTHER_SCRIPT, scan_row
from core.dataset.examples import Example, user_text
from core.store import Dataset
from core.store.findings import Scan
from core.words import _
from pages.parts import feedback, frame, grid, resources
from pages.parts.text import escape

FIRST_ROWS = 20


def show(dataset: Dataset) -> None:
    """The section of the Check page: the shares, and the rows that differ."""
    store = resources.store()
    task = store.tasks.latest("scan", str(dataset.id))
    if task is not None and task.is_active:
        st.caption(_("The rows are being looked through …"))
        return
    scan = store.findings.latest(dataset.id)
    _head(dataset, scan)
    if scan is None:
        return
    _shares(scan)
    different = store.findings.counts(dataset.id).get(OTHER_SCRIPT, (0, 0))[0]
    if not different:
        st.success(_("No row is in another language than the rest."))
        return
    with st.container(horizontal=True, vertical_alignment="center"):
        said = _("{n} rows are in another language than the rest, or in several.", n=f"{different:,}")
        st.markdown(f":orange[:material/translate:] {escape(said)}", width="stretch")
        where = {"dataset": str(dataset.id), "finding": OTHER_SCRIPT}
        st.page_link(frame.EDIT, label=_("Show all {n} rows", n=f"{different:,}"), icon=":material/edit:",
                     query_params=where)  # fmt: skip
    for example_id in store.findings.rows(dataset.id, (OTHER_SCRIPT,), FIRST_ROWS):
        _row(store.example(example_id))


def _head(dataset: Dataset, scan: Scan | None) -> None:
    with st.container(horizontal=True, vertical_alignment="center"):
        if scan is None:
            said = _("A few rows in another language than the rest are often there by mistake.")
        elif scan.revision != dataset.revision:
            said = _("Looked through before the last edits; rows edited since are not in the counts.")
        else:
            said = _("{n} rows looked through.", n=f"{scan.rows:,}")
        st.caption(escape(said), width="stretch")
        label = _("Look for other languages") if scan is None else _("Look again")
        st.button(label, icon=":material/search:", key="languages_scan", on_click=_scan, args=(dataset.id,))


def _scan(dataset_id: int) -> None:
    with feedback.errors():
        grid.flush()
        tasks.enqueue(resources.store(), resources.settings(), "scan", dataset_id)


def _shares(scan: Scan) -> None:
    total = sum(scan.scripts.values()) or 1
    with st.container(horizontal=True):
        for name, rows in sorted(scan.scripts.items(), key=lambda item: -item[1]):
            if rows:
                title = privacy.script_title(name)
                st.metric(escape(title[:1].upper() + title[1:]), f"{rows:,}", f"{rows / total:.1%}",
                          delta_color="off", delta_arrow="off", border=True)  # fmt: skip


def _row(row: Example) -> None:
    found = scan_row(row.raw, row.label)
    name = privacy.script_title(found.language or found.script)
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown(f":orange-background[{escape(name)}]", width="content")
        st.text(privacy.half_shown(user_text(row.body))[:160] or _("(empty)"), width="stretch")
        where = {"dataset": str(row.dataset_id), "finding": OTHER_SCRIPT, "row": str(row.id)}
        st.page_link(frame.EDIT, label=_("Open"), icon=":material/edit:", query_params=where)
