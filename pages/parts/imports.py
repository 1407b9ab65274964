"""An import on screen: what was recognised of a file, how far the work is, what came of it and what was left out."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from core.dataset.readers import ALL_SHEETS, Format, Source
from core.errors import NotFound
from core.store.tasks import Task
from core.words import _
from pages.parts import feedback, frame, intake, leftovers, progress, resources, state
from pages.parts.text import escape

ENCODINGS = ["utf-8", "utf-8-sig", "gb18030", "big5", "utf-16", "cp1252", "shift_jis", "euc_kr"]


def remember(task_id: str) -> None:
    """Show this import from now on; it stands in the URL, so a reload finds it."""
    if task_id:
        state.set_parameters(task=task_id, file=None, sheet=None, encoding=None, header=None, update=None)


def running() -> None:
    """Imports that go on now, whoever began them."""
    for task in resources.store().tasks.active():
        if task.kind == "import":
            progress.show(task, _title(task))


def show(task_id: str) -> bool:
    """One import: its progress, or its outcome; False where there is none with this id."""
    try:
        task = resources.store().tasks.get(task_id)
    except NotFound:
        state.set_parameters(task=None)
        return False
    progress.show(task, _title(task))
    if task.is_active:
        st.caption(_("You may leave this page: the work goes on."))
        return True
    if task.state == "cancelled":
        st.info(_("The import was stopped. Nothing of it was kept."))
    elif task.state == "succeeded":
        _outcome(task)
    st.button(_("Bring another file"), icon=":material/folder_open:", on_click=_done)
    return True


def _title(task: Task) -> str:
    return _("Importing {name}", name=task.args.get("name") or task.subject)


def _done() -> None:
    state.set_parameters(task=None)


def _outcome(task: Task) -> None:
    store = resources.store()
    try:
        dataset = store.dataset(int(task.result["dataset_id"]))
    except NotFound:
        st.info(_("This dataset was deleted."))
        return
    state.open_dataset(dataset.id)
    st.subheader(escape(dataset.name))
    left = store.count_rejects(dataset.id)
    rows = f"{dataset.rows:,}"
    if left:
        sentence = _("{n} {n:row|rows} imported, {m} {m:row|rows} left out.", n=rows, m=f"{left:,}")
    else:
        sentence = _("{n} {n:row|rows} imported, none left out.", n=rows)
    feedback.next_step(sentence, _("Check them"), frame.CHECK)
    with st.container(horizontal=True):
        st.page_link(frame.EDIT, label=_("Look at the rows and edit them"), icon=":material/edit:")
    leftovers.section(dataset)


def recognised(source: Source, another: Callable[[], None]) -> None:
    """What a file is, and the way to say otherwise."""
    with st.container(border=True):
        facts, ways = st.columns([1, 1] if len(source.sheets) > 1 else [3, 2], vertical_alignment="center")
        facts.markdown(f":material/description: **{escape(source.name)}**  \n{escape(_facts(source))}")
        with ways.container(horizontal=True, horizontal_alignment="right", vertical_alignment="center"):
            if len(source.sheets) > 1:
                sheets = [*source.sheets, *([ALL_SHEETS] if intake.alike(source) else [])]
                st.selectbox(
                    _("Sheet"), sheets, sheets.index(source.sheet), key="source_sheet", on_change=_choose,
                    args=("sheet",), width=200, format_func=_sheet_name,
                )  # fmt: skip
            if source.format.is_table or source.format.is_text:
                with st.popover(_("Not right?")):
                    _corrections(source)
            st.button(_("Another file"), on_click=another)
        for _name, reason in source.others:
            st.caption(f":material/info: {escape(_('Left out: {reason}', reason=reason))}")


def _sheet_name(sheet: str) -> str:
    return _("All sheets together") if sheet == ALL_SHEETS else sheet


def _facts(source: Source) -> str:
    """ "CSV · UTF-8 · comma · about 410 rows · 2 columns · 45 kB"."""
    separators = {",": _("comma"), "\t": _("tab"), ";": _("semicolon"), "|": _("bar")}
    names = {
        Format.JSONL: "JSON Lines",
        Format.PARQUET: "Parquet",
        Format.MARKDOWN: "Markdown",
        Format.SEVERAL: _("several formats"),
    }
    several = _("{n} {n:sheet|sheets}", n=len(source.parts)) if source.sheet else _("{n} files", n=len(source.parts))
    facts = [several] if source.parts else []
    facts.append(names.get(source.format, source.format.value.upper()))
    if source.format.is_text and source.encoding:
        facts.append(source.encoding.removesuffix("-sig").upper())  # a mark at its beginning is no news to anybody
    if source.delimiter in separators:
        facts.append(separators[source.delimiter])
    if source.sheet and not source.parts:
        facts.append(_("sheet {name}", name=source.sheet))
    if source.rows_estimate:
        facts.append(_("about {n} {n:row|rows}", n=f"{source.rows_estimate:,}"))
    if not source.training:
        facts.append(_("{n} {n:column|columns}", n=f"{len(source.columns):,}"))
    facts.append(size(source.size))
    return " · ".join(facts)


def size(count: int) -> str:
    """Bytes in words: "45 kB", "1.8 MB"."""
    if count < 1_000:
        return _("{n} {n:byte|bytes}", n=count)
    return f"{count / 1e3:,.0f} kB" if count < 1e6 else f"{count / 1e6:,.1f} MB"


def _corrections(source: Source) -> None:
    if source.format.is_text:
        readings = intake.readings(source)
        known = [source.encoding, *(name for name in ENCODINGS if name != source.encoding)]
        st.selectbox(
            _("Encoding (choose the one in which the text can be read)"), known, key="source_encoding",
            on_change=_choose, args=("encoding",), format_func=lambda name: intake.reading(name, readings),
        )  # fmt: skip
    if source.format.is_table:
        rows = [*range(2, max(10, source.top + 1) + 1)]
        words = {"yes": _("The first row"), "no": _("None: the first row is an example already")}
        chosen = str(source.top + 1) if source.top else "yes"
        options = ["yes", "no", *map(str, rows)]
        st.selectbox(
            _("Row that names the columns"), options, options.index(chosen if source.header else "no"),
            key="source_header", on_change=_choose, args=("header",),
            format_func=lambda value: words.get(value) or _("Row {n}, below a title", n=value),
        )  # fmt: skip


def _choose(name: str) -> None:
    state.set_parameters(**{name: str(state.get(f"source_{name}", ""))})
