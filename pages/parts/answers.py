"""The answers of a comparison, side by side, with what differs from the expected answer marked."""

from __future__ import annotations

import csv
import html
import io
from collections.abc import Sequence, Set

import streamlit as st

from core.store.evaluations import Answer, Compared, Evaluation
from core.words import _
from pages.parts import resources, state
from pages.parts.wrapping import shared

PAGE = 25
SHORT = 12  # characters from which an answer that was given to every row is cut to one line
CLIP = 600  # characters of a text that are shown in the table
_STYLE = """<style>
.answers{width:100%;border-collapse:collapse;table-layout:fixed;font-size:.92em}
.answers th,.answers td{border-bottom:1px solid rgba(128,128,128,.28);padding:.5em .7em;text-align:left;
vertical-align:top;white-space:pre-wrap;overflow-wrap:break-word}
.answers th{font-weight:600}.answers .n{width:4em;opacity:.7}.answers .q{width:30%}
.answers ins{background:rgba(63,160,90,.24);text-decoration:none;border-radius:3px}
.answers del{background:rgba(200,70,47,.22);border-radius:3px}
.answers .s{display:inline-block;max-width:calc(100% - 1.6em);overflow:hidden;text-overflow:ellipsis;
white-space:nowrap;vertical-align:bottom;opacity:.75}
.answers .y{color:#3C9A5F}.answers .x{color:#D2553F}.answers .e{opacity:.75;font-style:italic}
</style>"""


def show(evaluation: Evaluation) -> None:
    """Filter, search and page through the answers."""
    from core.evaluation import compare

    filters = {
        "all": _("All"),
        "different": _("Different answers"),
        "wrong": _("Wrong now"),
        "fixed": _("Right only after training"),
        "broken": _("Right only before"),
        "failed": _("Could not be asked"),
    }
    with st.container(horizontal=True, vertical_alignment="bottom"):
        only = st.segmented_control(
            _("Show"), list(filters), format_func=filters.__getitem__, default="all", required=True, key="answers_only",
            on_change=_first_page,
        )  # fmt: skip
        text = st.text_input(
            _("Search"), key="answers_text", type="search", on_change=_first_page, placeholder=_("Search"),
            label_visibility="collapsed",
        )  # fmt: skip
    page = compare.side_by_side(
        resources.store(),
        evaluation.id,
        only=only,
        text=text,
        page=state.get("answers_page", 1),
        size=PAGE,
    )
    if not page.rows:
        st.info(_("No row fits."))
        return
    st.html(_STYLE + _table(evaluation, page.rows))
    with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"):
        st.caption(_("{n} {n:row|rows}", n=f"{page.total:,}"))
        if page.pages > 1:
            st.pagination(page.pages, key="answers_page")
        st.download_button(
            _("Download all answers (CSV)"),
            lambda: as_csv(evaluation),
            file_name=f"comparison-{evaluation.id}.csv",
            mime="text/csv",
            icon=":material/download:",
            on_click="ignore",
        )


def _first_page() -> None:
    state.put("answers_page", 1)


def _table(evaluation: Evaluation, rows: Sequence[Compared]) -> str:
    """The rows as an HTML table; every foreign text in it is escaped here."""
    wrap = shared([row.question.text for row in rows])
    heads = [_("Row"), _("Question"), _("Expected"), *(_(ref.name) for ref in evaluation.models)]
    classes = ("n", "q", *[""] * (len(heads) - 2))
    head = "".join(f'<th class="{name}">{html.escape(text)}</th>' for name, text in zip(classes, heads, strict=True))
    repeated = _repeated(rows, len(evaluation.models))
    body = "".join(
        _row(evaluation, row, wrap.inner(row.question.text), repeated if place else set())
        for place, row in enumerate(rows)
    )
    return f'<table class="answers"><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>'


def _repeated(rows: Sequence[Compared], models: int) -> set[int]:
    """The models that say one and the same to every row of the page: after the first row it is shown in short."""
    said = [{answer.text if (answer := row.answers.get(model)) else "" for row in rows} for model in range(models)]
    return {model for model, texts in enumerate(said) if len(texts) == 1}


def _row(evaluation: Evaluation, row: Compared, shown: str, repeated: Set[int]) -> str:
    question = row.question
    cells = [
        f'<td class="n">{question.position + 1}</td>',
        f'<td class="q">{_clipped(shown)}</td>',
        f"<td>{_clipped(question.expected)}</td>",
        *(
            f"<td>{_answer(question.expected, row.answers.get(model), in_short=model in repeated)}</td>"
            for model in range(len(evaluation.models))
        ),
    ]
    return f"<tr>{''.join(cells)}</tr>"


def _clipped(text: str) -> str:
    return _safe(text if len(text) <= CLIP else text[:CLIP] + " …")


def _safe(text: str) -> str:
    """The text as HTML; a long label may break behind an underscore."""
    return html.escape(text).replace("_", "_<wbr>")


def _answer(expected: str, answer: Answer | None, *, in_short: bool = False) -> str:
    """An answer against what was expected: what is missing struck through, what came instead in green."""
    if answer is None:
        return '<span class="e">–</span>'
    if answer.error is not None:
        return f'<span class="e">{html.escape(str(answer.error.message))}</span>'
    if answer.correct:
        return f'<b class="y">✓</b> {_clipped(answer.text)}'
    if answer.correct is None:
        return _clipped(answer.text)
    if in_short and len(answer.text) > SHORT:
        return '<b class="x">✗</b> <span class="s" title="{0}">{0}</span>'.format(html.escape(answer.text[:CLIP]))
    from core.evaluation import compare

    marks = {"equal": "{}", "insert": "<ins>{}</ins>", "delete": "<del>{}</del>"}
    pieces = compare.difference(expected[:CLIP], answer.text[:CLIP])
    same = sum(len(text) for op, text in pieces if op == "equal")
    if same * 3 < max(len(expected[:CLIP]), len(answer.text[:CLIP])):
        return f'<b class="x">✗</b> {_clipped(answer.text)}'  # nearly nothing in common: marks would only be noise
    return '<b class="x">✗</b> ' + "".join(marks[op].format(_safe(text)) for op, text in pieces)


def as_csv(evaluation: Evaluation) -> bytes:
    """Every question with every answer, as a CSV that Excel opens in any language."""
    store = resources.store()
    said = {(answer.number, answer.model): answer for answer in store.evaluations.answers(evaluation.id)}
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(["row", "question", "expected", *(ref.model for ref in evaluation.models)])
    for question in store.evaluations.questions(evaluation.id):
        texts = [
            answer.text if (answer := said.get((question.number, place))) else ""
            for place in range(len(evaluation.models))
        ]
        writer.writerow([question.position + 1, question.text, question.expected, *texts])
    return out.getvalue().encode("utf-8-sig")
