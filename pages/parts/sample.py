"""One example as it will be: the conversation in blocks, its label, its tokens."""

from __future__ import annotations

import streamlit as st

from core.checks.privacy.characters import visible
from core.dataset import mapping
from core.dataset.examples import Body, Draft, answer_text, dump, messages_of, text_of, user_text
from core.dataset.readers import Row, Source
from core.dataset.recipes import Recipe
from core.tokens import DEFAULT, count_body
from core.words import _
from pages.parts.text import escape, role_name
from pages.parts.text import show as show_text

FACES = {
    "system": ":material/assignment:",
    "developer": ":material/assignment:",
    "user": ":material/person:",
    "assistant": ":material/explore:",
    "tool": ":material/build:",
    "function": ":material/build:",
}


def preview(source: Source, recipe: Recipe | None) -> None:
    """One row of the file as the example it would become, or why it would be left out."""
    with st.container(border=True):
        title, row_number = st.columns([3, 2], vertical_alignment="center")
        title.markdown(f"##### {_('Preview')}")
        place = row_number.number_input(
            _("Row"), 1, len(source.sample), key="preview_row", label_visibility="collapsed"
        )
        if recipe is None:
            st.caption(_("The example appears here once the mapping is complete."))
            return
        row: Row = source.sample[min(place, len(source.sample)) - 1]
        outcome = mapping.preview(recipe, row, source=source)
        if isinstance(outcome, Draft):
            show(outcome)
        else:
            st.warning(escape(_("Row {n} would be left out: {reason}", n=row.number, reason=outcome.reason)))
            show_text(outcome.seen)


def show(draft: Draft) -> None:
    """A finished example before it is imported."""
    body = draft.body
    count = count_body(body, DEFAULT)
    parts = [_("{n} {n:token|tokens}, {m} of them in the answer", n=f"{count.tokens:,}", m=f"{count.answer_tokens:,}")]
    if draft.label:
        parts.append(_("label: {label}", label=draft.label))
    show_body(body)
    st.caption(escape(" · ".join(parts)))


def show_body(body: Body) -> None:
    """The turns of an example as text, each in its block."""
    turns = [(str(m.get("role", "")), text_of(m.get("content")) or _calls(m)) for m in messages_of(body)]
    if not turns:
        turns = [("user", user_text(body)), ("assistant", answer_text(body))]
    for role, text in turns:
        with st.container(border=True, gap="xxsmall"):
            st.caption(f"{FACES.get(role, '•')} {escape(role_name(role))}")
            st.text(visible(text) or " ")
            if visible(text) != text:
                st.caption(_("Characters that cannot be seen are written out here; Check finds them all."))


def _calls(message: Body) -> str:
    from core.evaluation.calls import readable

    calls = message.get("tool_calls") or message.get("function_call")
    return readable(dump(calls)) if calls else ""
