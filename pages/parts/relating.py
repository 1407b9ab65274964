"""Repeats, leaks, contradictions: what the rows of a dataset have to do with each other, and what to do about it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import streamlit as st

from core import tasks
from core.dataset import relating, settling
from core.dataset.examples import Example, Kind, answer_text, messages_of, text_of, user_text
from core.store import Dataset
from core.store.relations import SLIP, Group, RelationReport, slip_mark
from core.words import _
from pages.parts import asides, feedback, frame, grid, progress, resources, state
from pages.parts import settling as buttons
from pages.parts.text import escape
from pages.parts.text import show as show_text
from pages.parts.wrapping import Wrap, shared

GROUPS = 5  # groups that are shown at first, and more of with each click
ROWS = 4  # rows of one group that are shown
READ = 100  # rows of one question whose answers are told apart
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
    buttons.undo_line(dataset)
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
    if not any(found.counts[COUNTED[sort]] or _aside(found, sort) for sort in SORTS):
        st.success(_("Every row stands for itself: no repeats, no leaks, no contradictions."))
        return
    state.once("relations_sort", lambda: _sort(found))
    chosen = st.segmented_control(
        _("Findings"), SORTS, format_func=lambda sort: f"{_name(sort)} · {found.counts[COUNTED[sort]]:,}",
        key="relations_sort", required=True, label_visibility="collapsed",
    )  # fmt: skip
    state.put("relations_last", chosen)
    state.set_parameters(findings=str(chosen))
    if chosen == "labels":
        _labels(dataset, found, stale)
        asides.folded(dataset.id, _aside(found, chosen), (SLIP,), lambda: _slips_aside(dataset), str(chosen))
    else:
        _lesson(dataset, found, str(chosen), stale)
        _groups(dataset, found, str(chosen))


def _sort(found: RelationReport) -> str:
    """The sort of findings that was looked at last, by the URL or in this session; else the first that there is."""
    last = state.parameter("findings") or state.get("relations_last", "")
    counted = [sort for sort in SORTS if found.counts[COUNTED[sort]]]
    counted = counted or [sort for sort in SORTS if _aside(found, sort)]
    return last if last in counted else counted[0]


def told(found: RelationReport) -> Iterator[str]:
    """What was found of each sort, in short."""
    for sort in SORTS:
        if number := found.counts[COUNTED[sort]]:
            yield f"{_name(sort)} · {number:,}"


def _aside(found: RelationReport, sort: str) -> int:
    return found.aside[SLIP if sort == "labels" else sort]


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
        "contradiction": _("One question with different answers: the model cannot learn both. Keep the right one; "
                           "rows that answer otherwise are deleted."),
        "exact": _("Rows that hold exactly the same: what is seen twice weighs double."),
        "near": _("Questions with most of their letters in common, or the same but for case and punctuation: look "
                  "whether one is enough; the other is deleted."),
    }  # fmt: skip
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown(escape(lessons[sort]), width="stretch")
        if sort == "exact" and counts["repeats"]:
            label = _("Delete {n} {n:repeat|repeats}, keep the first of each", n=f"{counts['repeats']:,}")
            buttons.mend(dataset, label, ":material/delete:", relating.delete_repeats, stale)
        if sort == "leak" and counts["to_train"]:
            label = _("Move {n} {n:row|rows} to train", n=f"{counts['to_train']:,}")
            if resources.store().splits.lock(dataset.id) is not None:  # what is like a locked row joins it
                label = _("Bring each question to one side")
            buttons.mend(dataset, label, ":material/move_item:", relating.move_leaks, stale)
        if sort == "contradiction" and counts["contradictions"]:
            label = _("Keep what most rows answer, leave a draw")
            buttons.mend(dataset, label, ":material/done_all:", settling.keep_common_answers, stale)
        if sort == "near" and counts["near_pairs"]:
            label = _("Keep one of each where the answers agree")
            buttons.mend(dataset, label, ":material/filter_1:", settling.thin, stale)


def _groups(dataset: Dataset, found: RelationReport, sort: str) -> None:
    store = resources.store()
    limit = state.get(f"relations_{sort}", GROUPS)
    groups = store.relations.groups(dataset.id, sort, limit)
    wrap = shared([user_text(row.body) for row in store.page(dataset.id, size=SAMPLE).examples])
    if groups and wrap.lead:
        st.caption(_("Left out here, because every row has it: {words}", words=escape(wrap.lead.strip()[:300])))
    _list(dataset, sort, groups, wrap)
    if not groups:
        st.caption(_("None."))
    elif found.counts[COUNTED[sort]] > limit:
        st.button(_("Show more"), on_click=_more, args=(sort, limit + 2 * GROUPS), key="relations_more")

    def set_aside() -> None:
        _list(dataset, sort, store.relations.groups(dataset.id, sort, asides.SHOWN, aside=True), wrap, aside=True)

    asides.folded(dataset.id, _aside(found, sort), (sort,), set_aside, sort)


def _list(dataset: Dataset, sort: str, groups: Sequence[Group], wrap: Wrap, aside: bool = False) -> None:
    ids = [row for group in groups for row in group.rows[:READ]]
    living = resources.store().relations.living(dataset.id, ids)
    for group in groups:
        rows = [living[row] for row in group.rows[:READ] if row in living]
        if len(rows) > 1:  # else it was settled
            with st.container(border=True):
                _group(dataset, sort, group, rows, wrap, aside)


def _more(sort: str, limit: int) -> None:
    state.put(f"relations_{sort}", limit)


def _group(dataset: Dataset, sort: str, group: Group, rows: Sequence[Example], wrap: Wrap, aside: bool) -> None:
    """Rows that belong together: what they share once, else two side by side; of what is set aside the way back."""
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown(escape(_lead(sort, group, rows)), width="stretch")
        if aside:
            asides.back(dataset.id, (sort, group.content), f"{sort}-{group.content}")
        else:
            if sort == "leak":
                part = grid.split_name(rows[1].split)
                label = _("Move to {part}", part=part) if part != "–" else _("Move to train")
                buttons.button(dataset, label, ":material/move_item:", settling.move_beside, group.rows,
                               key=f"{rows[0].id}-{rows[1].id}")  # fmt: skip
            asides.button(f"{sort}-{'-'.join(map(str, group.rows[:2]))}", _fine, dataset.id, sort, group)
    if sort == "contradiction":
        _answers(dataset, group, rows, wrap, aside)
        return
    if sort == "exact":
        _row(dataset, rows[0], wrap, group=None if aside else group, told=True)
        return
    for start in range(0, min(len(rows), ROWS), 2):
        for column, row in zip(st.columns(2), rows[start : start + 2], strict=False):
            with column:
                _row(dataset, row, wrap, group=group if sort == "near" and not aside else None)
    if len(rows) > ROWS:
        st.caption(escape(_("and {n} more", n=f"{len(rows) - ROWS:,}")))


def _lead(sort: str, group: Group, rows: Sequence[Example]) -> str:
    """What rows have in common."""
    if sort == "contradiction":
        return _("{n} rows with this question", n=f"{len(group.rows):,}")
    if sort == "exact":
        times = _("{n} times the same", n=f"{len(rows):,}")
        return " · ".join(part for part in (times, _about(rows[0])) if part)
    return _("the same question") if group.score == 1 else _("{share} alike", share=f"{group.score:.0%}")


def _fine(dataset_id: int, sort: str, group: Group) -> None:
    """In a callback: these rows are fine as they are."""
    with feedback.errors():
        grid.flush()
        settling.set_aside(resources.store(), dataset_id, sort, group)


def _answers(dataset: Dataset, group: Group, rows: Sequence[Example], wrap: Wrap, aside: bool) -> None:
    """One question, and each answer to it with how many rows give it."""
    _earlier(rows[0])
    show_text(_clipped(wrap.inner(user_text(rows[0].body))))
    given: dict[str, list[Example]] = {}
    for row in rows:
        given.setdefault(settling.answer(row), []).append(row)
    for same in sorted(given.values(), key=len, reverse=True):
        row = same[0]
        with st.container(horizontal=True, vertical_alignment="center"):
            st.text(_clipped(_answer(row)) or _("(empty)"), width="stretch")
            times = _("{n} {n:row|rows}", n=f"{len(same):,}") if len(same) > 1 else ""
            about = " · ".join(part for part in (times, _about(row, answer_text(row.body))) if part)
            st.caption(escape(about), width="content")
            if not aside:
                buttons.button(dataset, _("Keep this answer"), ":material/check:", settling.keep_answer, group.rows,
                               row.id, key=f"answer-{row.id}")  # fmt: skip
            _open(dataset, row, wrap)


def _row(dataset: Dataset, row: Example, wrap: Wrap, group: Group | None = None, told: bool = False) -> None:
    """A row; with its group the button that keeps it alone. `told`: its part and label stand above."""
    about = "" if told else _about(row)
    beside = group is None or not about  # else name and two buttons are too much for half a narrow window
    if not beside:
        st.caption(escape(about))
    with st.container(horizontal=True, vertical_alignment="center"):
        if beside:
            st.caption(escape(about) or " ", width="stretch")
        if group is not None:
            buttons.button(dataset, _("Keep only this"), ":material/check:", settling.keep_row, group.rows, row.id,
                           key=f"{'-'.join(map(str, group.rows[:2]))}-{row.id}")  # fmt: skip
        _open(dataset, row, wrap)
    _earlier(row)
    show_text(_clipped(wrap.inner(user_text(row.body))))
    if _answer(row) != row.label:  # else it stands above
        show_text(_clipped(_answer(row)))


def _earlier(row: Example) -> None:
    """What a question follows on: rows of several turns may differ there alone."""
    before = [said for said in messages_of(row.body) if said.get("role") in ("user", "assistant", "tool")]
    last = max((at for at, said in enumerate(before) if said.get("role") == "user"), default=0)
    if last:
        first = _clipped(text_of(before[0].get("content")))
        st.caption(
            escape(_("After {n} earlier {n:message|messages}, the first: {text}", n=f"{last:,}", text=first[:SEARCHED]))
        )


def _answer(row: Example) -> str:
    """What a row answers; of reinforcement, what its grader compares with."""
    if row.kind is Kind.REINFORCEMENT:
        rest = {name: value for name, value in row.body.items() if name not in ("messages", "tools")}
        return ", ".join(f"{name}: {value}" for name, value in rest.items())
    return answer_text(row.body)


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
    with st.container(horizontal=True, vertical_alignment="center"):
        lesson = _("Names that are probably meant to be one: a letter, a space, the case or the width differs.")
        st.markdown(escape(lesson), width="stretch")
        if len(found.labels) > 1:
            label = _("Write all {n} as they were meant", n=f"{len(found.labels):,}")
            buttons.mend(dataset, label, ":material/done_all:", settling.write_labels, stale)
    if not found.labels:
        st.caption(_("None."))
    for slip in found.labels[: 10 * GROUPS]:
        with st.container(border=True):
            _slip(dataset, slip, stale)


def _slip(dataset: Dataset, slip: Sequence[Any], stale: bool) -> None:
    label, rows, meant, meant_rows, why = slip
    named = {"label": label, "n": f"{rows:,}", "meant": meant, "m": f"{meant_rows:,}"}
    said = (
        _("“{label}” ({n} {n:row|rows}) is “{meant}” ({m} {m:row|rows}) but for case, space or width", **named)
        if why == "form"
        else _("“{label}” ({n} {n:row|rows}) is nearly “{meant}” ({m} {m:row|rows})", **named)
    )
    st.markdown(escape(said))
    with st.container(horizontal=True, vertical_alignment="center"):
        buttons.mend(dataset, _("Write “{meant}”", meant=escape(meant)), ":material/spellcheck:",
                     relating.write_label, stale, label, meant)  # fmt: skip
        asides.button(f"slip-{label}", asides.fine, dataset.id, slip_mark(slip))
        where = {"dataset": str(dataset.id), "label": label}
        st.page_link(frame.EDIT, label=_("Show them"), icon=":material/edit:", query_params=where)


def _slips_aside(dataset: Dataset) -> None:
    """The label names that are fine as they are, each with the way back."""
    for slip in resources.store().relations.slips_aside(dataset.id)[: asides.SHOWN]:
        with st.container(horizontal=True, vertical_alignment="center"):
            st.markdown(escape(f"“{slip[0]}” · “{slip[2]}”"), width="stretch")
            asides.back(dataset.id, slip_mark(slip), f"slip-{slip[0]}")
