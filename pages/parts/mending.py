"""Recommended fixes: what the preparer found in the rows, shown on a few of them, applied one by one or all at once."""

from __future__ import annotations

import streamlit as st

from core.dataset import mending
from core.dataset.findings import Finding, Weight
from core.store import Dataset
from core.words import _
from pages.parts import feedback, grid, resources, state, text, undoing

MARKS = {
    Weight.REQUIRED: ":red[:material/build:]",
    Weight.OPTIONAL: ":orange[:material/lightbulb:]",
    Weight.STOP: ":red[:material/block:]",
    Weight.INFO: ":blue[:material/info:]",
}
WHERE = "fixes"
AT_ONCE = 20_000  # rows; for more the person decides when to look
Ways = tuple[tuple[str, str], ...]


def found(dataset_id: int, revision: int, limit: int) -> list[Finding]:
    """What the preparer says of this revision of a dataset."""
    return _found(dataset_id, revision, limit, tuple(sorted(resources.store().asides.marks(dataset_id))))


@st.cache_data(max_entries=8, show_spinner=False)
def _found(dataset_id: int, revision: int, limit: int, aside: tuple[tuple[str, str], ...]) -> list[Finding]:
    """What the preparer says of this revision of a dataset, but for what is set aside."""
    store = resources.store()
    return mending.advice(store, store.dataset(dataset_id), limit)


def show(dataset: Dataset, limit: int) -> None:
    """The findings of a dataset, each with its fix, and the button that makes all of them."""
    undoing.line(WHERE, dataset, _undo)
    key = f"advice_{dataset.id}"
    if dataset.rows > AT_ONCE and not state.get(key, False):
        st.button(_("Look for fixes"), icon=":material/search:", on_click=state.put, args=(key, True))
        return
    with st.spinner(_("Looking at {n} {n:row|rows}", n=f"{dataset.rows:,}")):
        findings = found(dataset.id, dataset.revision, limit)
    fixable = [finding for finding in findings if finding.fix]
    _said(findings)
    for finding in fixable:
        _one(dataset, finding, limit)
    with st.container(horizontal=True, vertical_alignment="center"):
        if len(fixable) > 1:
            st.button(
                _("Apply all {n}", n=len(fixable)), type="primary", icon=":material/done_all:", key="advice_all",
                on_click=_apply, args=(dataset.id, dataset.revision, limit, [f.code for f in fixable]),
            )  # fmt: skip
        elif not fixable:
            st.write(_("No fix to recommend."))


def _said(findings: list[Finding]) -> None:
    """What is told without a fix."""
    for finding in findings:
        if not finding.fix:
            st.markdown(f"{MARKS[finding.severity]} {text.escape(_cut(str(finding.sentence), 600))}")


def _one(dataset: Dataset, finding: Finding, limit: int) -> None:
    heading = f"{MARKS[finding.severity]} {text.escape(_cut(str(finding.question), 200))}"
    with st.expander(heading + (f" · {_('required')}" if finding.severity is Weight.REQUIRED else "")):
        st.markdown(text.escape(_cut(str(finding.sentence), 600)))
        if finding.ways:
            names = {name: str(question) for name, question, *_rest in finding.ways}
            way = st.segmented_control(
                _("How"), list(names), default="remove", required=True, key=f"way_{finding.code}",
                format_func=lambda name: names[name],
            )  # fmt: skip
            finding = finding.by(str(way))
        _preview(finding)
        st.button(
            _("Apply"), key=f"advice_{finding.code}", icon=":material/check:", on_click=_apply,
            args=(dataset.id, dataset.revision, limit, [finding.code]),
        )  # fmt: skip


def _preview(finding: Finding) -> None:
    """A few rows as they are and as they would be."""
    for example in finding.preview:
        before, after = st.columns(2)
        with before:
            st.caption(_("Row {n} now", n=example.before.id))
            text.show(_brief(example.before.question, example.before.answer))
        with after:
            st.caption(_("After the fix") if example.after else _("Removed"))
            for row in example.after[:3]:
                text.show(_brief(row.question, row.answer))


def _brief(question: str, answer: str) -> str:
    return f"{_cut(question)}\n→ {_cut(answer)}"


def _cut(said: str, length: int = 400) -> str:
    return said if len(said) <= length else f"{said[: length // 2]} … {said[-length // 2 :]}"


def _apply(dataset_id: int, revision: int, limit: int, codes: list[str]) -> None:
    """Make these fixes of what the person has seen, as one step that can be undone."""
    with feedback.errors():
        grid.flush()
        store = resources.store()
        chosen = [finding for finding in found(dataset_id, revision, limit) if finding.code in codes]
        chosen = [finding.by(state.get(f"way_{finding.code}", "remove")) for finding in chosen]
        applied = mending.mend(store, dataset_id, chosen, resources.who())
        grid.take(applied)
        grid.forget()
        undoing.keep(WHERE, dataset_id, applied)
        feedback.saved(_("{n} {n:row|rows} mended.", n=f"{applied.saved:,}"))


def _undo(dataset_id: int, batch_id: int) -> None:
    with feedback.errors():
        grid.flush()
        applied = resources.store().undo(dataset_id, resources.who(), batch_id)
        grid.take(applied)
        grid.forget()
        feedback.saved(_("The fixes are undone."))
