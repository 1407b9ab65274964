"""Charts of a dataset: labels by split, and how tokens are spread. Colours are those of the theme that is shown."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from core.words import _
from pages.parts.curves import palette

if TYPE_CHECKING:
    import plotly.graph_objects as go

MOST_LABELS = 40
BINS = 40
CONFIG = {"displayModeBar": False}


def _layout(figure: go.Figure, height: int) -> go.Figure:
    figure.update_layout(
        height=height,
        margin={"l": 8, "r": 8, "t": 8, "b": 8},
        legend={"orientation": "h", "y": 1, "yanchor": "bottom", "x": 0, "traceorder": "normal"},
        bargap=0.25,
        dragmode=False,
    )
    return figure


def labels(counts: Mapping[str, Mapping[str, int]], names: Mapping[str, str]) -> go.Figure:
    """Rows of each label, the commonest on top; one colour for each split. `counts` is split -> label -> rows."""
    import plotly.graph_objects as go

    totals: dict[str, int] = {}
    for of_split in counts.values():
        for label, rows in of_split.items():
            totals[label] = totals.get(label, 0) + rows
    shown = sorted(totals, key=lambda label: totals[label])[-MOST_LABELS:]
    figure = go.Figure()
    for colour, (split, of_split) in zip(palette(), counts.items(), strict=False):
        figure.add_trace(
            go.Bar(
                y=[short(label) for label in shown],
                x=[of_split.get(label, 0) for label in shown],
                name=names.get(split, split),
                orientation="h",
                marker={"color": colour},
                hovertemplate="%{y}: %{x:,}<extra>%{fullData.name}</extra>",
            )
        )
    figure.update_layout(barmode="stack", showlegend=len(counts) > 1)
    figure.update_xaxes(tickformat=",d")
    figure.update_yaxes(type="category", automargin=True)
    return _layout(figure, max(160, 60 + 24 * len(shown)) + 50 * (len(counts) > 1))


def short(label: str, longest: int = 28) -> str:
    """A label that fits beside its bar. Plotly reads a few HTML tags: they are made harmless."""
    text = label or "–"
    text = text if len(text) <= longest else text[: longest - 1] + "…"
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def spread(values: Sequence[int], title: str, colour: int = 0, limit: int | None = None) -> go.Figure:
    """How many rows have how many tokens, counted here: the browser gets the bars alone. A limit near them is drawn."""
    import plotly.graph_objects as go

    known = Counter(value for value in values if value >= 0)
    least, top = min(known, default=0), max(known, default=1)
    width = max(1, -(-(top - least + 1) // BINS))
    bars: Counter[int] = Counter()
    for value, rows in known.items():
        bars[(value - least) // width] += rows
    starts = [least + width * place for place in bars]
    colours = palette()
    figure = go.Figure(
        go.Bar(
            x=[start + (width - 1) / 2 for start in starts],
            y=list(bars.values()),
            width=width * 0.95,
            customdata=[f"{start:,}" if width == 1 else f"{start:,}–{start + width - 1:,}" for start in starts],
            marker={"color": colours[colour]},
            hovertemplate=_("Tokens: {x} · rows: {y}", x="%{customdata}", y="%{y:,}") + "<extra></extra>",
        )
    )
    step = 1 if width == 1 and top - least < 15 else None
    figure.update_xaxes(title={"text": title}, dtick=step, tickformat=",d", rangemode="nonnegative")
    figure.update_yaxes(tickformat=",d")
    if limit is not None and limit <= 1.5 * top:
        figure.add_vline(x=limit, line={"color": colours[1], "dash": "dash", "width": 2})
        figure.add_annotation(
            x=limit, y=1, yref="paper", text=_("limit {n}", n=f"{limit:,}"), showarrow=False, xanchor="right",
            font={"color": colours[1]},
        )  # fmt: skip
    return _layout(figure, 240)
