"""The part of `check` that compares prices: what this file would cost with every model that can still be trained."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from core.words import _

if TYPE_CHECKING:
    from core.checks import Report
    from core.tokens import Catalogue, Cost, Load, Price, Ratio

    Priced = tuple[Cost, bool]


def load_of_file(path: Path, report: Report, asks_a_day: int) -> Load:
    """What training this file comes to. Where a model reads less than the longest example, it is an upper bound."""
    from core.checks.targets import extras_of_file
    from core.tokens import Load

    extras = extras_of_file(path)
    each, rest = divmod(report.tokens.total, max(1, report.examples))
    tokens = [each + 1] * rest + [each] * (report.examples - rest)
    return Load(
        tokens,
        report.epochs,
        answers=report.assistant_tokens.total,
        tools=bool(extras.tools),
        images=(extras.low, extras.high),
        asks_a_day=asks_a_day,
    )


def of_model(report: Report, price: Price, ratio: Ratio | None) -> list[str]:
    """What training this file would cost with the model that it was checked for."""
    from core.tokens import estimate, in_dollars

    named = {"model": _name(price), "provider": price.provider}
    tools = bool(report.with_tools)
    money = estimate(
        report.billable_tokens, report.epochs, price, examples=report.examples, with_tools=tools, ratio=ratio
    )
    if money is not None:
        each = in_dollars(money.low, money.high)
    elif price.training_hour:
        each = _("${each} an hour", each=f"{price.training_hour:,.2f}")
    else:
        return ["  " + _("the price of training {model} at {provider} is not known", **named), *_hosting(price)]
    told = _("training {model} at {provider}, prices of {day}: {price}", **named, day=price.checked_on, price=each)
    more = _("as {jobs} finished {jobs:job was|jobs were} billed", jobs=ratio.jobs) if ratio else ""
    return ["  " + ", ".join(part for part in (told, more) if part), *_hosting(price)]


def _name(price: Price) -> str:
    return _("other models") if price.model == "*" else price.model


def _hosting(price: Price) -> list[str]:
    """What the trained model costs while it stands ready, where that is something."""
    month = price.hosting
    return ["  " + _("keeping it ready: ${month} a month", month=f"{month:,.2f}")] if month else []


def compared(
    load: Load, catalogue: Catalogue, ratios: dict[tuple[str, str], Ratio], takes: Callable[[Price], bool]
) -> list[Priced]:
    """The costs with every model that can be trained today, and whether it takes the file: those first, cheap first."""
    from core.tokens import compare

    today = datetime.now(UTC).date()
    found = compare([price for price in catalogue.prices if price.trainable(today)], load, ratios)
    return sorted(((cost, takes(cost.price)) for cost in found), key=lambda priced: not priced[1])


def as_json(costs: list[Priced]) -> list[dict[str, Any]]:
    """The costs as plain values; null is "not known"."""
    return [
        {
            "provider": cost.price.provider,
            "model": cost.price.model,
            "takes": takes,
            "training": [cost.training.low, cost.training.high] if cost.training else None,
            "hosting_month": cost.hosting,
            "use_month": cost.use,
            "total": list(cost.total) if cost.total else None,
            "unknown": list(cost.unknown),
            "jobs_end": cost.price.jobs_end.isoformat() if cost.price.jobs_end else None,
            "measured": vars(cost.ratio) if cost.ratio else None,
        }
        for cost, takes in costs
    ]


def lines(costs: list[Priced], load: Load) -> list[str]:
    """The costs for a person to read, one model a line."""
    head = _("Prices in US dollars, the first month: {epochs} {epochs:epoch|epochs},"
             " {asks} {asks:answer|answers} a day", epochs=load.epochs,
             asks=f"{load.asks_a_day:,}")  # fmt: skip
    names = [f"{cost.price.provider}: {_name(cost.price)}" for cost, _takes in costs]
    width = max(map(len, names), default=0)
    rows = (f"  {name:{width}}  {_one(*priced)}" for name, priced in zip(names, costs, strict=True))
    return ["", head, *(row.rstrip() for row in rows)]


def _one(cost: Cost, takes: bool) -> str:
    """A line on one model: what is known of it, and what is not in a word."""
    from core.tokens import in_dollars

    parts = [_total(cost)] if takes else [_("does not take this file"), _total(cost)]
    if cost.training is not None and cost.training.high:
        money = cost.training
        parts.append(_("training {range}", range=in_dollars(money.low, money.high)))
    elif cost.price.training_hour:
        parts.append(_("training ${each} an hour", each=f"{cost.price.training_hour:,.2f}"))
    if cost.validation and cost.validation.high:
        parts.append(_("held-out rows {range}", range=in_dollars(cost.validation.low, cost.validation.high)))
    parts += [_("hosting {month}", month=f"${cost.hosting:,.2f}")] if cost.hosting else []
    parts += [_("use {month}", month=f"${cost.use:,.2f}")] if cost.use else []
    if cost.price.jobs_end:
        parts.append(_("no new trainings from {day} on", day=cost.price.jobs_end.isoformat()))
    if cost.ratio:
        parts.append(_("as {jobs} finished {jobs:job was|jobs were} billed", jobs=cost.ratio.jobs))
    return ", ".join(parts)


def _total(cost: Cost) -> str:
    if cost.total is None:
        return _("not known")
    names = {"validation": _("held-out rows"), "hosting": _("hosting"), "use": _("use")}
    unknown = ", ".join(names[part] for part in cost.unknown)
    from core.tokens import in_dollars

    whole = in_dollars(*cost.total)
    return _("{total} and what is not known ({parts})", total=whole, parts=unknown) if unknown else whole
