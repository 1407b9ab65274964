"""The rows that an import left out, in editors: corrected, added at their place, the rest kept with the new reason."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import streamlit as st

from core.checks import explain
from core.dataset import leftovers, repair
from core.dataset.leftovers import Content
from core.dataset.vocabulary import Role
from core.store import Dataset, Rejected
from core.words import _
from pages.parts import feedback, grid, recipeform, resources, state
from pages.parts.text import escape

SHOWN = 200  # rows in the table; the file to download has all
LINES = 20  # broken lines that are shown at a time
TALL = 66  # pixels of a row of cells: its reason is wrapped
LONGEST = 20_000  # characters of a line that is edited here


def section(dataset: Dataset) -> None:
    """Rows that were left out, to be mended here; nothing where there are none."""
    store = resources.store()
    _said(dataset)
    count = store.count_rejects(dataset.id)
    if not count:
        return
    rejects = store.rejects(dataset.id, SHOWN)
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown(f"##### {_('Rows that were left out')}", width="stretch")
        st.download_button(
            _("Download the list"), lambda: recipeform.rejects_csv(store.rejects(dataset.id)),
            f"{dataset.name}-left-out.csv", "text/csv", icon=":material/save:", on_click="ignore",
        )  # fmt: skip
    if not leftovers.mendable(dataset):
        st.caption(_("Rows of conversations go in together: mend them in the file and import it again."))
        _listed(rejects)
    else:
        st.caption(_("Correct what is wrong and add them: each row goes to its place. You can undo it."))
        lines = [item for item in rejects if isinstance(item.kept, str)]
        _lines(dataset, lines)
        _cells(dataset, [item for item in rejects if isinstance(item.kept, dict)])
        _listed([item for item in rejects if item.kept is None])
    if count > SHOWN:
        st.caption(_("The first {n} of {m}; the file has all.", n=SHOWN, m=f"{count:,}"))


def folded(dataset: Dataset) -> None:
    """The same behind one line, for pages on which it is not the matter."""
    count = resources.store().count_rejects(dataset.id)
    told = state.get("left_outcome", None)
    if count or (told and told[0] == dataset.id):
        title = _(
            "{n} {n:row was|rows were} left out at the import: look at {n:it and add it|them and add them}",
            n=f"{count:,}",
        )
        with st.expander(title, icon=":material/playlist_add:", key=f"left_folded_{dataset.id}"):
            section(dataset)


def _listed(rejects: Sequence[Rejected]) -> None:
    """Rows that can only be read: nothing, or too much, was kept of them."""
    if not rejects:
        return
    names = {"row": _("Row"), "column": _("Column"), "reason": _("Why"), "seen": _("What stands there")}
    rows = [
        {
            **_file(rejects, r),
            names["row"]: r.row,
            names["column"]: r.column,
            names["reason"]: str(r.reason),
            names["seen"]: r.seen,
        }
        for r in rejects
    ]
    st.dataframe(rows, hide_index=True, height=_height(rows), alt=_("Rows that were left out"))


def _file(rejects: Sequence[Rejected], item: Rejected) -> dict[str, str]:
    return {_("File"): item.file} if len({r.file for r in rejects}) > 1 else {}


def _height(rows: Sequence[object]) -> int:
    return min(10 * grid.ROW, grid.ROW * (len(rows) + 1) + 3)


def _cells(dataset: Dataset, rejects: Sequence[Rejected]) -> None:
    """Rows of a table: their cells, and why they were left out."""
    if not rejects:
        return
    import pandas as pd

    columns = _wanted_first(dataset, rejects, dict.fromkeys(column for item in rejects for column in item.kept or ()))
    fixed = [{**_file(rejects, r), _("Row"): r.row, _("Column"): r.column, _("Why"): str(r.reason)} for r in rejects]
    # Columns of the file go by their place: one may be called "Row" too.
    frame = pd.DataFrame(
        [{**row, **{str(n): _cell(r, c) for n, c in enumerate(columns)}} for r, row in zip(rejects, fixed, strict=True)]
    ).astype({str(n): "string" for n in range(len(columns))})
    wide = {_("Why"): st.column_config.TextColumn(width=300), _("Row"): st.column_config.NumberColumn(width=60)}
    shown = st.data_editor(
        frame, key=_key("cells", dataset, rejects), num_rows="fixed", hide_index=True, placeholder="",
        height=min(6, len(rejects)) * TALL + grid.ROW + 3, row_height=TALL, disabled=list(fixed[0]),
        column_config={**wide, **{str(n): st.column_config.TextColumn(column) for n, column in enumerate(columns)}},
    )  # fmt: skip
    written = shown[[str(n) for n in range(len(columns))]].fillna("").astype(str).to_dict("records")
    contents: dict[int, Content] = {}
    for item, row in zip(rejects, written, strict=True):
        content = {column: row[str(n)] for n, column in enumerate(columns)}
        if content != {column: _cell(item, column) for column in columns}:
            contents[item.id] = content
    label = _("Add {n} {n:row|rows}", n=len(contents)) if contents else _("Add them")
    st.button(
        label, type="primary", icon=":material/add:", disabled=not contents, key=_key("add", dataset, rejects),
        help=_("Correct a cell first") if not contents else None, on_click=_add, args=(dataset, contents),
    )  # fmt: skip


def _wanted_first(dataset: Dataset, rejects: Sequence[Rejected], columns: Iterable[str]) -> list[str]:
    """The columns that are used or that something is wrong with, then the others, each in the file's order."""
    wrong = {name for item in rejects for name in (item.column, *item.column.split(", "))}
    roles = (dataset.recipe or {}).get("roles") or {}
    used = {name for name, role in roles.items() if role != Role.IGNORE}
    return sorted(columns, key=lambda name: name not in wrong | used)


def _cell(item: Rejected, column: str) -> str:
    return (item.kept or {}).get(column, "") if isinstance(item.kept, dict) else ""


def _key(name: str, dataset: Dataset, rejects: Sequence[Rejected]) -> str:
    """Another table once other rows are left out, or for other reasons."""
    return f"left_{name}_{dataset.id}_{rejects[0].id}_{len(rejects)}_{dataset.revision}_{state.get('left_tries', 0)}"


def _lines(dataset: Dataset, rejects: Sequence[Rejected]) -> None:
    """Lines of JSON: what was probably meant, and the line to be corrected by hand."""
    shown = rejects[:LINES]
    proposals = {item.id: proposal(str(item.kept)) for item in shown}
    sure = {id: "\n".join(found.lines) for id, found in proposals.items() if found and not found.lost}
    if len(sure) > 1:
        label = _("Accept all {n} repairs", n=len(sure))
        st.button(label, type="primary", icon=":material/done_all:", on_click=_add, args=(dataset, sure))
    for item in shown:
        _line(dataset, item, proposals[item.id])
    if len(rejects) > LINES:
        st.caption(_("{n} more {n:line follows|lines follow} when these are done.", n=f"{len(rejects) - LINES:,}"))


proposal = st.cache_data(max_entries=500, show_spinner=False)(repair.propose)


def _line(dataset: Dataset, item: Rejected, found: repair.Proposal | None) -> None:
    text, key = str(item.kept), f"left_line_{item.id}_{state.get('left_tries', 0)}"
    with st.container(border=True):
        place = f"{item.file} · " if item.file != dataset.origin else ""
        st.markdown(f"**{escape(place)}{_('Row {n}', n=f'{item.row:,}')}** — {escape(_why(item))}")
        if found:
            after = "\n".join(found.lines)
            st.caption(escape(found.how))
            st.markdown(difference(text, after))
            if found.lost:
                st.warning(_("This repair drops: {text}", text=escape(found.lost)))
            st.button(
                _("Accept this repair"), key=f"{key}_accept", icon=":material/check:", on_click=_add,
                args=(dataset, {item.id: after}),
            )  # fmt: skip
        if len(text) > LONGEST:
            st.caption(_("This line is too long to be edited here. Mend it in the file and import it again."))
            return
        with st.expander(_("Correct it by hand"), expanded=found is None):
            typed = st.text_area(_("The line"), text, key=f"{key}_text", height=120, label_visibility="collapsed")
            st.button(
                _("Add it"), key=f"{key}_add", icon=":material/add:", disabled=typed == text, on_click=_add,
                args=(dataset, {item.id: typed}),
            )  # fmt: skip


def _why(item: Rejected) -> str:
    """Why a line was left out; what is wrong with its JSON in the words of the check."""
    found = explain(str(item.kept))
    return found[0].found if found and found[0].code == "not_json" else str(item.reason)


def difference(before: str, after: str) -> str:
    """What changed, for a place that reads Markdown: taken out in red, put in in green."""
    shown = []
    for piece in repair.difference(before, after):
        if piece.before == piece.after:
            shown.append(escape(piece.before))
            continue
        struck = "~~" if piece.before == piece.before.strip() else ""
        shown += [f":red-background[{struck}{_visible(piece.before)}{struck}]"] if piece.before else []
        shown += [f":green-background[{_visible(piece.after)}]"] if piece.after else []
    return "".join(shown)


def _visible(text: str) -> str:
    return escape(text.replace("\n", "↵").replace("\t", "⇥").replace(" ", "\u00a0"))


def _add(dataset: Dataset, contents: Mapping[int, Content]) -> None:
    """In a callback: try these rows again, and remember what to say of it."""
    with feedback.errors():
        grid.flush()
        outcome = leftovers.add(resources.store(), dataset.id, contents, resources.who())
        grid.take(outcome.applied)
        grid.forget()
        state.put("left_tries", state.get("left_tries", 0) + 1)
        state.put("left_outcome", (dataset.id, outcome.applied.saved, len(outcome.left), outcome.applied.batch_id))


def _said(dataset: Dataset) -> None:
    """What became of the rows that were just tried."""
    told = state.get("left_outcome", None)
    if told is None or told[0] != dataset.id:
        return
    _dataset, saved, left, batch = told
    with st.container(horizontal=True, vertical_alignment="center"):
        if left:
            sentence = _(
                "{n} {n:row was|rows were} added, {m} {m:is|are} still wrong: see why.", n=f"{saved:,}", m=f"{left:,}"
            )
            st.warning(sentence, icon=":material/warning:")
        elif saved:
            st.success(
                _("{n} {n:row was added at its place|rows were added at their place}.", n=f"{saved:,}"),
                icon=":material/check_circle:",
            )
        if batch is not None:
            st.button(_("Undo"), key="left_undo", icon=":material/undo:", on_click=_undo, args=(dataset, batch))


def _undo(dataset: Dataset, batch: int) -> None:
    with feedback.errors():
        state.drop("left_outcome")
        grid.flush()
        grid.take(resources.store().undo(dataset.id, resources.who(), batch))
        grid.forget()
