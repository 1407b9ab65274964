"""What should not be in a dataset: personal data and secrets, odd characters, other languages; and the fixes."""

from __future__ import annotations

import streamlit as st

from core import privacy, tasks
from core.checks.privacy import GARBLED, LOST, ODD, OTHER_SCRIPT, PERSONAL, Style
from core.dataset.edits import Applied
from core.dataset.examples import Example, user_text
from core.store import Dataset
from core.store.findings import Scan
from core.words import _
from pages.parts import asides, feedback, frame, grid, languages, progress, resources, state, undoing
from pages.parts.text import escape

FIRST_ROWS = 5
WHERE = "privacy"
AT_ONCE = 2_000  # rows that are mended while the person waits; more become a task with its progress


def show(dataset: Dataset) -> None:
    """The whole section: look, what was found, mend."""
    store = resources.store()
    for kind, title in (("scan", _("Looking through the rows")), ("mask", _("Mending the rows"))):
        task = store.tasks.latest(kind, str(dataset.id))
        if task is not None and task.is_active:
            progress.show(task, title)
            return
        if task is not None and task.state == "failed" and task.error and kind == "mask":
            feedback.show_error(task.error)
        mended = task.result.get("batch") if task is not None and kind == "mask" else None
    scan = store.findings.latest(dataset.id)
    if scan is None:
        lesson = _("Phone numbers, e-mail addresses, identity card and bank numbers, keys of services, invisible "
                   "characters, rows in another language: look before you train on them.")  # fmt: skip
        feedback.offer(lesson, _("Look for them"), "privacy_scan", _scan, dataset.id)
        return
    _head(dataset, scan)
    undoing.line(WHERE, dataset, _undo, by_task=mended)
    counts = store.findings.counts(dataset.id)
    _personal(dataset, {kind: counts[kind] for kind in PERSONAL if kind in counts})
    _odd(dataset, {kind: counts[kind] for kind in (GARBLED, *ODD) if kind in counts})
    languages.show(dataset, scan, _drop)
    _asides(dataset)


def _head(dataset: Dataset, scan: Scan) -> None:
    with st.container(horizontal=True, vertical_alignment="center"):
        if scan.revision != dataset.revision:
            sentence = _("Looked through before the last edits; rows edited since are not in the counts.")
        else:
            sentence = _("{n} {n:row|rows} looked through.", n=f"{scan.rows:,}")
        st.caption(escape(sentence), width="stretch")
        st.button(_("Look again"), icon=":material/search:", key="privacy_scan", on_click=_scan, args=(dataset.id,))


def _scan(dataset_id: int) -> None:
    with feedback.errors():
        grid.flush()
        tasks.enqueue(resources.store(), resources.settings(), "scan", dataset_id)


def _personal(dataset: Dataset, counts: dict[str, tuple[int, int]]) -> None:
    st.markdown(f"**{_('Personal data and secrets')}**")
    if not counts:
        st.success(_("No phone number, e-mail address, identity or bank number, no password and no key was found."))
        st.caption(_("Names, streets and dates of birth are not looked for."))
        return
    with st.container(horizontal=True, vertical_alignment="bottom"):
        names = {
            Style.KIND: _("[phone]"),
            Style.PARTLY: "138****5678",
            Style.NUMBERED: _("[phone 1], the same for the same"),
        }
        st.selectbox(
            _("What stands there afterwards"),
            list(Style),
            format_func=names.__getitem__,
            key="privacy_style",
            width=330,
        )
        _fix_button(_("Mask all of them"), dataset, tuple(counts), "privacy_all", primary=True)
    for kind, (rows, found) in counts.items():
        _kind(dataset, kind, rows, found, _("Mask these"))
    st.caption(_("Names, streets and dates of birth are not looked for.") + " " +
               _("Masking is an edit like any other: undo brings the rows back, and their history keeps the originals "
                 "on this computer. Exports and trainings only hold what stands in the rows."))  # fmt: skip


def _odd(dataset: Dataset, counts: dict[str, tuple[int, int]]) -> None:
    st.markdown(f"**{_('Odd characters')}**")
    if not counts:
        st.success(_("No invisible, broken or lost characters."))
        return
    mendable = tuple(kind for kind in counts if kind != LOST)
    if len(mendable) > 1:
        _fix_button(_("Mend all of them"), dataset, mendable, "odd_all")
    labels = {GARBLED: _("Read them rightly"), LOST: _("Take the signs out")}
    for kind, (rows, found) in counts.items():
        _kind(dataset, kind, rows, found, labels.get(kind, _("Take them out")))


def _kind(dataset: Dataset, kind: str, rows: int, found: int, label: str) -> None:
    times = _("{n} in {m} {m:row|rows}", n=f"{found:,}", m=f"{rows:,}")
    with st.expander(f"{escape(privacy.title(kind))} · **{escape(times)}**", expanded=asides.is_open(kind)):
        if kind == LOST:
            st.caption(
                _("What stood there is lost. Bring the file again in its right encoding, or write the words anew.")
            )
        _first_rows(dataset, (kind,))
        with st.container(horizontal=True, vertical_alignment="center"):
            _link(_("Show {n:the|all} {n} {n:row|rows}", n=f"{rows:,}"), finding=kind)
            _fix_button(label, dataset, (kind,), f"fix_{kind}")


def _first_rows(dataset: Dataset, kinds: tuple[str, ...]) -> None:
    store, (kind,) = resources.store(), kinds
    for example_id in store.findings.rows(dataset.id, kinds, FIRST_ROWS):
        row = store.example(example_id)
        said = _said(row, kind)
        if kind in PERSONAL and privacy.pieces(row.raw, kinds)[1]:
            style = Style(state.get("privacy_style", Style.KIND))
            said += f"  \n:gray[→ {escape(privacy.after(row.raw, kinds, style))}]"
        with st.container(horizontal=True, vertical_alignment="center"):
            st.markdown(said, width="stretch")
            asides.button(f"{kind}-{row.id}", asides.fine, dataset.id, (kind, row.content_hash))
            _link(_("Open"), finding=kind, row=str(example_id))


def _said(row: Example, kind: str) -> str:
    """A row's first find of a kind with the text around it, or the beginning of a label that holds it."""
    if kind == OTHER_SCRIPT:
        return escape(privacy.half_shown(user_text(row.body))[:160])
    return "".join(map(_marked, privacy.pieces(row.raw, (kind,))[1])) or escape(row.label[:2] + "…")


def _asides(dataset: Dataset) -> None:
    """The finds that were set aside."""
    store = resources.store()
    counts = store.findings.counts(dataset.id, aside=True)

    def listed() -> None:
        left = asides.SHOWN
        for kind in counts:
            rows = store.findings.rows(dataset.id, (kind,), left, aside=True)
            left -= len(rows)
            for row in map(store.example, rows):
                with st.container(horizontal=True, vertical_alignment="center"):
                    st.markdown(f":gray[{escape(privacy.title(kind))}]  \n{_said(row, kind)}", width="stretch")
                    asides.back(dataset.id, (kind, row.content_hash), f"{kind}-{row.id}")

    asides.folded(dataset.id, sum(rows for rows, _found in counts.values()), tuple(counts), listed, "privacy")


def _marked(piece: privacy.Piece) -> str:
    said = escape(piece.text)
    return f":orange-background[{said}]" if piece.kind and said.strip() else said


def _fix_button(label: str, dataset: Dataset, kinds: tuple[str, ...], key: str, primary: bool = False) -> None:
    st.button(
        label, key=key, icon=":material/auto_fix_high:", type="primary" if primary else "secondary",
        on_click=_fix, args=(dataset.id, kinds),
    )  # fmt: skip


def _fix(dataset_id: int, kinds: tuple[str, ...]) -> None:
    with feedback.errors():
        grid.flush()
        store, style = resources.store(), Style(state.get("privacy_style", Style.KIND))
        if len(store.findings.rows(dataset_id, kinds, AT_ONCE + 1)) > AT_ONCE:
            wanted = {"kinds": list(kinds), "style": style.value, "who": resources.who()}
            tasks.enqueue(store, resources.settings(), "mask", dataset_id, wanted)
            return
        applied = privacy.fix(store, dataset_id, kinds, resources.who(), style)
        undoing.keep(WHERE, dataset_id, applied)
        _say(applied)
        grid.forget()


def _drop(dataset_id: int) -> None:
    """In a callback: delete the rows in another language than the rest."""
    with feedback.errors():
        grid.flush()
        applied = privacy.drop(resources.store(), dataset_id, (OTHER_SCRIPT,), resources.who())
        undoing.keep(WHERE, dataset_id, applied)
        feedback.saved(_("{n} {n:row is|rows are} deleted.", n=f"{applied.saved:,}"))
        grid.forget()


def _undo(dataset_id: int, batch_id: int) -> None:
    with feedback.errors():
        grid.flush()
        applied = privacy.undo(resources.store(), dataset_id, resources.who(), batch_id)
        feedback.saved(_("{n} {n:row is as it was|rows are as they were}.", n=f"{applied.saved:,}"))
        grid.forget()


def _say(applied: Applied) -> None:
    missed = len(applied.conflicts) + len(applied.problems)
    if missed:
        feedback.saved(
            _(
                "{n} {n:row was|rows were} mended, {m} could not be: look again.",
                n=f"{applied.saved:,}",
                m=f"{missed:,}",
            )
        )
    else:
        feedback.saved(_("{n} {n:row was|rows were} mended.", n=f"{applied.saved:,}"))


def _link(label: str, **where: str) -> None:
    query = {**where, "dataset": str(state.dataset_id())}
    st.page_link(frame.EDIT, label=label, icon=":material/edit:", query_params=query)
