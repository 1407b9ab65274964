"""What these rows would cost with each model: training, validation, a month of hosting and of use, side by side."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import streamlit as st

from core.checks import Severity
from core.checks.targets import Contents, check_target
from core.store import Dataset
from core.tokens import Cost, Load, Money, Price, Ratio, compare, cost, in_dollars
from core.words import _
from pages.parts import report, resources


@st.cache_data(max_entries=8, show_spinner=False)
def load(dataset_id: int, revision: int, encoding: str) -> Load:
    """What training this revision of a dataset comes to."""
    from core import jobs

    store, extras = resources.store(), report.contents(dataset_id, revision).extras
    return jobs.load_of(store, dataset_id, store.split_counts(dataset_id), extras)


def ratios() -> dict[tuple[str, str], Ratio]:
    """What finished jobs were billed against what is counted here."""
    from core import jobs

    return jobs.ratios(resources.store(), resources.catalogue())


def training(dataset: Dataset, price: Price | None) -> Money | None:
    """What training these rows with a model would cost; None where its price is not known."""
    if price is None:
        return None
    return cost(price, load(dataset.id, dataset.revision, dataset.encoding), ratios().get(price.name)).training


def table(dataset: Dataset, found: report.Figures, prices: list[Price]) -> None:
    """The table of models, the cheapest first, with the one question that it asks."""
    asks = st.number_input(
        _("Answers a day, once it is trained"), 0, 10_000_000, 0, step=100, key="costs_asks", width=280,
        help=_("Adds what a month of use costs: questions and answers as long as those of your rows."),
    )  # fmt: skip
    whole = replace(load(dataset.id, dataset.revision, dataset.encoding), asks_a_day=int(asks))
    held = replace(report.contents(dataset.id, dataset.revision), kind=dataset.kind, validation=None)
    costs = [(each, _refused(each.price, held)) for each in compare(prices, whole, ratios())]
    costs.sort(key=lambda one: bool(one[1]))  # those that do not take these rows come last
    st.dataframe(
        [_row(each, refused, found) for each, refused in costs], hide_index=True, placeholder="–", alt=_("Prices"),
        column_config={_("Model"): st.column_config.Column(pinned=True)},
    )  # fmt: skip
    st.caption(
        _(
            "US dollars. A range, since no provider publishes exactly how it counts; where your jobs have finished, it "
            "follows what they were billed. {n} {n:epoch|epochs} over {m} {m:row|rows}. “+ ?” and “–” stand "
            "for what nobody knows. "
            "Prices change: look at your provider's page, and correct the table under Models and prices.",
            n=whole.epochs, m=f"{len(whole.tokens):,}",
        )
    )  # fmt: skip


def _refused(price: Price, held: Contents) -> str:
    """Why a model does not take these rows; empty where it does."""
    issues = check_target(price, held, report.today())
    return " ".join(issue.found for issue in issues if issue.severity is Severity.ERROR)


def _row(each: Cost, refused: str, found: report.Figures) -> dict[str, Any]:
    price, limit = each.price, each.price.context
    return {
        _("Model"): report.model_name(price),
        _("Takes these rows"): _("no") if refused else _("yes"),
        _("In all, first month"): total(each),
        _("Training"): _training(each),
        _("Held-out rows"): report.money(each.validation),
        _("Hosting a month"): amount(each.hosting),
        _("Use a month"): amount(each.use),
        _("Rows too long"): sum(value > limit for value in found.tokens) if limit else None,
        _("$ per 1M tokens"): price.training,
        _("Finished jobs say"): measured(each.ratio),
        _("No new trainings from"): price.jobs_end,
        _("Answers end"): price.answers_end,
        _("Price seen on"): price.checked_on,
        _("Why it does not take them"): refused or None,
    }


def total(each: Cost) -> str:
    """Training and the first month in short; "+ ?" where a part of it is not known."""
    if each.total is None:
        return _("not known")
    known = in_dollars(*each.total)
    return f"{known} + ?" if each.unknown else known


def _training(each: Cost) -> str:
    if each.training is None and each.price.training_hour:
        return _("${each} an hour", each=f"{each.price.training_hour:,.2f}")
    return report.money(each.training)


def amount(dollars: float | None) -> str | None:
    """Dollars in short; None where they are not known."""
    return None if dollars is None else f"${dollars:,.2f}"


def measured(ratio: Ratio | None) -> str | None:
    """How much more or less than counted was billed, and by how many jobs that is known."""
    if ratio is None:
        return None
    return _(
        "{low} to {high} times ({jobs} {jobs:job|jobs})",
        low=f"{ratio.low:.2f}",
        high=f"{ratio.high:.2f}",
        jobs=ratio.jobs,
    )
