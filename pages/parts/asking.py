"""One question to the two models of a training, and their answers beside each other."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import streamlit as st

from core.dataset.examples import Body, Split, as_chat, load, system_text, user_text
from core.jobs.values import Job
from core.store.evaluations import ModelRef
from core.words import _
from pages.parts import comparing, feedback, resources, state
from pages.parts.text import escape
from pages.parts.text import show as show_text

if TYPE_CHECKING:
    from core.evaluation import Said


def show(job: Job) -> None:
    """The question, a button, two answers."""
    example = _held_out(job)
    instruction, question = (system_text(example), user_text(example)) if example else ("", "")
    if instruction:
        with st.expander(_("Instruction (system), as in the training data")):
            instruction = st.text_area(
                _("Instruction"), instruction, key=f"ask_system_{job.id}", label_visibility="collapsed"
            )
    with st.form(f"ask_{job.id}", border=False):
        prompt = st.text_area(
            _("Your question"),
            question,
            height=200,
            help=_("It begins with a row that was held out, in the shape the model was trained on."),
        )
        asked = st.form_submit_button(_("Ask both"), type="primary", icon=":material/forum:", shortcut="Ctrl+Enter")
    if asked and prompt.strip():
        with st.spinner(_("Waiting for both answers …")):
            state.put("asked", (job.id, prompt, _ask(job, instruction, prompt, example or {})))
    asked_before = state.get("asked", None)
    if asked_before and asked_before[0] == job.id:
        for column, (ref, said) in zip(st.columns(2), asked_before[2], strict=True):
            with column.container(border=True):
                _answer(ref, said)


def _held_out(job: Job) -> Body | None:
    """The body of the first held-out row of the data this model was trained on."""
    if job.version_id is None:
        return None
    rows = resources.store().version_rows(job.version_id, Split.VALIDATION)
    row = next(iter(rows), None)
    return as_chat(load(row.raw)) if row else None


def _ask(job: Job, instruction: str, prompt: str, example: Body) -> list[tuple[ModelRef, Said]]:
    from core.evaluation import ask
    from core.evaluation.calls import offered_by

    store, settings = resources.store(), resources.settings()
    messages = [{"role": "system", "content": instruction}] if instruction.strip() else []
    messages.append({"role": "user", "content": prompt})
    refs, offered = comparing.references(job), offered_by(example)
    with ThreadPoolExecutor(len(refs)) as pool:
        return list(zip(refs, pool.map(lambda ref: ask(store, settings, ref, messages, offered), refs), strict=True))


def _answer(ref: ModelRef, said: Said) -> None:
    st.markdown(f"**{escape(_(ref.name))}**")
    st.caption(escape(ref.model))
    if said.error:
        feedback.show_error(said.error)
        return
    show_text(said.text)
    st.caption(_("answered in {ms} ms", ms=f"{said.seconds * 1000:,.0f}"))
    for text, probability in said.alternatives[:5]:
        st.progress(probability, text=f"{escape(text[:80])} · {probability:.0%}")
