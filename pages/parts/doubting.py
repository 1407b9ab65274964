"""Likely wrong labels: one doubted row after the other, with what speaks for each label; accept, keep or skip."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from core import tasks
from core.dataset import doubting
from core.dataset.examples import Example, user_text
from core.store import Dataset
from core.store.doubts import KIND, LabelDoubt, LabelReport
from core.words import _
from pages.parts import asides, feedback, frame, grid, progress, resources, state, undoing
from pages.parts.text import escape
from pages.parts.text import show as show_text
from pages.parts.wrapping import Wrap, shared

WHERE = "doubts"
LONGEST = 1_500  # characters of a question that are shown
SHORT = 160  # and of an alike row
SAMPLE = 30  # rows that tell whether all questions stand in the same template
POOR = 0.6  # of the labels: where the classifier agrees with fewer, its doubts are only hints


def show(dataset: Dataset, keys: bool) -> None:
    """The section of the Check page: look, then decide about one row after the other.

    `keys` says whether it is in sight: the keys of buttons out of sight must do nothing.
    """
    store = resources.store()
    task = store.tasks.latest("doubt", str(dataset.id))
    if task is not None and (task.is_active or task.state == "failed"):
        progress.show(task, _("Looking for labels that are probably wrong"))
        if task.is_active:
            return
    found = store.doubts.latest(dataset.id)
    if found is None and not any(store.label_counts(dataset.id)):
        st.info(_("These rows have no labels: their answers are free text."))
        return
    if found is None:
        lesson = _("A classifier learns from part of the rows and reads the rest: where it is sure of another label "
                   "than the one that stands there, a person should look.")  # fmt: skip
        feedback.offer(lesson, _("Look for wrong labels"), "doubt_look", _look, dataset.id)
        return
    _head(dataset, found)
    if not found.classes:
        st.info(_("There are no classes here to compare: it takes labels with at least three rows each, and 20 rows."))
        return
    _decided(dataset, keys)
    waiting = store.doubts.waiting(dataset.id)
    at = min(state.get(f"doubt_{dataset.id}", 0), max(0, waiting))
    doubt = next(iter(store.doubts.page(dataset.id, at)), None)
    if doubt is None and at and waiting:
        at, doubt = 0, next(iter(store.doubts.page(dataset.id)), None)
        state.put(f"doubt_{dataset.id}", 0)
    if doubt is None:
        st.success(_("No label is in doubt, or you have decided about each."))
    else:
        with st.container(border=True):
            st.caption(escape(_("{n} of {m}, the least likely label first", n=f"{at + 1:,}", m=f"{waiting:,}")))
            _card(dataset, doubt, lambda: _buttons(dataset, doubt, at, keys))
        _many(dataset)
    asides.folded(dataset.id, store.doubts.waiting(dataset.id, kept=True), (KIND,), lambda: _kept(dataset), "labels")


def _kept(dataset: Dataset) -> None:
    """The labels that were kept against a doubt, each with the way back."""
    store = resources.store()
    doubts = store.doubts.page(dataset.id, limit=asides.SHOWN, kept=True)
    living = store.relations.living(dataset.id, [doubt.example_id for doubt in doubts])
    wrap = _wrap(dataset)
    for doubt in doubts:
        with st.container(horizontal=True, vertical_alignment="center"):
            said = _short(_question(living[doubt.example_id], wrap))
            st.markdown(f":gray-background[{escape(doubt.given)}] {escape(said)}", width="stretch")
            asides.back(dataset.id, store.doubts.mark(doubt), f"label-{doubt.example_id}")


def _head(dataset: Dataset, found: LabelReport) -> None:
    said = ""
    if found.classes:
        said = _("{n} {n:row|rows} read; the classifier gives the same label to {share}.",
                 n=f"{found.rows:,}", share=f"{found.agreed:.0%}")  # fmt: skip
    if found.classes and found.agreed < POOR:
        said += " " + _("That is little, so take its doubts as hints.")
    if found.revision != dataset.revision:
        said += " " + _("Rows have changed since.")
    words, button = st.columns([4, 1], vertical_alignment="center")
    words.caption(escape(said))
    with button.container(horizontal_alignment="right"):
        st.button(_("Look again"), icon=":material/search:", key="doubt_look", on_click=_look, args=(dataset.id,))


def _look(dataset_id: int) -> None:
    with feedback.errors():
        grid.flush()
        tasks.enqueue(resources.store(), resources.settings(), "doubt", dataset_id)
        state.drop(f"doubt_{dataset_id}", "doubt_done")


def _card(dataset: Dataset, doubt: LabelDoubt, buttons: Callable[[], None]) -> None:
    """The question, the two labels with how likely each is, what can be decided, and the rows that are most alike."""
    store = resources.store()
    living = store.relations.living(dataset.id, [doubt.example_id, *(int(row) for row, _like in doubt.alike)])
    wrap = _wrap(dataset)
    show_text(_question(living[doubt.example_id], wrap))
    left, right = st.columns(2)
    for column, name, label, share in (
        (left, _("Its label"), doubt.given, doubt.given_share),
        (right, _("Suggested"), doubt.suggested, doubt.suggested_share),
    ):
        with column, st.container(border=True):
            st.caption(name)
            st.markdown(f"**{escape(label)}**")
            likely = _("{share} likely", share=f"{share:.0%}") if share >= 0.01 else _("less than 1% likely")
            st.progress(share, text=likely)
    buttons()
    alike = [(living[int(row)], like) for row, like in doubt.alike if int(row) in living]
    if alike:
        st.caption(_("The rows that are most like it"))
    for row, like in alike:
        colour = {doubt.given: "gray", doubt.suggested: "blue"}.get(row.label, "orange")
        about = _("{share} alike", share=f"{like:.0%}")
        said = _short(_question(row, wrap))
        st.markdown(f":{colour}-background[{escape(row.label)}] {escape(said)} :gray[· {escape(about)}]")


def _question(row: Example, wrap: Wrap) -> str:
    text = wrap.inner(user_text(row.body)).strip()
    return text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"


def _short(text: str) -> str:
    return text if len(text) <= SHORT else text[: SHORT - 1] + "…"


def _wrap(dataset: Dataset) -> Wrap:
    return shared([user_text(row.body) for row in resources.store().page(dataset.id, size=SAMPLE).examples])


def _buttons(dataset: Dataset, doubt: LabelDoubt, at: int, keys: bool) -> None:
    """What can be decided, each with its key."""
    with st.container(horizontal=True, vertical_alignment="center"):
        accept = _("Change to “{label}”", label=escape(doubt.suggested))
        keep = _("Keep “{label}”", label=escape(doubt.given))
        st.button(accept, type="primary", icon=":material/check:", key="doubt_accept", shortcut="A" if keys else None,
                  on_click=_accept, args=(dataset.id, doubt))  # fmt: skip
        st.button(keep, icon=":material/bookmark:", key="doubt_keep", shortcut="K" if keys else None,
                  help=_("It is right: this row is not asked about again."), on_click=_keep,
                  args=(dataset.id, doubt))  # fmt: skip
        st.button(_("Skip"), icon=":material/skip_next:", key="doubt_skip", shortcut="S" if keys else None,
                  on_click=state.put, args=(f"doubt_{dataset.id}", at + 1))  # fmt: skip
        where = {"dataset": str(dataset.id), "row": str(doubt.example_id), "label": doubt.given}
        st.page_link(frame.EDIT, label=_("Open the row"), icon=":material/edit:", query_params=where)


def _many(dataset: Dataset) -> None:
    """All at once where the classifier is surest."""
    sure = doubting.sure(resources.store(), dataset.id)
    if len(sure) > 1:
        label = _("Change {n:the|all} {n} whose other label is at least {share} likely",
                  n=f"{len(sure):,}", share=f"{doubting.SURE:.0%}")  # fmt: skip
        st.button(label, icon=":material/done_all:", key="doubt_many", help=_("One step that can be undone."),
                  on_click=_accept_sure, args=(dataset.id,))  # fmt: skip


def _accept_sure(dataset_id: int) -> None:
    with feedback.errors():
        grid.flush()
        applied = doubting.accept_sure(resources.store(), dataset_id, resources.who())
        grid.take(applied)
        grid.forget()
        state.drop(f"doubt_{dataset_id}")
        undoing.keep(WHERE, dataset_id, applied)
        state.drop("doubt_done")


def _accept(dataset_id: int, doubt: LabelDoubt) -> None:
    with feedback.errors():
        grid.flush()
        applied = doubting.accept(resources.store(), dataset_id, doubt, resources.who())
        grid.take(applied)
        grid.forget()
        undoing.keep(WHERE, dataset_id, applied)
        state.put("doubt_done", (dataset_id, doubt, applied.batch_id))


def _keep(dataset_id: int, doubt: LabelDoubt) -> None:
    with feedback.errors():
        resources.store().doubts.keep(dataset_id, doubt)
        state.put("doubt_done", (dataset_id, doubt, None))


def _decided(dataset: Dataset, keys: bool) -> None:
    """What was decided last, and the way back."""
    done = state.get("doubt_done", None)
    if done is None or done[0] != dataset.id:
        undoing.line(WHERE, dataset, _undo_step, shortcut="Z" if keys else None)
        return
    _number, doubt, batch_id = done
    said = (
        _("“{old}” became “{new}”.", old=doubt.given, new=doubt.suggested)
        if batch_id is not None
        else _("“{label}” stays and is not asked about again.", label=doubt.given)
    )
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown(f"{feedback.GOOD} {escape(said)}", width="stretch")
        st.button(
            _("Undo"),
            key="doubt_undo",
            icon=":material/undo:",
            shortcut="Z" if keys else None,
            on_click=_undo,
            args=done,
        )


def _undo(dataset_id: int, doubt: LabelDoubt, batch_id: int | None) -> None:
    if batch_id is not None:
        _undo_step(dataset_id, batch_id)
        return
    with feedback.errors():
        grid.flush()
        resources.store().doubts.ask_again(dataset_id, doubt)
        state.drop("doubt_done", f"doubt_{dataset_id}")


def _undo_step(dataset_id: int, batch_id: int) -> None:
    with feedback.errors():
        grid.flush()
        grid.take(resources.store().undo(dataset_id, resources.who(), batch_id))
        grid.forget()
        state.drop("doubt_done", f"doubt_{dataset_id}")
