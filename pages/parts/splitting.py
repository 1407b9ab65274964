"""Holding rows out: how many for what, what stays together, the lock of the test set, and what came of it."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import Any

import streamlit as st

from core.dataset import splitting
from core.dataset.examples import Split
from core.store import Dataset
from core.store.splits import SplitPlan
from core.words import _
from pages.parts import feedback, grid, resources, state
from pages.parts.text import escape

SHARES = (0.0, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3)
LONG = 20_000  # rows from which a split takes more than a moment
NAMED = 5  # labels that a warning names


def show(dataset: Dataset) -> None:
    """The counts of each part, what they lack, and the form that splits anew."""
    counts = resources.store().split_counts(dataset.id)
    if set(counts) - {Split.NONE}:
        _parts(counts)
        _new_rows(dataset, counts)
        _missing(dataset)
        _lock(dataset, counts.get(Split.TEST, 0))
    else:
        st.write(_("Hold some rows out of the training: on them you can compare models honestly."))
    _form(dataset, counts)


def _parts(counts: dict[str, int]) -> None:
    with st.container(horizontal=True):
        for part in (Split.TRAIN, Split.VALIDATION, Split.TEST, Split.NONE):
            if counts.get(part):
                name = grid.split_name(part) if part else _("Not split")
                st.metric(name, f"{counts[part]:,}", border=True)


def _new_rows(dataset: Dataset, counts: dict[str, int]) -> None:
    """Rows that came after the split: they get their part, and no other row moves."""
    if new := counts.get(Split.NONE, 0):
        with st.container(border=True, horizontal=True, vertical_alignment="center"):
            st.markdown(escape(_("{n} {n:row is|rows are} in no part yet.", n=f"{new:,}")), width="stretch")
            st.button(
                _("Place the new rows"), type="primary", icon=":material/playlist_add:", key="split_place",
                on_click=_place, args=(dataset.id,),
                help=_("The shares hold for all rows together, and no row that has its part moves."),
            )  # fmt: skip


def _missing(dataset: Dataset) -> None:
    unproven, untaught = splitting.missing(resources.store(), dataset.id)
    if untaught:
        st.warning(escape(_("Nothing to learn from: every row of {labels} is held out.", labels=_few(untaught))))
    if unproven:
        sentence = _("Not measured: no row of {labels} is held out. More rows of them, or a larger share, would help.",
                     labels=_few(unproven))  # fmt: skip
        st.caption(f":orange[:material/warning:] {escape(sentence)}")


def _few(labels: list[str]) -> str:
    named = ", ".join(f"“{label}”" for label in labels[:NAMED])
    return named if len(labels) <= NAMED else _("{names} and {n} more", names=named, n=len(labels) - NAMED)


def _lock(dataset: Dataset, tested: int) -> None:
    """The lock of the test set: how it is, and the button that changes it. Unlocking asks first."""
    lock = resources.store().splits.lock(dataset.id)
    if not tested and lock is None:
        return
    with st.container(border=True, horizontal=True, vertical_alignment="center"):
        if lock is None:
            said = _("The test set is open: the next split draws it anew.")
            st.markdown(f":material/lock_open: {escape(said)}", width="stretch")
            st.button(_("Lock the test set"), icon=":material/lock:", on_click=_set_lock, args=(dataset.id, True))
            return
        said = _("The test set is locked ({who}, {when}): no split and no mending moves its {n} {n:row|rows}.",
                 who=lock.who or _("somebody"), when=feedback.moment(lock.at), n=f"{tested:,}")  # fmt: skip
        st.markdown(f":material/lock: {escape(said)}", width="stretch")
        with st.popover(_("Unlock …"), icon=":material/lock_open:"):
            st.write(_("Once its rows move, models that were compared on them can no longer be compared with new "
                       "ones, and rows that were only tested on may be trained on."))  # fmt: skip
            st.button(_("Unlock the test set"), key="split_unlock", on_click=_set_lock, args=(dataset.id, False))


def _form(dataset: Dataset, counts: dict[str, int]) -> None:
    _begin_with(dataset)
    locked = resources.store().splits.lock(dataset.id) is not None
    by_share = st.segmented_control(
        _("Hold out"), [True, False], required=True, key="split_by_share",
        format_func=lambda share: _("a share") if share else _("a number of rows"),
    )  # fmt: skip
    with st.container(horizontal=True, vertical_alignment="bottom"):
        _amount(_("For validation"), "split_share", "split_rows", bool(by_share), dataset.rows)
        if not locked:
            _amount(_("For the final test"), "split_test_share", "split_test_rows", bool(by_share), dataset.rows)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        columns = [f"column:{name}" for name in resources.store().splits.columns(dataset.id)]
        if state.get("split_together", "") not in ("question", "near", "", *columns):
            state.put("split_together", "question")
        st.selectbox(
            _("Keep together"), ["question", "near", "", *columns], key="split_together", format_func=_together,
            width=220, help=_("Rows that belong together are never on two sides: what was learnt is not tested."),
        )  # fmt: skip
        with st.popover(_("More"), icon=":material/tune:"):
            state.say_again("split_seed")
            state.say_again("split_stratified")
            st.number_input(_("Seed: the same number gives the same split"), 0, 2**31 - 1, key="split_seed")
            st.checkbox(_("Keep each label's share in all parts"), key="split_stratified")
        again = bool(counts.get(Split.VALIDATION) or counts.get(Split.TEST))
        st.button(
            _("Split again") if again else _("Split"), type="secondary" if again else "primary",
            icon=":material/content_cut:", on_click=_split, args=(dataset.id, locked),
        )  # fmt: skip


def _amount(label: str, share: str, rows: str, by_share: bool, total: int) -> None:
    if by_share:
        st.selectbox(label, SHARES, format_func=lambda part: f"{part:.0%}" if part else _("none"), key=share, width=150)
    else:
        st.number_input(label, 0, max(1, total - 1), key=rows, width=160)


def _together(value: str) -> str:
    names = {"": _("nothing"), "question": _("the same question"), "near": _("nearly the same question")}
    return names.get(value) or _("the same “{column}”", column=value.removeprefix("column:"))


def _begin_with(dataset: Dataset) -> None:
    """The form shows what this dataset was split by last; the browser forgets fields that are out of sight."""
    plan, most = splitting.plan_of(resources.store(), dataset.id), max(1, dataset.rows - 1)
    by_share = isinstance(plan.validation, float)
    values: dict[str, Any] = {
        "split_by_share": by_share,
        "split_share": _nearest(plan.validation) if by_share else 0.1,
        "split_test_share": _nearest(plan.test) if by_share else 0.0,
        "split_rows": min(1_000, max(1, dataset.rows // 10)) if by_share else min(int(plan.validation), most),
        "split_test_rows": 0 if by_share else min(int(plan.test), most),
        "split_together": plan.together,
        "split_seed": plan.seed,
        "split_stratified": plan.stratified,
    }
    another = state.get("split_of", None) != dataset.id
    state.put("split_of", dataset.id)
    for key, value in values.items():
        if another or state.get(key, None) is None:
            state.put(key, value)


def _nearest(share: float) -> float:
    return min(SHARES, key=lambda offered: abs(offered - share))


def _split(dataset_id: int, locked: bool) -> None:
    with feedback.errors():
        grid.flush()
        share = state.get("split_by_share", True)
        amounts = [state.get(f"split_{name}{'share' if share else 'rows'}", 0) for name in ("", "test_")]
        validation, test = map(float, amounts) if share else map(int, amounts)
        if locked:
            test = splitting.plan_of(resources.store(), dataset_id).test
            test = float(test) if share else int(test)
        plan = SplitPlan(
            validation, test, int(state.get("split_seed", 0)), bool(state.get("split_stratified", True)),
            state.get("split_together", "question"),
        )  # fmt: skip
        with _patience(dataset_id):
            made = splitting.split(resources.store(), dataset_id, plan, resources.who())
        _say(dataset_id, made)


def _place(dataset_id: int) -> None:
    with feedback.errors():
        grid.flush()
        with _patience(dataset_id):
            made = splitting.place_new(resources.store(), dataset_id, resources.who())
        _say(dataset_id, made)


def _patience(dataset_id: int) -> AbstractContextManager[None]:
    """A sign of work, above the page, where it takes more than a moment."""
    long = resources.store().dataset(dataset_id).rows >= LONG
    return st.spinner(_("Working …"), show_time=True) if long else nullcontext()


def _say(dataset_id: int, made: splitting.Outcome) -> None:
    grid.outdated().add(dataset_id)
    held_out, tested = made.counts[Split.VALIDATION], made.counts[Split.TEST]
    if tested:
        feedback.saved(
            _("{n} {n:row is|rows are} held out, {m} more for the test.", n=f"{held_out:,}", m=f"{tested:,}")
        )
    else:
        feedback.saved(_("{n} {n:row is|rows are} held out.", n=f"{held_out:,}"))


def _set_lock(dataset_id: int, locked: bool) -> None:
    with feedback.errors():
        grid.flush()
        resources.store().splits.set_lock(dataset_id, locked, resources.who())
