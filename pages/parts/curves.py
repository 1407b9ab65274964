"""The curves of a training: loss and accuracy by step, for training and validation, with checkpoints marked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

import streamlit as st

from core.words import _
from pages.parts.text import escape, for_chart

if TYPE_CHECKING:
    import plotly.graph_objects as go


class Line(Protocol):
    """What a curve is drawn from: a name and its points (step, value, …)."""

    @property
    def name(self) -> str: ...

    @property
    def points(self) -> Sequence[Any]: ...


PARTS = ("train", "valid", "full_valid")  # the rows that a metric was measured on, as its name begins
SHARES = ("mean_token_accuracy", "exact_match", "rewards/accuracies")  # measured from 0 to 1, shown in per cent
TRAIN_MANY = 120  # points from which the noisy training line is drawn thin, with its moving mean on top


def what_of(name: str) -> str:
    """What a metric measures: its name without the rows that it was measured on."""
    part, _line, what = name.removeprefix("full_").partition("_")
    return what if part in PARTS and what else name


def titles(measured: Sequence[str]) -> dict[str, str]:
    """The charts that say how a training goes, and what stands above each: reward or preference, where it is told."""
    if "reward_mean" in measured:
        return {
            "reward_mean": _("Reward (higher is better)"),
            "greedy_reward_mean": _("Reward of the likeliest answer"),
        }
    loss = {"loss": _("Loss: how far off the model is (lower is better)")}
    if "rewards/accuracies" in measured:
        return {**loss, "rewards/accuracies": _("How often the better answer leads (higher is better)")}
    return {**loss, "mean_token_accuracy": _("Accuracy on the tokens of the answer (higher is better)")}


def what_name(what: str) -> str:
    """What is measured, in words; the unknown keeps its own name."""
    names = {
        "loss": _("Loss"),
        "mean_token_accuracy": _("Accuracy"),
        "reward_mean": _("Reward"),
        "greedy_reward_mean": _("Reward of the likeliest answer"),
        "rewards/accuracies": _("The better answer leads"),
        "rewards/margins": _("Lead of the better answer"),
        "rewards/chosen": _("Gain of the better answer"),
        "rewards/rejected": _("Gain of the worse answer"),
        "kl": _("Distance from the model it began with (KL)"),
        "reasoning_tokens_mean": _("Tokens of thought"),
        "answer_tokens_mean": _("Tokens of an answer"),
        "exact_match": _("Answered word for word"),
        "learning_rate": _("Learning rate"),
    }
    return names.get(what, what)


def series_name(name: str) -> str:
    """What a metric is called where it stands alone; an unknown one keeps its own name."""
    names = {
        "train_loss": _("Training loss"),
        "valid_loss": _("Validation loss"),
        "full_valid_loss": _("Validation loss, all rows"),
        "train_mean_token_accuracy": _("Training accuracy"),
        "valid_mean_token_accuracy": _("Validation accuracy"),
        "full_valid_mean_token_accuracy": _("Validation accuracy, all rows"),
    }
    what = what_of(name)
    if name in names or what == name or what_name(what) == what:
        return names.get(name) or what_name(name)
    return f"{what_name(what)} · {_legend(name)}"


def _legend(name: str) -> str:
    """What a line is called beside a chart whose title says what is measured: three short words fit in one line."""
    if what_of(name) == name:
        return what_name(name)
    if name.startswith("full_"):
        return _("Validation, all rows")
    return _("Train") if name.startswith("train") else _("Validation")


def palette() -> list[str]:
    """The chart colours of the theme that this browser shows."""
    mode = "dark" if st.context.theme.type == "dark" else "light"
    colours = st.get_option(f"theme.{mode}.chartCategoricalColors") or st.get_option("theme.chartCategoricalColors")
    return [str(colour) for colour in colours]


def _smooth(values: list[float]) -> list[float]:
    """Moving mean over a twentieth of the points, so that the trend of noisy minibatches can be seen."""
    width = max(2, len(values) // 20)
    out, total = [], 0.0
    for index, value in enumerate(values):
        total += value
        if index >= width:
            total -= values[index - width]
        out.append(total / min(index + 1, width))
    return out


def curve(lines: Sequence[Line], names: Sequence[str], checkpoints: Sequence[int]) -> go.Figure | None:
    """One chart of the named lines over steps; None while there is nothing to draw."""
    import plotly.graph_objects as go

    present = {line.name: [(point.step, point.value) for point in line.points] for line in lines if line.points}
    if not any(name in present for name in names):
        return None
    figure = go.Figure()
    colours = palette()
    for index, name in enumerate(names):
        if name not in present:
            continue
        steps, values = zip(*present[name], strict=True)
        _draw(figure, name, list(steps), list(values), colours[index])
    for step in checkpoints:
        figure.add_vline(x=step, line={"color": colours[7], "dash": "dot", "width": 1})
    if checkpoints:
        figure.add_annotation(
            x=checkpoints[-1], y=1.0, yref="paper", text=_("checkpoint"), showarrow=False, yanchor="bottom",
            font={"size": 11, "color": colours[7]},
        )  # fmt: skip
    figure.update_layout(
        height=290,
        margin={"l": 8, "r": 8, "t": 20, "b": 8},
        legend={"orientation": "h", "y": -0.18, "x": 0},
        xaxis={"title": None, "rangemode": "tozero"},
        yaxis={"rangemode": "tozero", "tickformat": ".0%" if what_of(names[0]) in SHARES else None},
        hovermode="x unified",
    )
    return figure


def _draw(figure: go.Figure, name: str, steps: list[float], values: list[float], colour: str) -> None:
    import plotly.graph_objects as go

    noisy = name.startswith("train") and len(values) > TRAIN_MANY
    whole = name.startswith("full_")
    if noisy:
        figure.add_trace(
            go.Scatter(x=steps, y=values, mode="lines", line={"color": colour, "width": 1}, opacity=0.25,
                       hoverinfo="skip", showlegend=False)
        )  # fmt: skip
    figure.add_trace(
        go.Scatter(
            x=steps,
            y=_smooth(values) if noisy else values,
            mode="lines+markers" if whole or len(values) < 40 else "lines",
            name=for_chart(_legend(name)),
            line={"color": colour, "width": 2, "dash": "dash" if whole else "solid"},
            marker={"size": 7},
        )
    )


def show(lines: Sequence[Line], checkpoints: Sequence[int], key: str) -> None:
    """How the training goes, side by side, and whatever other numbers the provider sent below."""
    names: dict[str, list[str]] = {}
    for line in lines:
        nothing = what_of(line.name) == "reasoning_tokens_mean" and not any(point.value for point in line.points)
        if line.points and not nothing and line.name not in ("step", "total_steps"):
            names.setdefault(what_of(line.name), []).append(line.name)
    usual = titles(list(names))
    shown = {what: title for what, title in usual.items() if what in names}
    if not shown:
        st.caption(_("The curve appears with the first numbers the provider sends."))
    _side_by_side(lines, names, shown, checkpoints, key)
    others = {what: escape(what_name(what)) for what in names if what not in shown}
    if others:
        with st.expander(_("Other numbers from the provider")):
            _side_by_side(lines, names, others, checkpoints, key)


def _side_by_side(
    lines: Sequence[Line], names: Mapping[str, Sequence[str]], shown: Mapping[str, str], steps: Sequence[int], key: str
) -> None:
    """Charts in rows of two, each under its title."""
    entries = list(shown.items())
    for first in range(0, len(entries), 2):
        row = entries[first : first + 2]
        for column, (what, title) in zip(st.columns(min(2, len(entries))), row, strict=False):
            column.markdown(f"**{title}**")
            figure = curve(lines, _in_order(what, names[what]), steps)
            column.plotly_chart(figure, key=f"{key}-{escape(what)}", config={"displayModeBar": False})


def _in_order(what: str, found: Sequence[str]) -> list[str]:
    """The names of what was measured, each at its colour's place."""
    return list(found) if what in found else [f"{part}_{what}" for part in PARTS]


def shades() -> list[tuple[float, str]]:
    """A colour scale from the page's background to its first chart colour."""
    mode = "dark" if st.context.theme.type == "dark" else "light"
    return [(0.0, str(st.get_option(f"theme.{mode}.secondaryBackgroundColor"))), (1.0, palette()[0])]
