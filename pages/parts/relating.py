"""Repeats, leaks, contradictions: what the rows of a dataset have to do with each other, and what to do about it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import streamlit as st

from core import tasks
from core.dataset import relating
from core.dataset.edits import Applied
from core.dataset.examples import Example, answer_text, user_text
from core.store import Dataset
from core.store.relations import Group, RelationReport
from core.words import _
from pages.parts import feedback, frame, grid, progress, resources, state
from pages.parts.text import escape
from pages.parts.text import show as show_text
from pages.parts.wrapping import Wrap, shared

GROUPS = 5  # groups that are shown at first, and more of with each click
ROWS = 4  # rows of one group that are shown
LONGEST = 600  # characters of a text that are shown here
SEARCHED = 60  # characters of a question that the grid is searched for
SAMPLE = 30  # rows that tell whether all questions stand in the same template
SORTS = ("leak", "contradiction", "exact", "near", "labels")
COUNTED = dict(zip(SORTS, ("leaks", "contradictions", "repeat_groups", "near_pairs", "label_slips"), strict=True))


def show(dataset: Dataset) -> None:
    """The section of the Check page: what was found last, or the button that looks."""
    store = resources.store()
    task = store.tasks.latest("relate", str(dataset.id))
    if task is not None and (task.is_active or task.state == "failed"):
        progress.show(task, _("Comparing all rows with each other"))
    found = store.relations.latest(dataset.id)
    if found is None:
        if task is not None and task.is_active:
            return
        lesson = _("Compare every row with every other: does one stand there twice, is one held out and "
                   "trained on as well, are there two answers to one question?")  # fmt: skip
        feedback.offer(lesson, _("Compare the rows"), "relate", _begin, dataset.id)
        return
    stale = found.revision != dataset.revision
    if stale:
        when = feedback.moment(found.made_at)
        _offer(dataset, _("Rows have changed since they were compared ({when}).", when=when))
    if not any(found.counts[COUNTED[sort]] for sort in SORTS):
        st.success(_("Every row stands for itself: no repeats, no leaks, no contradictions."))
        return
    state.once("relations_sort", lambda: next(sort for sort in SORTS if found.counts[COUNTED[sort]]))
    chosen = st.segmented_control(
        _("Findings"), SORTS, format_func=lambda sort: f"{_name(sort)} · {found.counts[COUNTED[sort]]:,}",
        key="relations_sort", required=True, label_visibility="collapsed",
    )  # fmt: skip
    if chosen == "labels":
        _labels(dataset, found, stale)
    else:
        _lesson(dataset, found, str(chosen), stale)
        _groups(dataset, found, str(chosen))


def _name(sort: str) -> str:
    names = {"leak": _("Leaks"), "contradiction": _("Contradictions"), "exact": _("Exact repeats"),
             "near": _("Nearly the same"), "labels": _("Label names")}  # fmt: skip
    return names[sort]


def _offer(dataset: Dataset, sentence: str) -> None:
    active = resources.store().tasks.latest("relate", str(dataset.id))
    if active is not None and active.is_active:
        return
    with st.container(border=True, horizontal=True, vertical_alignment="center"):
        st.markdown(escape(sentence), width="stretch")
        st.button(_("Compare the rows"), icon=":material/join_inner:", on_click=_begin, args=(dataset.id,))


def _begin(dataset_id: int) -> None:
    with feedback.errors():
        grid.flush()
        tasks.enqueue(resources.store(), resources.settings(), "relate", dataset_id)


def _lesson(dataset: Dataset, found: RelationReport, sort: str, stale: bool) -> None:
    """What a sort of finding means, and the button that mends it where there is one."""
    counts = found.counts
    lessons = {
        "leak": _("A held-out row whose question, or nearly so, stands in another split as well: the model has seen "
                  "it, and the comparison flatters it."),
        "contradiction": _("One question with different answers: the model cannot learn both. Open the rows and "
                           "decide."),
        "exact": _("Rows that hold exactly the same: what is seen twice weighs double."),
        "near": _("Questions with most of their letters in common, or the same but for case and punctuation: look "
                  "whether one is enough."),
    }  # fmt: skip
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown(escape(lessons[sort]), width="stretch")
        if sort == "exact" and counts["repeats"]:
            label = _("Delete {n} repeats, keep the first of each", n=f"{counts['repeats']:,}")
            _mend(dataset, label, ":material/delete:", relating.delete_repeats, stale)
        if sort == "leak" and counts["to_train"]:
            label = _("Move {n} rows to train", n=f"{counts['to_train']:,}")
            if resources.store().splits.lock(dataset.id) is not None:  # what is like a locked row joins it
                label = _("Bring each question to one side")
            _mend(dataset, label, ":material/move_item:", relating.move_leaks, stale)


def _mend(dataset: Dataset, label: str, icon: str, verb: Callable[..., Applied], stale: bool, *more: str) -> None:
    st.button(label, icon=icon, on_click=_mended, args=(dataset.id, verb, *more), disabled=stale,
              help=_("Compare the rows again first.") if stale else _("One step: the Edit page can undo it."),
              key="-".join(("mend", verb.__name__, *more)))  # fmt: skip


def _mended(dataset_id: int, verb: Callable[..., Applied], *more: str) -> None:
    """Do it, and compare anew: what is shown below a button must be what is there."""
    with feedback.errors():
        grid.flush()
        store = resources.store()
        applied = verb(store, dataset_id, *more, resources.who())
        grid.take(applied)
        grid.forget()
        tasks.enqueue(store, resources.settings(), "relate", dataset_id)
        feedback.saved(_("{n} rows changed. The Edit page can undo it.", n=f"{applied.saved:,}"))


def _groups(dataset: Dataset, found: RelationReport, sort: str) -> None:
    store = resources.store()
    limit = state.get(f"relations_{sort}", GROUPS)
    groups = store.relations.groups(dataset.id, sort, limit=limit)
    living = store.relations.living(dataset.id, [row for group in groups for row in group.rows[:ROWS]])
    wrap = shared([user_text(row.body) for row in store.page(dataset.id, size=SAMPLE).examples])
    if groups and wrap.lead:
        st.caption(_("Left out here, because every row has it: {words}", words=escape(wrap.lead.strip()[:300])))
    for group in groups:
        rows = [living[row] for row in group.rows[:ROWS] if row in living]
        if rows:
            with st.container(border=True):
                _group(dataset, sort, group, rows, wrap)
    if not groups:
        st.caption(_("None."))
    elif found.counts[COUNTED[sort]] > limit:
        st.button(_("Show more"), on_click=_more, args=(sort, limit + 2 * GROUPS), key="relations_more")


def _more(sort: str, limit: int) -> None:
    state.put(f"relations_{sort}", limit)


def _group(dataset: Dataset, sort: str, group: Group, rows: Sequence[Example], wrap: Wrap) -> None:
    """Rows that belong together: what they share once, else two side by side."""
    if sort == "exact":
        _row(dataset, rows[0], wrap, _("{n} times the same", n=f"{len(group.rows):,}"))
    elif sort == "contradiction":
        st.markdown(escape(_("{n} rows with this question", n=f"{len(group.rows):,}")))
        show_text(_clipped(wrap.inner(user_text(rows[0].body))))
        for row in rows:
            with st.container(horizontal=True, vertical_alignment="center"):
                st.text(_clipped(answer_text(row.body)) or _("(empty)"), width="stretch")
                st.caption(escape(_about(row, answer_text(row.body))), width="content")
                _open(dataset, row, wrap)
    else:
        alike = _("the same question") if group.score == 1 else _("{share} alike", share=f"{group.score:.0%}")
        st.markdown(escape(alike))
        for start in range(0, len(rows), 2):
            for column, row in zip(st.columns(2), rows[start : start + 2], strict=False):
                with column:
                    _row(dataset, row, wrap)
    if len(group.rows) > len(rows) and sort != "exact":
        st.caption(escape(_("and {n} more", n=f"{len(group.rows) - len(rows):,}")))


def _row(dataset: Dataset, row: Example, wrap: Wrap, lead: str = "") -> None:
    with st.container(horizontal=True, vertical_alignment="center"):
        about = " · ".join(part for part in (lead, _about(row)) if part)
        st.caption(escape(about) or " ", width="stretch")
        _open(dataset, row, wrap)
    show_text(_clipped(wrap.inner(user_text(row.body))))
    if answer_text(row.body) != row.label:  # else it stands above
        show_text(_clipped(answer_text(row.body)))


def _about(row: Example, but: str = "–") -> str:
    """The part it is in and its label, as far as they are there and not said already."""
    return " · ".join(part for part in (grid.split_name(row.split), row.label) if part not in ("", "–", but))


def _open(dataset: Dataset, row: Example, wrap: Wrap) -> None:
    where: dict[str, Any] = {"dataset": str(dataset.id), "row": str(row.id)}
    if line := wrap.inner(user_text(row.body)).strip()[:SEARCHED].splitlines():
        where["text"] = line[0]
    st.page_link(frame.EDIT, label=_("Open"), icon=":material/edit:", query_params=where)


def _clipped(text: str) -> str:
    return text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"


def _labels(dataset: Dataset, found: RelationReport, stale: bool) -> None:
    st.markdown(escape(_("Names that are probably meant to be one: a letter, a space, the case or the width differs.")))
    if not found.labels:
        st.caption(_("None."))
    for label, rows, meant, meant_rows, why in found.labels[: 10 * GROUPS]:
        with st.container(border=True, horizontal=True, vertical_alignment="center"):
            sentence = (
                _("“{label}” ({n} rows) is “{meant}” ({m} rows) but for case, space or width")
                if why == "form"
                else _("“{label}” ({n} rows) is nearly “{meant}” ({m} rows)")
            )
            said = sentence.format(label=label, n=f"{rows:,}", meant=meant, m=f"{meant_rows:,}")
            st.markdown(escape(said), width="stretch")
            where = {"dataset": str(dataset.id), "label": label}
            st.page_link(frame.EDIT, label=_("Show them"), icon=":material/edit:", query_params=where)
            _mend(dataset, _("Write “{meant}”", meant=escape(meant)), ":material/spellcheck:",
                  relating.write_label, stale, label, meant)  # fmt: skip
