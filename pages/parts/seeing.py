"""One row as the model sees it: its tokens, what of them is learnt, and where it is cut off."""

from __future__ import annotations

import html
import unicodedata
from collections.abc import Iterable, Iterator, Sequence

import streamlit as st

from core.dataset.examples import Example, Kind
from core.store import EVERYTHING, Dataset
from core.tokens.seen import Piece, Seen, Segment, seen
from core.words import _
from pages.parts import resources, tokenisers
from pages.parts.text import escape, role_name

FIRST, LAST = 30, 10  # turns that are shown of a very long talk
CLIP = 2_000  # characters of one piece
_JOINERS = "\u200c\u200d"  # they hold emoji and some scripts together
_STYLE = """<style>
.seen{line-height:1.85;overflow-wrap:anywhere}
.seen .turn{border-left:3px solid rgba(128,128,128,.35);padding:.15em 0 .35em .8em;margin:.5em 0}
.seen .turn.l{border-left-color:rgba(60,154,95,.9)}
.seen .chip{display:inline-block;font-size:.82em;font-weight:600;border-radius:1em;padding:0 .7em;margin-right:.5em;
background:rgba(128,128,128,.18)}
.seen .cost{font-size:.82em;opacity:.7}
.seen .said{white-space:pre-wrap;display:block}
.seen span.p{border-radius:3px;padding:.08em 0;unicode-bidi:isolate}
.seen .a{background:rgba(110,130,170,.16)}.seen .b{background:rgba(110,130,170,.32)}
.seen .t.a{background:rgba(63,170,95,.24)}.seen .t.b{background:rgba(63,170,95,.46)}
.seen .r .t.a{background:rgba(210,85,63,.18)}.seen .r .t.b,.seen .n{background:rgba(210,85,63,.34)}
.seen .turn.r{border-left-color:rgba(210,85,63,.9)}
.seen .w .p{opacity:.55}
.seen .s{font-size:.82em;opacity:.75;border:1px dashed rgba(128,128,128,.7);background:none;padding:0 .3em}
.seen .c{background:none!important;opacity:.45;text-decoration:line-through}
.seen .e{opacity:.55}
.seen .end{display:block;border-top:2px dashed #D2553F;color:#D2553F;font-size:.88em;margin:.4em 0 .1em}
.seen .key{font-size:.85em;opacity:.9}.seen .key .p{padding:.1em .5em;margin-right:.4em;white-space:nowrap}
</style>"""


@st.fragment
def show(dataset: Dataset, limit: int) -> None:
    """Choose a row and look at it with the model's eyes."""
    if not dataset.rows:
        st.caption(_("There are no rows yet."))
        return
    orders = {"position": _("In their order"), "tokens": _("The longest first")}
    with st.container(horizontal=True, vertical_alignment="bottom"):
        order = st.selectbox(_("Rows"), list(orders), format_func=orders.__getitem__, key="seen_order", width=220)
        number = st.number_input(_("Row"), 1, dataset.rows, 1, key="seen_row", width=140)
        edge = st.number_input(
            _("Tokens that the model reads"), 1, None, limit, key=f"seen_limit_{limit}", width=220,
            help=_("From the chosen model; make it smaller to see what would be cut off."),
        )  # fmt: skip
    page = resources.store().page(
        dataset.id, EVERYTHING, sort=order, descending=order == "tokens", page=number, size=1
    )  # fmt: skip
    if page.examples:
        row(page.examples[0], dataset.encoding, edge)


def row(example: Example, encoding: str, limit: int) -> None:
    """The figures of one row, a legend, and its text."""
    found, kind = seen(example.body, encoding, limit, short=True), example.kind
    figures = _("{tokens} {tokens:token|tokens}, {trained} of them {trained:is|are} learnt,"
                " {cut} {cut:is|are} cut off.",
                tokens=f"{found.tokens:,}", trained=f"{found.trained:,}", cut=f"{found.cut:,}")  # fmt: skip
    st.markdown(f"**{escape(figures)}** {escape(_about(kind, found))}")
    if str(found.refused):
        st.warning(escape(f"{found.refused} {_('It is shown and counted without the template.')}"))
    st.html(_STYLE + f'<div class="seen">{_legend(found)}{"".join(_turns(found))}</div>')
    st.caption(escape(_("Cut into tokens by {name}. Shades change with every token.", name=tokenisers.shown(encoding))))


def _about(kind: Kind, found: Seen) -> str:
    if found.cut and not found.trained and kind in (Kind.CHAT, Kind.COMPLETION):
        return _("The answer is cut off, so nothing is learnt from this row.")
    if kind is Kind.REINFORCEMENT:
        return _("The model writes its own answer to this, and the grader judges it.")
    if kind is Kind.PREFERENCE:
        return _("The model learns to write the preferred answer rather than the other one.")
    return _("The model learns to write the green text when it has read what stands before it.")


def _legend(found: Seen) -> str:
    keys = [("p t b", _("learnt"))]
    if any(segment.branch == "rejected" for segment in found.segments):
        keys.append(("p n", _("to be avoided")))
    keys.append(("p b", _("only read")))
    if any(not segment.weighed for segment in found.segments):
        keys.append(("p b e", _("weight 0: read, not learnt")))
    if found.cut:
        keys.append(("p c", _("cut off")))
    if any(piece.special and piece.text for piece in found.pieces):
        keys.append(("p s", _("sign that steers the model")))
    spans = "".join(f'<span class="{name}">{html.escape(text)}</span> ' for name, text in keys)
    return f'<div class="key">{spans}</div>'


def _turns(found: Seen) -> Iterator[str]:
    """Each turn as HTML; every foreign text in it is escaped here."""
    segments = [segment for segment in found.segments if segment.role or any(p.text for p in segment.pieces)]
    cut = False
    for place, segment in enumerate(segments):
        if FIRST <= place < len(segments) - LAST:
            if place == FIRST:
                told = _("… {n} more {n:turn|turns} …", n=len(segments) - FIRST - LAST)
                yield f'<div class="turn cost">{html.escape(told)}</div>'
            continue
        cut = False if segment.branch and place and segments[place - 1].branch != segment.branch else cut
        body, cut = _turn(segment, cut)
        yield body


def _turn(segment: Segment, cut: bool) -> tuple[str, bool]:
    spans, shade = [], 0
    for piece in segment.pieces:
        if piece.cut and not cut:
            cut = True
            spans.append(f'<span class="end">{html.escape(_("From here on the model sees nothing."))}</span>')
        if piece.text or str(piece.label):
            spans.append(_span(piece, shade))
            shade += 1
    learnt = any(piece.trained for piece in segment.pieces)
    classes = " ".join(
        ["turn", *["l"] * learnt, *["w"] * (not segment.weighed), *["r"] * (segment.branch == "rejected")]
    )
    frame = sum(piece.tokens for piece in segment.pieces if piece.special and not piece.text and not piece.label)
    cost = _("{n} {n:token|tokens}, {frame} of them for the format", n=f"{segment.tokens:,}", frame=frame)
    cost = cost if frame else _("{n} {n:token|tokens}", n=f"{segment.tokens:,}")
    chips = "".join(f'<span class="chip">{html.escape(text)}</span>' for text in _chips(segment))
    head = f'{chips}<span class="cost">{html.escape(cost)}</span>'
    return f'<div class="{classes}">{head}<span class="said">{"".join(spans)}</span></div>', cut


def _chips(segment: Segment) -> Sequence[str]:
    names = {"prompt": _("Prompt"), "completion": _("Completion"), "tools": _("Tools on offer")}
    branches = {"preferred": _("preferred"), "rejected": _("the other answer")}
    chips = [names.get(segment.role) or role_name(segment.role)] if segment.role else []
    return [*(chip[:60] for chip in chips), *([branches[segment.branch]] if segment.branch in branches else [])]


def _span(piece: Piece, shade: int) -> str:
    marks = {"t": piece.trained, "c": piece.cut, "s": piece.special and bool(piece.text), "e": not piece.text}
    classes = " ".join(["p", "ab"[shade % 2], *(name for name, on in marks.items() if on)])
    text = piece.text if len(piece.text) <= CLIP else piece.text[:CLIP] + "…"
    inside = html.escape("".join(_visible(text))) if text else f"[{html.escape(str(piece.label))}]"
    title = f' title="{html.escape(_("{n} {n:token|tokens}", n=piece.tokens))}"' if piece.tokens > 1 else ""
    return f'<span class="{classes}"{title}>{inside}</span>'


def _visible(text: Iterable[str]) -> Iterator[str]:
    """Characters that nobody would see otherwise, as signs or as their numbers."""
    for character in text:
        if character == "\n":
            yield "↵\n"
        elif character == "\t":
            yield "⇥"
        elif unicodedata.category(character) in ("Cc", "Cf", "Co", "Cn") and character not in _JOINERS:
            yield f"[U+{ord(character):04X}]"
        else:
            yield character
