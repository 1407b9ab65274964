"""The mapping screen: which column plays which role, texts around the cells, label names, how many rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import streamlit as st

from core.checks.privacy.characters import visible
from core.dataset import mapping, templates
from core.dataset.examples import Kind
from core.dataset.readers import Source, read
from core.dataset.recipes import Mode, Recipe, Sample
from core.dataset.vocabulary import Role
from core.errors import BadInput
from core.words import Text, _
from pages.parts import feedback, grid, state
from pages.parts.text import as_csv, escape

WRITABLE = (Role.SYSTEM, Role.USER, Role.ASSISTANT)
COUNT_WHOLE = 64 << 20  # bytes up to which the whole file is read to count its labels
MANY_COLUMNS = 8
ALONE = (Role.LABEL, Role.CONVERSATION, Role.TURN, Role.SPEAKER)  # roles that one column only can play


def role_names() -> dict[Role, str]:
    """What a column can become, in words."""
    return {
        Role.SYSTEM: _("Instruction (system)"),
        Role.USER: _("Question (user)"),
        Role.ASSISTANT: _("Answer (assistant)"),
        Role.LABEL: _("Label"),
        Role.IGNORE: _("Leave out"),
        Role.CONVERSATION: _("Conversation"),
        Role.TURN: _("Order of the turns"),
        Role.SPEAKER: _("Who speaks"),
    }


def show(source: Source, start: Recipe, number: int) -> Recipe:
    """The form, filled from a recipe; the recipe as it stands now. Raises BadInput where a text cannot be used.

    `number` names the widgets: another recipe to start from needs another number.
    """
    _chats_or_completions(source, start, number)
    roles = _roles(source, start, number)
    given = bool(start.templates or start.constants)
    with st.expander(_("Instruction and prompt template"), expanded=given, key=f"map_{number}_texts"):
        texts = _texts(source, start, number)
    names, dropped = _labels(source, start, roles, number)
    sample = _sample(start, number)
    kind: Kind = start.kind if start.kind is Kind.COMPLETION else Kind.CHAT
    kind, strip = _format(start, kind, number)
    made = Recipe(kind=kind, roles=roles, label_names=names, dropped=dropped, sample=sample, strip=strip)
    try:
        templated, constants = parts_of(texts, source.columns)
    except BadInput as error:
        typed = {role: text for role, text in texts.items() if text.strip()}
        raise Unfinished(error, replace(made, templates=typed)) from error
    return replace(made, templates=templated, constants=constants)


def _chats_or_completions(source: Source, start: Recipe, number: int) -> None:
    """Of columns called prompt and completion, say what they become, and the other way with one click."""
    pairs = mapping.pairs(source.columns)
    if pairs is None:
        return
    with st.container(horizontal=True, vertical_alignment="center", border=True):
        if state.get(f"map_{number}_kind", start.kind) is Kind.COMPLETION:
            words = _(
                "These columns become **prompts with completions**, as in the classic tools. Chat models want chats."
            )
            st.markdown(words, width="stretch")
            chats = mapping.guess(source.columns, source.sample)
            st.button(_("Make chats"), key=f"map_{number}_chats", on_click=begin, args=(chats,))
        else:
            st.markdown(_("These columns become **chats**: the prompt asks, the completion answers."), width="stretch")
            words = _("Make prompts with completions")
            st.button(words, key=f"map_{number}_pairs", on_click=begin, args=(pairs,))


def _format(start: Recipe, given: Kind, number: int) -> tuple[Kind, bool]:
    """Chats or prompts with completions, whose blanks at the ends are part of what is learnt."""
    names, key = {Kind.CHAT: _("Chat"), Kind.COMPLETION: _("Prompt and completion")}, f"map_{number}_kind"
    now = names.get(state.get(key, given), names[given])
    with st.expander(_("Format: {format}", format=now), key=f"map_{number}_format"):
        kind = st.segmented_control(
            _("Format of the examples"), list(names), default=given, required=True, format_func=names.__getitem__,
            key=key,
        )  # fmt: skip
        cut = start.strip if kind is given else kind is Kind.CHAT
        return kind, st.checkbox(_("Cut blanks around each cell"), cut, key=f"map_{number}_strip_{kind}")


class Unfinished(BadInput):
    """A text cannot be used as it is typed; with the recipe as far as it goes."""

    def __init__(self, error: BadInput, recipe: Recipe) -> None:
        super().__init__(error.message, error.hint)
        self.recipe = recipe


def _roles(source: Source, start: Recipe, number: int) -> dict[str, Role]:
    names = role_names()
    roles: dict[str, Role] = {}
    box = st.container(height=420 if len(source.columns) > MANY_COLUMNS else "content", border=True)
    keys = [f"map_{number}_role_{place}" for place in range(len(source.columns))]
    for column, key in zip(source.columns, keys, strict=True):
        left, right = box.columns([5, 4], vertical_alignment="center")
        left.markdown(f"**{escape(column)}**  \n:gray[{escape(examples_of(source, column))}]")
        given = start.roles.get(column, Role.IGNORE)
        with right:
            roles[column] = st.selectbox(
                _("Role of {column}", column=escape(column)), list(names), list(names).index(given),
                format_func=names.__getitem__, key=key, label_visibility="collapsed",
                on_change=_take_over, args=(key, keys),
            )  # fmt: skip
    first = {column: role for column, role in roles.items() if column in start.roles}
    return {column: first[column] for column in start.roles if column in first} | roles


def _take_over(key: str, keys: Sequence[str]) -> None:
    """A role that one column only can play goes over to the column that it was just given to."""
    role = state.get(key, Role.IGNORE)
    for other in keys:
        if role in ALONE and other != key and state.get(other, Role.IGNORE) == role:
            state.put(other, Role.IGNORE)


def examples_of(source: Source, column: str, limit: int = 64) -> str:
    """The first different values of a column, short."""
    seen = dict.fromkeys(cell for row in source.sample[:20] if (cell := row.cells.get(column, "").strip()))
    cut = (value if len(value) <= 28 else value[:27].rstrip() + "…" for value in list(seen)[:3])
    line = "  ·  ".join(map(visible, cut)) or _("(empty)")
    return line if len(line) <= limit else line[: limit - 1] + "…"


def _texts(source: Source, start: Recipe, number: int) -> dict[Role, str]:
    labels = {
        Role.SYSTEM: _("Instruction for every example (optional)"),
        Role.USER: _("Prompt template (optional)"),
        Role.ASSISTANT: _("Answer template (optional)"),
    }
    columns = " ".join(f"`{{{column}}}`" for column in source.columns[:8] if column.isprintable() and "`" not in column)
    typed = {}
    for role in WRITABLE:
        given = _shown(start, role)
        typed[role] = st.text_area(
            labels[role], given, key=f"map_{number}_text_{role}", height=68 if len(given) < 80 else 120,
            placeholder=_("Leave empty to use the column as it is") if role is not Role.SYSTEM else "",
        )  # fmt: skip
        if role is Role.USER:
            st.caption(_("A cell goes where its column stands in braces: {columns}", columns=columns))
    return typed


def _shown(start: Recipe, role: Role) -> str:
    """The text of a role as a person types it: a template, or a fixed text."""
    if text := start.templates.get(role):
        try:
            return text if templates.parse(text).columns else templates.parse(text).render({})
        except BadInput:
            return text  # it was typed so far
    return start.constants.get(role, "")


def parts_of(texts: Mapping[Role, str], columns: Sequence[str]) -> tuple[dict[Role, str], dict[Role, str]]:
    """Typed texts as templates (a column stands in them) and fixed texts. Raises BadInput for a brace that is alone.

    An instruction that names no column is taken word for word, so that JSON can stand in it.
    """
    templated: dict[Role, str] = {}
    fixed: dict[Role, str] = {}
    for role, text in texts.items():
        if not text.strip():
            continue
        try:
            used = templates.parse(text).columns
        except BadInput:
            if role is not Role.SYSTEM or any(f"{{{column}}}" in text for column in columns):
                raise
            used = ()
        is_template = bool(used) and (role is not Role.SYSTEM or any(column in columns for column in used))
        (templated if is_template else fixed)[role] = text
    return templated, fixed


@st.cache_data(max_entries=20, show_spinner=False, hash_funcs={Text: repr})
def label_counts(source: Source, column: str) -> dict[str, int]:
    """How often each label stands in the file (of a very large file: in its first rows)."""
    rows = read(source) if source.size <= COUNT_WHOLE else iter(source.sample)
    return mapping.label_counts(Recipe(roles={column: Role.LABEL}), rows)


def _labels(
    source: Source, start: Recipe, roles: Mapping[str, Role], number: int
) -> tuple[dict[str, str], tuple[str, ...]]:
    """New names for labels, and the labels to leave out."""
    column = Recipe(roles=roles).label_column
    if column is None:
        return {}, ()
    with st.spinner(_("Counting labels …")):
        counts = label_counts(source, column)
    if not counts or len(counts) > 1_000:
        return dict(start.label_names), start.dropped
    with st.expander(_("Label names and classes to leave out ({n} {n:label|labels})", n=len(counts))):
        edited = _label_table(counts, start, f"map_{number}_labels_{column}")
    names = {row["label"]: row["name"].strip() for row in edited if row["name"].strip() not in ("", row["label"])}
    return names, tuple(row["label"] for row in edited if not row["keep"])


def _label_table(counts: Mapping[str, int], start: Recipe, key: str) -> list[dict[str, Any]]:
    import pandas as pd

    rows = [
        {"keep": label not in start.dropped, "label": label, "rows": count, "name": start.label_names.get(label, "")}
        for label, count in counts.items()
    ]
    frame = pd.DataFrame(rows).astype({"keep": "bool", "label": "string", "rows": "int64", "name": "string"})
    column = st.column_config
    edited = st.data_editor(
        frame, key=key, num_rows="fixed", hide_index=True, placeholder="",
        height=min(10 * grid.ROW, grid.ROW * (len(frame) + 1) + 3), disabled=["label", "rows"],
        column_config={
            "keep": column.CheckboxColumn(_("Keep"), width=64),
            "label": column.TextColumn(_("In the file"), width=150),
            "rows": column.NumberColumn(_("Rows"), width=66),
            "name": column.TextColumn(_("New name"), width=150, help=_("Empty: the name stays")),
        },
    )  # fmt: skip
    return [{**row, "name": row["name"] if isinstance(row["name"], str) else ""} for row in edited.to_dict("records")]


def _sample(start: Recipe, number: int) -> Sample:
    names = {Mode.ALL: _("All rows"), Mode.FIRST: _("First"), Mode.LAST: _("Last"), Mode.RANDOM: _("Random")}
    with st.container(horizontal=True, vertical_alignment="bottom"):
        mode = st.segmented_control(
            _("How many rows"), list(names), default=start.sample.mode, required=True, format_func=names.__getitem__,
            key=f"map_{number}_mode",
        )  # fmt: skip
        if mode is Mode.ALL:
            return Sample()
        n = st.number_input(_("Rows"), 1, 10_000_000, start.sample.n or 1_000, key=f"map_{number}_n", width=140)
        seed = start.sample.seed
        if mode is Mode.RANDOM:
            seed = st.number_input(_("Seed"), 0, 2**31 - 1, seed, key=f"map_{number}_seed", width=120)
    return Sample(mode, int(n), int(seed))


def files(recipe: Recipe | None, name: str) -> None:
    """Save this mapping as a small file, or take over one that was saved."""
    with st.popover(
        _("Recipe"), icon=":material/receipt_long:", help=_("A mapping as a small file, to be applied again")
    ):
        st.write(_("A recipe keeps this mapping: roles, texts, label names, sampling."))
        if recipe is not None:
            st.download_button(
                _("Save recipe"), recipe.to_json(), f"{Path(name).stem}.recipe.json", "application/json",
                icon=":material/save:", on_click="ignore",
            )  # fmt: skip
        st.file_uploader(
            _("Apply a saved recipe"), type=["json"], key="recipe_file", on_change=_take, max_upload_size=2
        )
        error = state.get("recipe_error", None)
        if error is not None:
            feedback.show_error(error)


def _take() -> None:
    file = state.get("recipe_file", None)
    state.drop("recipe_error")
    if file is None:
        return
    try:
        begin(Recipe.from_json(file.getvalue(), file.name))
    except BadInput as error:
        state.put("recipe_error", error)


def begin(recipe: Recipe) -> None:
    """Fill the form from this recipe."""
    state.put("recipe", recipe)
    state.put("recipe_number", state.get("recipe_number", 0) + 1)


def rejects_csv(rejects: Sequence[Any]) -> bytes:
    """Rejected rows as a table for a spreadsheet."""
    rows = [[one.file, str(one.row), one.column, str(one.reason), one.seen] for one in rejects]
    return as_csv([_("File"), _("Row"), _("Column"), _("Reason"), _("Seen")], rows)
