"""The curves of a training: loss and accuracy by step, for training and validation, with checkpoints marked."""

from __future__ import annotations

from collections.abc import Sequence
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


LOSS = ("train_loss", "valid_loss", "full_valid_loss")
ACCURACY = ("train_mean_token_accuracy", "valid_mean_token_accuracy", "full_valid_mean_token_accuracy")
TRAIN_MANY = 120  # points from which the noisy training line is drawn thin, with its moving mean on top


def series_name(name: str) -> str:
    """What a metric is called on screen; an unknown one keeps its own name."""
    names = {
        "train_loss": _("Training loss"),
        "valid_loss": _("Validation loss"),
        "full_valid_loss": _("Validation loss, all rows"),
        "train_mean_token_accuracy": _("Training accuracy"),
        "valid_mean_token_accuracy": _("Validation accuracy"),
        "full_valid_mean_token_accuracy": _("Validation accuracy, all rows"),
    }
    return names.get(name) or for_chart(name)


def _legend(name: str) -> str:
    """What a line is called beside a chart whose title says what is measured: three short words fit in one line."""
    if name not in (*LOSS, *ACCURACY):
        return series_name(name)
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
        yaxis={"rangemode": "tozero", "tickformat": ".0%" if names == ACCURACY else None},
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
            name=_legend(name),
            line={"color": colour, "width": 2, "dash": "dash" if whole else "solid"},
            marker={"size": 7},
        )
    )


def show(lines: Sequence[Line], checkpoints: Sequence[int], key: str) -> None:
    """Loss and accuracy side by side, and whatever other numbers the provider sent below."""
    charts = [
        (LOSS, _("Loss: how far off the model is (lower is better)")),
        (ACCURACY, _("Accuracy on the tokens of the answer (higher is better)")),
    ]
    drawn = [(names, title, figure) for names, title in charts if (figure := curve(lines, names, checkpoints))]
    if not drawn:
        st.caption(_("The curve appears with the first numbers the provider sends."))
        return
    for column, (names, title, figure) in zip(st.columns(len(drawn)), drawn, strict=True):
        column.markdown(f"**{title}**")
        column.plotly_chart(figure, key=f"{key}-{names[0]}", config={"displayModeBar": False})
    known = {*LOSS, *ACCURACY, "step", "total_steps"}
    others = [line.name for line in lines if line.name not in known and line.points]
    if others:
        with st.expander(_("Other numbers from the provider")):
            for name in others:
                st.markdown(f"**{escape(name)}**")
                figure = curve(lines, [name], checkpoints)
                st.plotly_chart(figure, key=f"{key}-{name}", config={"displayModeBar": False})


def shades() -> list[tuple[float, str]]:
    """A colour scale from the page's background to its first chart colour."""
    mode = "dark" if st.context.theme.type == "dark" else "light"
    return [(0.0, str(st.get_option(f"theme.{mode}.secondaryBackgroundColor"))), (1.0, palette()[0])]
