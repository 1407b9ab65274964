"""The product's own samples as cards: one click imports one."""

from __future__ import annotations

import streamlit as st

from core import words
from core.dataset.samples import SAMPLES, Sample
from core.words import _
from pages.parts import feedback, frame, resources, state

ICONS = {
    "hotline_zh": ":material/call:",
    "helpdesk_en": ":material/camping:",
    "library_qa_zh": ":material/local_library:",
    "library_qa_en": ":material/local_library:",
}


def cards() -> None:
    """A card for each sample, those in the reader's language first."""
    mine = sorted(SAMPLES, key=lambda sample: sample.language != words.current())
    for column, sample in zip(st.columns(len(mine)), mine, strict=True):
        with column.container(border=True, height="stretch"):
            st.markdown(f"{ICONS.get(sample.key, ':material/description:')} **{sample.title}**")
            st.caption(str(sample.description))
            st.space("stretch")
            st.button(
                _("Try it"), key=f"sample-{sample.key}", width="stretch", on_click=_import, args=(sample,)
            )  # fmt: skip
    if state.take("sample_begun"):
        st.switch_page(frame.IMPORT)


def _import(sample: Sample) -> None:
    from core import tasks

    with feedback.errors():
        arguments = {"path": str(sample.path), "recipe": sample.recipe.as_dict(), "name": str(sample.title)}
        task = tasks.enqueue(resources.store(), resources.settings(), "import", sample.file, arguments)
        state.put("import_task", task.id)
        state.put("sample_begun", True)
