"""The form beside the grid: one row with all its turns, saved as soon as a field is left, with its history."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from itertools import count

import streamlit as st

from core.checks import DEFAULT_LIMIT, explain
from core.dataset.examples import Example, Split, Status
from core.errors import AppError, NotFound
from core.words import _
from pages.parts import feedback, grid, resources, seeing, state
from pages.parts.snapshot import MARKS
from pages.parts.text import escape, role_name
from pages.parts.turns import ROLES, Turn, differences, line_of, moved, next_role, one_object, pretty, turns_of

MANY = 30  # turns that are shown at once
_numbers = count(1)


@dataclass
class Form:
    """The row as the form's fields show it. `number` names the widgets: fresh values need fresh widgets."""

    example: Example
    turns: list[Turn] | None
    number: int = field(default_factory=lambda: next(_numbers))

    def key(self, name: str) -> str:
        """The key of one of the form's widgets."""
        return f"form_{self.number}_{name}"


def show(example_id: int) -> None:
    """The form of a row, as far as it still exists."""
    try:
        stored = resources.store().example(example_id)
    except NotFound:
        st.info(_("This row was deleted."))
        return
    if stored.dataset_id != state.dataset_id():
        st.info(_("This row belongs to another dataset."))
        return
    form = _form(stored)
    _head(form)
    error: AppError | None = state.get("form_error", None)
    if error is not None:
        feedback.show_error(error)
    _issues(stored)
    if form.turns is None:
        _json(form, expanded=True)
    else:
        _turns(form, form.turns)
        with st.expander(_("The line as JSON")):
            _json(form)
    if st.toggle(_("As the model sees it"), key="row_seen"):
        seeing.row(stored, resources.store().dataset(stored.dataset_id).encoding, DEFAULT_LIMIT)
    with st.expander(_("History of this row")):
        _history(stored)


def _form(stored: Example) -> Form:
    """The form as it was, while the row is still what it shows; else a fresh one."""
    form: Form | None = state.get("form", None)
    if form is None or (form.example.id, form.example.revision) != (stored.id, stored.revision):
        form = Form(stored, turns_of(stored.raw))
        state.put("form", form)
        state.drop("form_error")
    return form


def _head(form: Form) -> None:
    row = form.example
    label, split, status = st.columns(3)
    with label:
        state.once(form.key("label"), lambda: row.label)
        st.text_input(_("Label"), key=form.key("label"), on_change=_save)
    with split:
        st.selectbox(
            _("Split"), [str(s) for s in Split], list(Split).index(row.split), format_func=grid.split_name,
            key=form.key("split"), on_change=_save,
        )  # fmt: skip
    with status:
        st.selectbox(
            _("Status"), [str(s) for s in Status], list(Status).index(row.status), format_func=grid.status_name,
            key=form.key("status"), on_change=_save,
        )  # fmt: skip


def _issues(example: Example) -> None:
    for issue in explain(example.raw):
        st.caption(f"{MARKS[issue.severity]} {escape(issue.sentence)}")


def _turns(form: Form, turns: list[Turn]) -> None:
    for place, turn in enumerate(turns[:MANY]):
        roles = list(ROLES) if turn.role in ROLES else [*ROLES, turn.role]
        with st.container(horizontal=True, wrap=False, vertical_alignment="center", gap="xsmall"):
            st.selectbox(
                _("Role"), roles, roles.index(turn.role), format_func=role_name, key=_key(form, turn, "role"),
                on_change=_save, label_visibility="collapsed",
            )  # fmt: skip
            st.button(
                "", icon=":material/arrow_upward:", key=_key(form, turn, "up"), on_click=_move, args=(place, -1),
                disabled=place == 0, type="tertiary", help=_("Move this turn up"),
            )  # fmt: skip
            st.button(
                "", icon=":material/close:", key=_key(form, turn, "remove"), on_click=_remove, args=(place,),
                type="tertiary", help=_("Remove this turn"),
            )  # fmt: skip
        st.text_area(
            role_name(turn.role), turn.text, key=_key(form, turn, "text"), on_change=_save,
            height=_height(turn.text), label_visibility="collapsed",
        )  # fmt: skip
        if turn.calls:
            st.text_area(
                _("Tool calls, as JSON"), turn.calls, key=_key(form, turn, "calls"), on_change=_save,
                height=_height(turn.calls),
            )  # fmt: skip
    if len(turns) > MANY:
        st.caption(_("{n} more {n:turn|turns}: edit {n:it|them} as JSON.", n=len(turns) - MANY))
    with st.container(horizontal=True):
        st.button(_("Add a turn"), icon=":material/add:", on_click=_add, key=form.key("add"))
        st.button(_("Save"), key=form.key("save"), on_click=_save, shortcut="Ctrl+Enter", type="primary")


def _json(form: Form, expanded: bool = False) -> None:
    text = pretty(form.example.raw)
    st.text_area(
        _("One JSON object"), text, key=form.key(f"json_{form.example.revision}"), on_change=_save_json,
        height=420 if expanded else 260, label_visibility="collapsed",
    )  # fmt: skip


def _height(text: str) -> int:
    """Pixels for a text area that shows most texts whole and long ones in part."""
    lines = sum(1 + len(line) // 38 for line in text.split("\n"))
    return min(320, max(72, 26 * lines + 24))


def _key(form: Form, turn: Turn, name: str) -> str:
    return form.key(f"{turn.uid}_{name}")


def _typed(form: Form) -> list[Turn]:
    """The turns as they stand in the fields now."""
    return [
        replace(
            turn,
            role=state.get(_key(form, turn, "role"), turn.role),
            text=state.get(_key(form, turn, "text"), turn.text),
            calls=state.get(_key(form, turn, "calls"), turn.calls),
        )
        for turn in form.turns or []
    ]


def _save() -> None:
    form: Form | None = state.get("form", None)
    if form is not None:
        _write(form, _typed(form) if form.turns is not None else None)


def _write(form: Form, turns: list[Turn] | None, raw: str | None = None) -> None:
    """Save what differs from the stored row; what cannot be read is said and stays in its field."""
    row = form.example
    try:
        if turns is not None:
            raw = line_of(row.raw, turns)
    except AppError as error:
        state.put("form_error", error)
        return
    state.drop("form_error")
    wanted = {
        "raw": raw or row.raw,
        "label": state.get(form.key("label"), row.label),
        "split": state.get(form.key("split"), str(row.split)),
        "status": state.get(form.key("status"), str(row.status)),
    }
    stored = {"raw": row.raw, "label": row.label, "split": str(row.split), "status": str(row.status)}
    fields = {name: value for name, value in wanted.items() if value != stored[name]}
    form.turns = turns if turns is not None else form.turns
    applied = grid.save_row(row, fields) if fields else None
    if applied is not None and row.id in applied.revisions:
        _follow(form, applied.revisions[row.id])


def _follow(form: Form, revision: int) -> None:
    """Keep the fields as they are after their own save; only a label that followed its answer is shown anew."""
    saved = resources.store().example(form.example.id)
    if saved.revision != revision:
        return  # somebody wrote right behind us: the form is read anew
    if turns_of(saved.raw) is None or (form.turns is None) or line_of(saved.raw, form.turns) != saved.raw:
        state.drop("form")
        return
    if saved.label != state.get(form.key("label"), saved.label):
        state.put(form.key("label"), saved.label)
    form.example = saved


def _save_json() -> None:
    form: Form | None = state.get("form", None)
    if form is None:
        return
    try:
        raw = one_object(state.get(form.key(f"json_{form.example.revision}"), form.example.raw))
    except AppError as error:
        state.put("form_error", error)
        return
    _write(form, None, raw)


def _add() -> None:
    form: Form | None = state.get("form", None)
    if form is not None:
        turns = _typed(form)
        _write(form, [*turns, Turn(next_role(turns), "")])


def _move(place: int, by: int) -> None:
    form: Form | None = state.get("form", None)
    if form is not None:
        _write(form, moved(_typed(form), place, by))


def _remove(place: int) -> None:
    form: Form | None = state.get("form", None)
    if form is not None:
        turns = _typed(form)
        _write(form, [*turns[:place], *turns[place + 1 :]])


def _history(example: Example) -> None:
    entries = resources.store().history(example.dataset_id, example.id, limit=20)
    if not entries:
        st.caption(_("Nobody has changed this row since it was imported."))
    for entry in entries:
        when = feedback.moment(entry.at)
        undone = " · " + _("undone") if entry.undone else ""
        st.caption(f"{when} · {escape(entry.who)}{undone}")
        for before, after in differences(entry.before or {}, entry.after or {}):
            lines = [f"- {line}" for line in before.splitlines()] + [f"+ {line}" for line in after.splitlines()]
            st.code("\n".join(lines), language="diff", wrap_lines=True)
