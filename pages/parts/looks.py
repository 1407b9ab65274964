"""What was found behind the other tabs, in a line each, and one button for all that nobody has looked for yet."""

from __future__ import annotations

from collections.abc import Iterator

import streamlit as st

from core import tasks
from core.checks.privacy import GARBLED, ODD, OTHER_SCRIPT, PERSONAL
from core.store import Dataset
from core.store.doubts import LabelReport
from core.words import _
from pages.parts import doubting, feedback, grid, relating, resources, tabs
from pages.parts.text import escape

TABS = {"relate": 2, "doubt": 3, "scan": 4}  # the tab that shows what a task has found


def show(dataset: Dataset) -> None:
    """A line for each look: what it found, or that it waits."""
    store = resources.store()
    latest = {kind: store.tasks.latest(kind, str(dataset.id)) for kind in TABS}
    found = {kind: _found(dataset, kind) for kind in TABS}
    working = [kind for kind, task in latest.items() if task is not None and task.is_active]
    waiting = [kind for kind in TABS if found[kind] is None and kind not in working]
    with st.container(border=True):
        for kind in TABS:
            _line(kind, found[kind], kind in working)
        if waiting:
            st.button(_("Look for all of this"), icon=":material/search:", key="look_for_all", on_click=_look,
                      args=(dataset.id, waiting))  # fmt: skip


def _line(kind: str, found: list[str] | None, working: bool) -> None:
    said = _("; ").join(found or [_("nothing found")])
    mark = feedback.DOUBT if found else feedback.GOOD
    if found is None:
        said, mark = _("not looked for yet"), ":gray[:material/radio_button_unchecked:]"
    if working:
        said, mark = _("being looked for …"), ":gray[:material/hourglass_top:]"
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown(f"{mark} **{escape(tabs.name(TABS[kind]))}** · {escape(said)}", width="stretch")
        if found or working:
            st.button(_("Show"), type="tertiary", icon=":material/arrow_forward:", key=f"look_{kind}",
                      on_click=tabs.open_tab, args=(TABS[kind],))  # fmt: skip


def _found(dataset: Dataset, kind: str) -> list[str] | None:
    """What the last look found, in words; None where there was none."""
    store = resources.store()
    if kind == "relate":
        compared = store.relations.latest(dataset.id)
        return None if compared is None else list(relating.told(compared))
    if kind == "doubt":
        doubted = store.doubts.latest(dataset.id)
        return None if doubted is None else list(_doubts(doubted, store.doubts.waiting(dataset.id)))
    return None if store.findings.latest(dataset.id) is None else list(_private(dataset))


def _doubts(found: LabelReport, waiting: int) -> Iterator[str]:
    if waiting and found.agreed < doubting.POOR:
        yield _("{n} weak {n:hint|hints}, since the classifier gives the same label to {share} only",
                n=f"{waiting:,}", share=f"{found.agreed:.0%}")  # fmt: skip
    elif waiting:
        yield _("{n} {n:label is|labels are} in doubt", n=f"{waiting:,}")


def _private(dataset: Dataset) -> Iterator[str]:
    counts = resources.store().findings.counts(dataset.id)
    personal, odd, other = (
        sum(counts.get(kind, (0, 0))[at] for kind in kinds)
        for kinds, at in ((PERSONAL, 1), ((GARBLED, *ODD), 1), ((OTHER_SCRIPT,), 0))
    )
    if personal:
        yield _("{n} {n:find|finds} of personal data or secrets", n=f"{personal:,}")
    if odd:
        yield _("{n} odd {n:character|characters}", n=f"{odd:,}")
    if other:
        yield _("{n} {n:row|rows} in another language", n=f"{other:,}")


def _look(dataset_id: int, kinds: list[str]) -> None:
    with feedback.errors():
        grid.flush()
        for kind in kinds:
            tasks.enqueue(resources.store(), resources.settings(), kind, dataset_id)
