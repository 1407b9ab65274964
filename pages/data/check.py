"""Check and split: what is wrong, how it is spread, what training would cost, what is held out."""

from __future__ import annotations

import streamlit as st

from core.checks import Severity
from core.dataset.examples import Split
from core.store import Dataset
from core.tokens import Price
from core.words import _
from pages.parts import (
    choices,
    costs,
    doubting,
    feedback,
    frame,
    leftovers,
    looks,
    mending,
    privacy,
    relating,
    report,
    resources,
    seeing,
    splitting,
    tabs,
)


def page() -> None:
    """The report of the dataset that is open, and the way on."""
    st.title(_("Check and split"))
    with st.container(horizontal=True, vertical_alignment="center"):
        dataset = choices.dataset()
        if dataset is None:
            return
        trainable = report.trainable()
        price = report.model(trainable)
    report.recount(dataset, price)
    found = report.figures(dataset, price)
    report.tiles(found, costs.training(dataset, price))
    overview, fixes, repeats, doubts, private, learnt = tabs.show()
    with overview:
        _overview(dataset, found, trainable)
    with fixes:
        mending.show(dataset, found.limit)
    with repeats:
        relating.show(dataset)
    with doubts:
        doubting.show(dataset, keys=bool(doubts.open))
    with private:
        privacy.show(dataset)
    with learnt:
        seeing.show(dataset, found.limit)
    _next(dataset, found)


def _overview(dataset: Dataset, found: report.Figures, trainable: list[Price]) -> None:
    """What the checks found, how labels and tokens are spread, the split, the prices."""
    st.subheader(_("What the checks found"))
    report.issues(dataset, found)
    looks.show(dataset)
    leftovers.folded(dataset)
    left, right = st.columns([1, 1], gap="large")
    with left:
        st.subheader(_("Labels"))
        report.label_chart(dataset)
    with right:
        st.subheader(_("Split"))
        splitting.show(dataset)
    st.subheader(_("Tokens"))
    report.token_charts(dataset, found)
    with st.expander(_("Prices of all models")):
        costs.table(dataset, found, trainable)


def _next(dataset: Dataset, found: report.Figures) -> None:
    held_out = resources.store().split_counts(dataset.id).get(Split.VALIDATION, 0)
    of_the_whole = sum(issue.severity is Severity.ERROR for issue in found.whole)
    if found.found(Severity.ERROR) > of_the_whole:
        st.warning(_("Errors stand in the way of a training: the overview leads to their rows. Mend or delete them."))
    elif of_the_whole:
        st.warning(_("These rows cannot be trained like this with the chosen model: the overview says why."))
    elif held_out:
        feedback.next_step(
            _("Checked and split: {n} {n:row is|rows are} held out.", n=f"{held_out:,}"),
            _("Train a model"),
            frame.LAUNCH,
        )
    else:
        feedback.next_step(_("Checked. Split the rows before you train."), _("Train without a split"), frame.LAUNCH)


with feedback.errors():
    page()
