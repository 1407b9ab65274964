"""Holding rows out: how many, with which seed, and what came of it."""

from __future__ import annotations

import streamlit as st

from core.dataset import split
from core.dataset.examples import Split
from core.store import Dataset
from core.words import _
from pages.parts import feedback, grid, resources, state

SHARES = (0.05, 0.1, 0.2, 0.3)


def show(dataset: Dataset) -> None:
    """The counts of each split, and the form that splits anew."""
    counts = resources.store().split_counts(dataset.id)
    if set(counts) - {Split.NONE}:
        with st.container(horizontal=True):
            for part in (Split.TRAIN, Split.VALIDATION, Split.TEST, Split.NONE):
                if counts.get(part):
                    name = grid.split_name(part) if part else _("Not split")
                    st.metric(name, f"{counts[part]:,}", border=True)
    else:
        st.write(_("Hold some rows out of the training: on them you can compare models honestly."))
    with st.container(horizontal=True, vertical_alignment="bottom"):
        by_share = st.segmented_control(
            _("Hold out"), [True, False], default=True, required=True, key="split_by_share",
            format_func=lambda share: _("a share") if share else _("a number of rows"),
        )  # fmt: skip
        if by_share:
            st.selectbox(
                _("Share"), SHARES, 1, format_func=lambda share: f"{share:.0%}", key="split_share", width=110
            )  # fmt: skip
        else:
            most = max(1, dataset.rows - 1)
            st.number_input(_("Rows"), 1, most, min(1_000, max(1, dataset.rows // 10)), key="split_rows", width=140)
        with st.popover(_("More"), icon=":material/tune:"):
            st.number_input(
                _("Seed: the same number gives the same split"), 0, 2**31 - 1, 0, key="split_seed"
            )  # fmt: skip
            st.checkbox(_("Keep each label's share in both parts"), True, key="split_stratified")
        label = _("Split again") if counts.get(Split.VALIDATION) else _("Split")
        again = bool(counts.get(Split.VALIDATION))
        st.button(
            label,
            type="secondary" if again else "primary",
            icon=":material/content_cut:",
            on_click=_split,
            args=(dataset.id,),
        )


def _split(dataset_id: int) -> None:
    with feedback.errors():
        by_share = state.get("split_by_share", True)
        wanted: float | int = state.get("split_share", 0.1) if by_share else int(state.get("split_rows", 1))
        stratified = state.get("split_stratified", True)
        result = assigned(dataset_id, wanted, int(state.get("split_seed", 0)), stratified=stratified)
        feedback.saved(_("{n} rows are held out.", n=f"{result:,}"))


def assigned(dataset_id: int, validation: float | int, seed: int, *, stratified: bool = True) -> int:
    """Split a dataset, as one step that can be undone; how many rows are held out."""
    grid.flush()
    store, outdated = resources.store(), grid.outdated()
    pairs = store.row_labels(dataset_id)
    splits = split.assign(
        ((number, label if stratified else "") for number, label in pairs), validation=validation, seed=seed
    )
    store.assign_splits(dataset_id, splits, resources.who())
    outdated.add(dataset_id)
    return sum(part is Split.VALIDATION for part in splits.values())
