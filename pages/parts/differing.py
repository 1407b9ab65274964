"""A brought file beside its dataset: what is new, changed and gone, row by row, with a tick for each, and applied."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import streamlit as st

from core import tasks
from core.dataset import bringing, updating
from core.dataset.difference import Changed, Entry, FieldChange, Known, New, key
from core.dataset.examples import answer_text, load, user_text
from core.dataset.updating import Brought, Choice
from core.store import Dataset
from core.store.tasks import Task
from core.words import _
from pages.parts import clashes, feedback, frame, grid, progress, recipeform, refusals, resources, state
from pages.parts.text import escape, role_name
from pages.parts.turns import changes
from pages.parts.uploads import Upload
from pages.parts.wordmarks import marked

AT_ONCE = 2_000  # rows that are applied while the person waits; more become a task with its progress
SIZE = 10  # rows on a page
SHOWN = 200  # problems that are listed
REFUSED = "brought_refused"  # rows that a task left as they were, and why
CLIPPED = 400  # characters of a text that did not change


def show(dataset: Dataset, upload: Upload, how: dict[str, Any]) -> None:
    """The whole of it: progress where it is being applied, else what differs, what is chosen, and the button."""
    store = resources.store()
    task = store.tasks.latest("update", str(dataset.id))
    if task is not None and task.is_active:
        progress.show(task, _("Applying the changes to {name}", name=dataset.name))
        st.caption(_("You may leave this page: the work goes on."))
        return
    if task is not None and task.args.get("path") == str(upload.path):
        _outcome(dataset, task)
    _applied(dataset)
    clashes.problems(dataset)
    refusals.show(dataset, state.get(REFUSED, ()))
    brought = _brought(dataset, upload, how)
    groups = {name: entries for name, entries in brought.groups().items() if entries}
    _facts(brought)
    if not groups:
        feedback.next_step(
            _("Nothing differs: the dataset says what the file says."), _("Look at the rows"), frame.EDIT
        )
        return
    choice = _choice(upload)
    _bar(dataset, upload, how, brought, choice)
    chosen = st.segmented_control(
        _("What differs"), list(groups), format_func=lambda name: f"{_title(name)} · {len(groups[name]):,}",
        default=next(iter(groups)), key=f"diff_group_{'-'.join(groups)}", required=True, label_visibility="collapsed",
    )  # fmt: skip
    _group(brought, str(chosen), groups[str(chosen)], upload, choice)


def _brought(dataset: Dataset, upload: Upload, how: dict[str, Any]) -> Brought:
    """The difference, made once for each state of the dataset."""
    seen = (dataset.id, dataset.revision, upload.token, *how.values())
    kept: tuple[Any, Brought] | None = state.get("brought", None)
    if kept is not None and kept[0] == seen:
        return kept[1]
    with st.spinner(_("Comparing the rows …")):
        brought = bringing.look(resources.store(), dataset.id, upload.path, upload.name, **how)
    state.put("brought", (seen, brought))
    return brought


def _choice(upload: Upload) -> Choice:
    kept: tuple[str, Choice] | None = state.get("brought_choice", None)
    return kept[1] if kept is not None and kept[0] == upload.token else Choice()


def _title(group: str) -> str:
    return {
        "changed": _("Changed"),
        "new": _("New"),
        "gone": _("Gone"),
        "clash": _("Changed in both"),
        "doubtful": _("Look twice"),
    }[group]


def _lesson(group: str) -> str:
    return {
        "changed": _("The file says something else. The line with − is the dataset, the line with + the file."),
        "new": _("These rows are only in the file. They are added below the row that they follow there."),
        "gone": _("These rows are in the dataset and no longer in the file. They stay unless you tick them."),
        "clash": _("Somebody edited these rows here, and the file says something else again. They stay as they are "
                   "here unless you tick them."),
        "doubtful": _("These changes look like nobody meant them. They are left out unless you tick them."),
    }[group]  # fmt: skip


def _facts(brought: Brought) -> None:
    found = brought.difference
    said = [_("{n} {n:row is|rows are} the same.", n=f"{found.same:,}")]
    if found.kept:
        said.append(
            _(
                "{n} {n:row was|rows were} edited only here: {n:it stays as it is|they stay as they are}.",
                n=f"{found.kept:,}",
            )
        )
    st.caption(escape(" ".join(said)))
    if not brought.problems:
        return
    with st.expander(
        _("{n} {n:row or cell|rows or cells} cannot be taken", n=f"{len(brought.problems):,}"),
        icon=":material/warning:",
    ):
        names = {"row": _("Row"), "column": _("Column"), "reason": _("Why"), "seen": _("What stands there")}
        listed = brought.problems[:SHOWN]
        st.dataframe(
            [{word: str(getattr(problem, name)) for name, word in names.items()} for problem in listed],
            hide_index=True, height=min(10 * grid.ROW, grid.ROW * (len(listed) + 1) + 3),
            alt=_("Rows or cells that cannot be taken"),
        )  # fmt: skip
        with st.container(horizontal=True, vertical_alignment="center"):
            if len(brought.problems) > SHOWN:
                st.caption(_("The first {n} of {m}; the file has all.", n=SHOWN, m=f"{len(brought.problems):,}"))
            st.download_button(
                _("Download the list"), partial(recipeform.rejects_csv, brought.problems), "not-taken.csv", "text/csv",
                icon=":material/save:", on_click="ignore", key="problems_download",
            )  # fmt: skip


def _bar(dataset: Dataset, upload: Upload, how: dict[str, Any], brought: Brought, choice: Choice) -> None:
    """What would be done, and the button that does it."""
    wanted = updating.chosen(brought, choice)
    counts = (
        (len(wanted.changed), _("{n} changed", n=f"{len(wanted.changed):,}")),
        (len(wanted.added), _("{n} added", n=f"{len(wanted.added):,}")),
        (len(wanted.removed), _("{n} deleted", n=f"{len(wanted.removed):,}")),
    )
    said = " · ".join(words for count, words in counts if count) or _("Nothing is ticked")
    with st.container(horizontal=True, vertical_alignment="center", border=True):
        st.markdown(f"**{escape(said)}**  \n{escape(_('One step, which you can undo.'))}", width="stretch")
        st.button(
            _("Apply"), type="primary", icon=":material/done_all:", disabled=not wanted, key="diff_apply",
            on_click=_apply, args=(dataset, upload, how, brought, choice),
        )  # fmt: skip


def _apply(dataset: Dataset, upload: Upload, how: dict[str, Any], brought: Brought, choice: Choice) -> None:
    with feedback.errors():
        grid.flush()
        store, who, wanted = resources.store(), resources.who(), updating.chosen(brought, choice)
        if len(wanted.changed) + len(wanted.added) + len(wanted.removed) > AT_ONCE:
            args = {"path": str(upload.path), "name": upload.name, **how, "who": who}
            args |= {"choice": choice.as_dict(), "revision": brought.revision}
            tasks.enqueue(store, resources.settings(), "update", dataset.id, args)
            return
        state.drop("brought", REFUSED)
        applied = updating.apply(store, dataset.id, brought, choice, who)
        grid.take(applied)
        state.put("brought_batch", (dataset.id, applied.batch_id, applied.saved))
        grid.forget()


def _outcome(dataset: Dataset, task: Task) -> None:
    """What a task did goes on as if it had been done at once."""
    if state.get("brought_task", "") == task.id:
        return
    state.put("brought_task", task.id)
    if task.state == "failed" and task.error:
        feedback.show_error(task.error)
    elif task.state == "succeeded":
        state.put(REFUSED, updating.refused(task.result))
        if task.result.get("batch"):
            state.put("brought_batch", (dataset.id, task.result["batch"], task.result["saved"]))
            grid.forget()


def _applied(dataset: Dataset) -> None:
    """What was just applied, and the way back."""
    done = state.get("brought_batch", None)
    if done is None or done[0] != dataset.id or not done[1]:
        return
    with st.container(horizontal=True, vertical_alignment="center", border=True):
        said = _("{n} {n:row|rows} of {name} {n:is|are} as you chose.", n=f"{done[2]:,}", name=dataset.name)
        st.markdown(f"{feedback.GOOD} {escape(said)}", width="stretch")
        st.button(_("Undo"), key="diff_undo", icon=":material/undo:", on_click=_undo, args=(dataset.id, done[1]))
        st.page_link(frame.EDIT, label=_("Look at the rows"), icon=":material/edit:",
                     query_params={"dataset": str(dataset.id)})  # fmt: skip


def _undo(dataset_id: int, batch_id: int) -> None:
    with feedback.errors():
        grid.flush()
        applied = resources.store().undo(dataset_id, resources.who(), batch_id)
        state.drop("brought_batch", REFUSED)
        feedback.saved(_("{n} {n:row is as it was|rows are as they were}.", n=f"{applied.saved:,}"))
        grid.forget()


def _group(brought: Brought, group: str, entries: Sequence[Entry], upload: Upload, choice: Choice) -> None:
    taken = sum(choice.takes(group, entry) for entry in entries)
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown(escape(_lesson(group)), width="stretch")
        st.checkbox(
            _("All {n}", n=f"{len(entries):,}"), taken == len(entries), key=f"diff_all_{group}_{taken}",
            on_change=_take_all, args=(upload, choice, group, taken < len(entries), [key(entry) for entry in entries]),
        )  # fmt: skip
    pages = -(-len(entries) // SIZE)
    page = min(int(state.get(f"diff_page_{group}", 1)), pages)
    for entry in entries[(page - 1) * SIZE : page * SIZE]:
        with st.container(border=True):
            _entry(brought, group, entry, upload, choice)
    if pages > 1:
        shown = f"diff_pager_{group}_{page}"
        st.pagination(pages, default=page, key=shown, on_change=_turn, args=(group, shown), max_visible_pages=5)


def _turn(group: str, shown: str) -> None:
    state.put(f"diff_page_{group}", state.get(shown, 1))


def _take_all(upload: Upload, choice: Choice, group: str, take: bool, keys: Sequence[str]) -> None:
    rest = choice.but.difference(keys)
    state.put("brought_choice", (upload.token, Choice({**choice.groups, group: take}, rest)))


def _toggle(upload: Upload, choice: Choice, name: str) -> None:
    state.put("brought_choice", (upload.token, Choice(choice.groups, choice.but ^ {name})))


def _entry(brought: Brought, group: str, entry: Entry, upload: Upload, choice: Choice) -> None:
    """One row: its tick, where it stands, and its texts."""
    taken = choice.takes(group, entry)
    st.checkbox(
        escape(_headline(entry)), taken, key=f"diff_{key(entry)}_{taken}", on_change=_toggle,
        args=(upload, choice, key(entry)),
    )  # fmt: skip
    if note := brought.notes.get(key(entry)):
        st.markdown(f"{feedback.DOUBT} {escape(note)}")
    if isinstance(entry, Changed):
        _change(entry)
    else:
        for name, text in _texts(entry):
            st.markdown(f":gray[{escape(_name(name))}]  \n{escape(_clip(text))}")
        if marks := _marks(entry):
            st.caption(escape(marks))


def _headline(entry: Entry) -> str:
    if isinstance(entry, Known):
        return _("Delete this row")
    return _("Add row {n} of the file", n=f"{entry.coming.row:,}") if isinstance(entry, New) else _(
        "Take over row {n} of the file", n=f"{entry.coming.row:,}"
    )  # fmt: skip


def _change(entry: Changed) -> None:
    """The parts that differ, each with both texts and the differing words marked, below the question they belong to."""
    parts = [part for change in entry.fields for part in _parts(change)]
    if entry.known.questions and not {"user", ""} & {name for name, _old, _new in parts}:
        st.markdown(f":gray[{escape(role_name('user'))}]  \n{escape(_clip(entry.known.questions[-1]))}")
    answers = [(old, new) for name, old, new in parts if name == "assistant"]
    for name, old, new in parts:
        if name == "label" and (old, new) in answers:
            continue  # the class, said once
        named = _name(name)
        if name in ("split", "status"):
            shown = grid.split_name if name == "split" else grid.status_name
            old, new = shown(old), shown(new)
        before, after = marked(old, new)
        head = f":gray[{escape(named)}]  \n" if named else ""
        st.markdown(f"{head}**−** {before or escape(_('(empty)'))}  \n**+** {after or escape(_('(empty)'))}")


def _parts(change: FieldChange) -> list[tuple[str, str, str]]:
    """A field with both its texts; of a whole line its turns that differ."""
    return changes(change.old, change.new) if change.name == "raw" else [(change.name, change.old, change.new)]


def _name(field: str) -> str:
    """What a field is called on screen."""
    named = {"label": _("Label"), "split": _("Split"), "status": _("Status"), "": ""}.get(field)
    return role_name(field) if named is None else named


def _marks(entry: New | Known) -> str:
    """What a row that is new or gone says beside its texts: label, split, status, as far as it says any."""
    fields = dict(entry.fields if isinstance(entry, Known) else entry.coming.fields)
    if fields.get("label") == dict(_texts(entry)).get("assistant"):
        fields["label"] = ""  # the class, said once
    shown: dict[str, Callable[[str], str]]
    shown = {"label": str, "split": grid.split_name, "status": grid.status_name}
    said = [f"{_name(name)}: {word(fields[name])}" for name, word in shown.items() if fields.get(name)]
    return " · ".join(said)


def _texts(entry: New | Known) -> list[tuple[str, str]]:
    """Instruction, question and answer of a row that is new or gone."""
    fields = entry.fields if isinstance(entry, Known) else entry.coming.fields
    if "raw" in fields:
        try:
            body = load(fields["raw"])
        except ValueError:
            return [("user", fields["raw"])]
        return [("user", user_text(body)), ("assistant", answer_text(body))]
    return [(name, fields[name]) for name in ("system", "user", "assistant") if fields.get(name)]


def _clip(text: str) -> str:
    return text if len(text) <= CLIPPED else text[: CLIPPED - 1] + "…"
