"""The steps of a dataset, newest first: who changed what when, and each can be taken back for itself."""

from __future__ import annotations

import streamlit as st

from core.store import Dataset, Step
from core.words import _
from pages.parts import feedback, grid, resources, state
from pages.parts.text import escape

SHOWN = 30
KEY = "steps_open"


def menu(dataset: Dataset) -> None:
    """The button of the list; nothing is read for it before it is opened."""
    box = st.popover(_("History"), icon=":material/history:", type="tertiary", on_change="rerun", key=KEY)
    if not box.open:
        return
    with box:
        steps = resources.store().steps(dataset.id, SHOWN)
        if not steps:
            st.caption(_("Nothing changed since the import"))
        for step in steps:
            _show(dataset, step)


def _show(dataset: Dataset, step: Step) -> None:
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        who = f"{feedback.moment(step.at)} · {step.who}" + (f" · {_('undone')}" if step.undone else "")
        st.markdown(f"{escape(said(step))}  \n:gray[{escape(who)}]", width="stretch")
        if step.example_id and "remove" not in step.counts:
            st.button("", icon=":material/edit:", type="tertiary", help=_("Open the row in the form"),
                      key=f"step_row_{step.batch_id}", on_click=_open, args=(step.example_id,))  # fmt: skip
        st.button("", icon=":material/undo:", type="tertiary", help=_("Take this step back, and no other"),
                  key=f"step_{step.batch_id}", disabled=step.undone, on_click=_undo,
                  args=(dataset.id, step.batch_id))  # fmt: skip


def said(step: Step) -> str:
    """What a step did, in words."""
    done = {
        "change": lambda n: _("{n} {n:row|rows} changed", n=f"{n:,}"),
        "add": lambda n: _("{n} {n:row|rows} added", n=f"{n:,}"),
        "remove": lambda n: _("{n} {n:row|rows} deleted", n=f"{n:,}"),
    }
    names = {"raw": _("Text"), "label": _("Label"), "split": _("Split"), "status": _("Status")}
    said = [done[name](n) for name, n in sorted(step.counts.items(), key=lambda it: -it[1])]
    touched = ", ".join(names.get(field, field) for field in step.fields)
    return ", ".join(said) + (f": {touched}" if touched and len(said) == 1 else "")


def _open(example_id: int) -> None:
    grid.flush()
    state.set_parameters(row=str(example_id))


def _undo(dataset_id: int, batch_id: int) -> None:
    grid.step(dataset_id, lambda dataset, who: resources.store().undo(dataset, who, batch_id))
