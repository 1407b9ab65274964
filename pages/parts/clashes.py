"""What could not be written, and the choice that settles it: two people changed one row, or a value cannot be."""

from __future__ import annotations

import streamlit as st

from core.dataset.edits import Added, Change, Edits, Removed, apply_change
from core.dataset.examples import Draft, Example, answer_text, system_text, user_text
from core.errors import AppError
from core.store import Dataset
from core.words import Text, _
from pages.parts import feedback, grid, refusals, state
from pages.parts.snapshot import Clash
from pages.parts.text import escape
from pages.parts.text import show as show_text
from pages.parts.turns import one_object, pretty


def show(dataset: Dataset) -> None:
    """Every refused edit of this session that waits for a decision."""
    refusal: AppError | None = state.get("refusal", None)
    if refusal is not None:
        feedback.show_error(refusal)
        state.drop("refusal")
    problems(dataset)
    for clash in list(_waiting().values()):
        _show(clash)


def problems(dataset: Dataset) -> None:
    """Why something was left as it is, said once."""
    left: list[tuple[int, Text]] = state.get("problems", [])
    refusals.show(dataset, left)
    state.drop("problems")


def _show(clash: Clash) -> None:
    with st.container(border=True, key=f"clash_{clash.example_id}"):
        st.warning(escape(_sentence(clash)))
        for name, mine in clash.mine.items():
            left, right = st.columns(2)
            with left:
                st.caption(_("Theirs, as it is stored now"))
                show_text(field_of(clash.theirs, name) if clash.theirs else "")
            right.text_area(
                _("Yours (change it here to join the two)"), pretty(mine) if name == "raw" else mine,
                key=_key(clash, name), height=200 if name == "raw" else 90,
            )  # fmt: skip
        with st.container(horizontal=True):
            st.button(_("Keep theirs"), key=_key(clash, "theirs"), on_click=keep_theirs, args=(clash.example_id,))
            st.button(
                _("Use mine") if clash.mine else _("Delete it all the same"), key=_key(clash, "mine"),
                on_click=use_mine, args=(clash.example_id,), type="primary",
            )  # fmt: skip


def _sentence(clash: Clash) -> str:
    who, when = clash.who or _("somebody else"), feedback.moment(clash.at) if clash.at else "–"
    if clash.theirs is None:
        return _(
            "{who} deleted this row ({when}) while you were editing it. Your text is not lost: choose.",
            who=who,
            when=when,
        )
    if not clash.mine:
        return _("{who} changed this row ({when}), and you were about to delete it. Choose.", who=who, when=when)
    return _("{who} changed this row ({when}) while you were editing it. Nothing is lost: choose.", who=who, when=when)


def _key(clash: Clash, name: str) -> str:
    return f"clash_{clash.example_id}_{name}"


def field_of(example: Example, name: str) -> str:
    """A field of a row as it is stored."""
    if name == "raw":
        return pretty(example.raw)
    texts = {"system": system_text, "user": user_text, "assistant": answer_text}
    return texts[name](example.body) if name in texts else str(getattr(example, name))


def keep_theirs(example_id: int) -> None:
    """Drop my edit and show the row as it is stored."""
    grid.flush()
    _waiting().pop(example_id, None)
    reread()


def use_mine(example_id: int) -> None:
    """Write my text (as it stands in the panel) over the row as it is stored now; a deleted row comes back."""
    grid.flush()
    clash = _waiting().get(example_id)
    if clash is None:
        return
    fields = {name: str(state.get(_key(clash, name), mine)) for name, mine in clash.mine.items()}
    try:
        if "raw" in fields:
            fields["raw"] = one_object(fields["raw"])
        edits = settling(clash, fields)
    except AppError as error:
        state.put("refusal", error)
        return
    _waiting().pop(example_id)
    grid.write(edits)
    reread()


def settling(clash: Clash, fields: dict[str, str]) -> Edits:
    """The edit that lays my side over theirs. Raises BadInput where a value cannot be."""
    if clash.theirs is not None:
        if not fields:
            return Edits(removed=(Removed(clash.example_id, clash.theirs.revision),))
        return Edits(changed=(Change(clash.example_id, clash.theirs.revision, fields),))
    if clash.before is None or not fields:
        return Edits()
    mine = apply_change(clash.before, fields)
    return Edits(added=(Added(None, Draft(mine.raw, clash.before.kind, label=mine.label, split=mine.split)),))


def reread() -> None:
    """Show rows and form as they are stored."""
    grid.forget()
    state.drop("form", "form_error")


def _waiting() -> dict[int, Clash]:
    return state.once("clashes", dict[int, Clash])
