"""What a comparison found: the scores, the confusion matrix, and the answers side by side."""

from __future__ import annotations

from datetime import datetime

import streamlit as st

from core.evaluation.scoring import ModelScore, Paired
from core.store.evaluations import Evaluation
from core.words import _
from pages.parts import answers, curves, feedback, frame, resources
from pages.parts.text import escape, for_chart

MANY_LABELS = 30  # labels above which a confusion matrix can no longer be read


def show(evaluation: Evaluation) -> None:
    """Scores first, then where the models go wrong, then every answer."""
    answered = len(resources.store().evaluations.answered(evaluation.id))
    with st.spinner(_("Counting …"), show_time=False):
        scores, pair = _counted(evaluation.id, answered, evaluation.finished_at)
    if pair:
        st.markdown(f"**{escape(pair.sentence)}** {escape(pair.verdict)}")
    for column, score in zip(st.columns(len(scores)), scores, strict=True):
        with column.container(border=True, height="stretch"):
            _tiles(score)
    if any(score.confusion for score in scores):
        side, matrix, labels = st.tabs([_("Answers side by side"), _("What is mixed up"), _("Label by label")])
        with matrix:
            _confusion(scores)
        with labels:
            _labels(scores)
        with side:
            answers.show(evaluation)
    else:  # free texts have no labels to mix up
        st.subheader(_("Answers side by side"))
        answers.show(evaluation)
    feedback.next_step(
        _("{n} {n:row|rows} compared.", n=f"{evaluation.rows:,}"), _("Ask both something of your own"), frame.ASK
    )


@st.cache_data(max_entries=20, show_spinner=False)
def _counted(evaluation_id: int, _answered: int, _until: datetime | None) -> tuple[list[ModelScore], Paired | None]:
    """The scores, and the comparison of two models: counted anew when answers have come."""
    from core.evaluation import scoring

    store = resources.store()
    scores = scoring.scores(store, evaluation_id)
    return scores, scoring.paired(store, evaluation_id) if len(scores) > 1 else None


def percent(value: float | None) -> str:
    """A share as a percentage, all of it without a decimal; a dash where there are no data."""
    return "–" if value is None else "100%" if value == 1 else f"{value:.1%}"


def _tiles(score: ModelScore) -> None:
    st.markdown(f"**{escape(_(score.ref.name))}**")
    st.caption(escape(score.ref.model))
    with st.container(horizontal=True):
        if score.similarity is None:
            st.metric(_("Accuracy"), percent(score.accuracy))
            st.metric(_("Macro F1"), percent(score.macro_f1))
        else:
            st.metric(_("Likeness"), percent(score.similarity), help=_("Likeness to the expected answer"))
            st.metric(_("Exactly right"), percent(score.accuracy))
        seconds = score.seconds_median
        st.metric(_("Time for an answer"), "–" if seconds is None else f"{seconds * 1000:,.0f} ms")
    notes = [_("{n} of {total} {total:row|rows} answered", n=f"{score.answered:,}", total=f"{score.rows:,}")]
    if score.interval and score.similarity is None:
        low, high = score.interval
        notes.append(_("true accuracy probably {low} to {high}", low=percent(low), high=percent(high)))
    if score.errors:
        notes.append(_("{n} could not be asked", n=f"{score.errors:,}"))
    st.caption(escape(" · ".join(notes)))


def _choose(scores: list[ModelScore], key: str) -> ModelScore:
    """Whose labels are looked at: the last model first."""
    closed = [score for score in scores if score.confusion]
    if len(closed) == 1:
        return closed[0]
    names = [_(score.ref.name) for score in closed]
    chosen = st.segmented_control(
        _("Model"),
        names,
        default=names[-1],
        format_func=escape,
        key=key,
        required=True,
        label_visibility="collapsed",
    )
    return closed[names.index(chosen)]


def _confusion(scores: list[ModelScore]) -> None:
    import plotly.graph_objects as go

    score = _choose(scores, "confusion_model")
    keep = range(min(len(score.labels), MANY_LABELS))
    said = [*keep, len(score.labels)]
    names = [*map(for_chart, score.labels), _("something else")]
    counts = [[score.confusion[i][j] for j in said] for i in keep]
    shares = [[n / (sum(score.confusion[i]) or 1) for n in row] for i, row in zip(keep, counts, strict=True)]
    figure = go.Figure(
        go.Heatmap(
            z=shares,
            x=[names[j] for j in said],
            y=[names[i] for i in keep],
            text=[[str(n) if n else "" for n in row] for row in counts],
            texttemplate="%{text}" if len(keep) <= 20 else None,
            customdata=counts,
            hovertemplate=_("expected") + " %{y}<br>" + _("answered") + " %{x}<br>%{customdata}<extra></extra>",
            colorscale=curves.shades(),
            showscale=False,
            xgap=1,
            ygap=1,
        )
    )
    figure.update_layout(
        height=max(300, 90 + 30 * len(keep)),
        margin={"l": 8, "r": 8, "t": 30, "b": 8},
        xaxis={"title": _("What the model answered"), "side": "top", "type": "category"},
        yaxis={"title": _("What was expected"), "autorange": "reversed", "type": "category"},
    )
    st.plotly_chart(figure, key="confusion", config={"displayModeBar": False})
    if len(score.labels) > MANY_LABELS:
        st.caption(_("The {n} most frequent labels of {total}.", n=MANY_LABELS, total=len(score.labels)))


def _labels(scores: list[ModelScore]) -> None:
    score = _choose(scores, "label_model")
    rows = [
        {
            _("Label"): each.label,
            _("Rows"): each.support,
            _("Found (recall)"): _hundredths(each.recall),
            _("Right when said (precision)"): _hundredths(each.precision),
            _("F1"): _hundredths(each.f1),
        }
        for each in score.per_class
    ]
    shares = [_("Found (recall)"), _("Right when said (precision)"), _("F1")]
    columns = {name: st.column_config.ProgressColumn(format="%.0f %%", min_value=0, max_value=100) for name in shares}
    st.dataframe(rows, hide_index=True, column_config=columns, height="content" if len(rows) <= 20 else 700)


def _hundredths(share: float | None) -> float | None:
    return None if share is None else 100 * share
