"""The editable grid: one page of rows in the browser, every edit written down before anything else happens.

The rules that keep edits (why: the edits of Streamlit's editor travel by row position, and late): the frame is frozen
while its page is shown, the row's id is its index, the editor lives in the page body and never in a fragment, and
`flush` comes first in every other callback and before every page.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import streamlit as st

from core.dataset.edits import Applied, Change, Edits
from core.dataset.examples import Example, Split, Status, user_text
from core.errors import AppError
from core.store import Dataset, Filter, Store
from core.words import _
from pages.parts import resources, state
from pages.parts.snapshot import (
    OPEN,
    PICKED,
    Clash,
    Snapshot,
    frame_of,
    pending,
    picked,
    refresh,
    removal,
    settle,
    touches,
)
from pages.parts.text import escape
from pages.parts.wrapping import shared

ROW = 33  # pixels, at the base font size of the theme
HEIGHT = ROW * 15 + 3
SENTENCE = 24  # characters above which answers are texts rather than names of classes


def split_name(split: object) -> str:
    """What a split is called on screen."""
    return {"train": _("Train"), "validation": _("Validation"), "test": _("Test")}.get(str(split), "–")


def status_name(status: object) -> str:
    """What a status is called on screen."""
    return {"approved": _("Approved"), "needs_work": _("Needs work")}.get(str(status), "–")


def snapshot() -> Snapshot | None:
    """The page of rows that is shown now."""
    return state.get("grid", None)


def load(dataset: Dataset, wanted: Filter, *, sort: str, descending: bool, page: int, size: int) -> Snapshot:
    """The page of rows to show: the one shown before while the view is the same, else read anew."""
    view = (dataset.id, wanted, sort, descending, page, size)
    shown = snapshot()
    if shown is not None and shown.view == view:
        return shown
    found = resources.store().page(dataset.id, wanted, sort=sort, descending=descending, page=page, size=size)
    wrap = shared([user_text(example.body) for example in found.examples])
    made = Snapshot(
        number=state.get("grid_number", 0) + 1,
        dataset_id=dataset.id,
        view=view,
        frame=frame_of(found.examples, wrap),
        wrap=wrap,
        rows={example.id: example for example in found.examples},
        total=found.total,
        pages=found.pages,
        exact=found.exact,
        dataset_revision=dataset.revision,
    )
    state.put("grid_number", made.number)
    state.put("grid", made)
    return made


def count_on(shown: Snapshot, say: Callable[[], object]) -> None:
    """Count the rest of a search whose first page is on screen; whatever the person does in between comes first."""
    dataset_id, wanted, sort, descending, _page, size = shown.view
    while not shown.exact:
        found, whole = resources.store().look_on(dataset_id, wanted, descending=descending and sort == "position")
        shown.total, shown.exact = max(found, len(shown.ids)), whole
        shown.pages = max(1, -(-shown.total // size))
        say()  # a newer run of the page may stop this one here
    st.rerun()


def forget() -> None:
    """Read the rows anew in the next run, into a fresh editor. Call `flush` before."""
    state.drop("grid")


def edited(shown: Snapshot) -> Mapping[Any, Mapping[str, Any]]:
    """What the editor of this page holds, by row position."""
    held: Mapping[str, Any] | None = state.get(shown.key, None)
    return held["edited_rows"] if held else {}


def flush() -> None:
    """Write down what the editor holds and was not written yet. May be called at any time, any number of times."""
    shown = snapshot()
    if shown is None:
        return
    changes = pending(shown, edited(shown))
    if changes:
        write(Edits(changed=tuple(changes)), from_editor=True)


def outdated() -> set[int]:
    """The datasets of which this session wrote something that the shown rows do not have yet."""
    return state.once("outdated", set[int])


def write(edits: Edits, *, from_editor: bool = False) -> Applied | None:
    """Apply edits to the dataset that is open; what was refused is kept for the person to decide."""
    # A newer run of the page may stop this one wherever it touches the session, so everything of the session is
    # fetched first: what is written and what is remembered of it are never torn apart.
    shown, clashes, stale, store, who = snapshot(), _clashes(), outdated(), resources.store(), resources.who()
    number = shown.dataset_id if shown else state.dataset_id()
    if number is None:
        return None
    if shown and from_editor:
        settle(shown, edits.changed)
    try:
        applied = store.apply(number, edits, who)
    except AppError as error:
        state.put("refusal", error)
        return None
    _keep(applied, shown, clashes)
    _take_over(applied, shown, store)
    if edits.added or edits.removed:
        stale.add(number)
    _say(applied)
    return applied


def step(dataset_id: int, way: Callable[[int, str], Applied]) -> None:
    """Undo or redo (the store's); the rows are read anew by whichever run comes to it."""
    flush()
    shown, clashes, stale, who = snapshot(), _clashes(), outdated(), resources.who()
    applied = way(dataset_id, who)
    stale.add(dataset_id)
    _keep(applied, shown, clashes)
    _say(applied)


def take(applied: Applied) -> None:
    """Keep what was refused of an edit that was made elsewhere, until the person has decided."""
    _keep(applied, snapshot(), _clashes())
    _say(applied)


def _clashes() -> dict[int, Clash]:
    return state.once("clashes", dict[int, Clash])


def _keep(applied: Applied, shown: Snapshot | None, clashes: dict[int, Clash]) -> None:
    """Keep what was refused, until the person has decided."""
    for conflict in applied.conflicts:
        mine = {**_pending_mine(clashes, conflict.example_id), **{k: v or "" for k, v in conflict.fields.items()}}
        before = shown.rows.get(conflict.example_id) if shown else None
        clashes[conflict.example_id] = Clash(
            conflict.example_id, mine, before, conflict.theirs, conflict.who, conflict.at
        )


def _say(applied: Applied) -> None:
    if applied.problems:
        state.put("problems", [(problem.example_id, problem.message) for problem in applied.problems])


def _pending_mine(clashes: Mapping[int, Clash], example_id: int) -> dict[str, str]:
    """What was refused before on the same row and waits for a decision as well."""
    return clashes[example_id].mine if example_id in clashes else {}


def _take_over(applied: Applied, shown: Snapshot | None, store: Store) -> None:
    """Show what was just written: tokens, issues and texts of these rows."""
    if shown is None:
        return
    if applied.batch_id is not None:
        shown.dataset_revision += 1
    here = [number for number in applied.revisions if number in shown.revisions]
    refresh(shown, [store.example(number) for number in here], applied.revisions)


def save_row(example: Example, fields: Mapping[str, str]) -> Applied | None:
    """Write texts of one row that were edited outside the grid, and show them in it."""
    flush()
    shown = snapshot()
    overlaid = shown is not None and touches(shown, edited(shown), example.id)
    applied = write(Edits(changed=(Change(example.id, example.revision, dict(fields)),)))
    if overlaid:
        forget()
    return applied


def show(shown: Snapshot, opened: Callable[[int], None], *, narrow: bool = False) -> None:
    """The grid. `opened` hears the id of the row whose pencil was pressed; `narrow` where a form stands beside it."""

    def open_clicked() -> None:
        flush()
        click = state.get(f"{shown.key}_open", None)
        if click is not None:
            opened(shown.ids[int(click["row"])])

    if shown.wrap.lead:
        st.caption(_("Left out here, because every row has it: {words}", words=escape(shown.wrap.lead.strip()[:300])))
    st.data_editor(
        shown.frame,
        key=shown.key,
        num_rows="fixed",
        height=min(HEIGHT, ROW * (len(shown.frame) + 1) + 3),
        hide_index=True,
        column_config=_columns(f"{shown.key}_open", open_clicked, _widths(shown, narrow)),
        on_change=flush,
        placeholder="",
        alt=_("Rows of the dataset"),
    )


def _widths(shown: Snapshot, narrow: bool) -> tuple[int, int]:
    """Pixels for question and answer: answers that are texts, not classes, get as much room as the questions."""
    lengths = shown.frame["assistant"].fillna("").str.len() if "assistant" in shown.frame else None
    if lengths is not None and len(lengths) and lengths.mean() > SENTENCE:
        return (195, 195) if narrow else (275, 275)
    return (250, 140) if narrow else (360, 190)


def _columns(open_key: str, open_clicked: Callable[[], None], widths: tuple[int, int]) -> dict[str, Any]:
    column = st.column_config
    question, answer = widths
    return {
        PICKED: column.CheckboxColumn("✓", width=44, help=_("Tick rows to delete them")),
        OPEN: column.ButtonColumn(
            " ", width=44, type="tertiary", key=open_key, on_click=open_clicked, help=_("Open the row in the form")
        ),
        "issues": column.TextColumn(_("Issues"), width=64, disabled=True),
        "system": column.TextColumn(_("Instruction"), width="medium"),
        "user": column.TextColumn(_("Question"), width=question),
        "assistant": column.TextColumn(_("Answer"), width=answer),
        "label": column.TextColumn(_("Label"), width=120),
        "split": column.SelectboxColumn(
            _("Split"), width=96, options=[str(split) for split in Split], format_func=split_name
        ),
        "status": column.SelectboxColumn(
            _("Status"), width=100, options=[str(status) for status in Status], format_func=status_name
        ),
        "tokens": column.NumberColumn(_("Tokens"), width=64, disabled=True),
    }


def ticked(shown: Snapshot) -> list[int]:
    """The ids of the rows that are ticked now."""
    return picked(shown, edited(shown))


def delete(ids: Sequence[int]) -> Applied | None:
    """Delete rows of the page that is shown."""
    flush()
    shown = snapshot()
    if shown is None or not ids:
        return None
    applied = write(removal(shown, ids))
    forget()
    return applied
