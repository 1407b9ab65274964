"""Which rows are looked at: search, filters, sorting, page. It lives in the URL, so a link shows the same rows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import streamlit as st

from core import privacy
from core.checks import Severity, issue_table, sentence_of
from core.dataset.examples import Split, Status
from core.store import Dataset, Filter
from core.words import _
from pages.parts import grid, resources, state

SIZES = (50, 100, 200)
SORTS = ("position", "tokens", "label")
NAMES = ("text", "label", "split", "status", "issue", "over", "finding", "sort", "page", "size")
BEHIND = ("split", "status", "sort", "size")  # those that are chosen behind a button
NONE = "∅"  # stands in the URL for "no label", "no split", "no status"


@dataclass(frozen=True)
class View:
    """What the toolbar asks for."""

    filter: Filter
    sort: str
    descending: bool
    page: int
    size: int

    @property
    def is_filtered(self) -> bool:
        """Whether any row may be left out."""
        return self.filter != Filter()


def current() -> View:
    """The view that the URL describes; what it says wrongly is left out."""
    issue, over, sort = state.parameter("issue"), state.parameter("over"), state.parameter("sort", "position")
    size, finding = state.parameter("size"), state.parameter("finding")
    page = state.parameter("page", "1")
    wanted = Filter(
        text=state.parameter("text"),
        label=_chosen(state.parameter("label")),
        split=_member(Split, state.parameter("split")),
        status=_member(Status, state.parameter("status")),
        issue=issue if issue in issue_table() else None,
        severity=Severity(issue) if issue in list(Severity) else None,
        over_tokens=int(over) if over.isdecimal() else None,
        finding=finding if finding in privacy.NAMES else None,
    )
    name = sort.removeprefix("-")
    return View(
        wanted,
        name if name in SORTS else "position",
        sort.startswith("-"),
        max(1, int(page)) if page.isdecimal() else 1,
        int(size) if size.isdecimal() and int(size) in SIZES else 100,
    )


def _chosen(value: str) -> str | None:
    return "" if value == NONE else value or None


def _member(kind: Any, value: str) -> Any:
    chosen = _chosen(value)
    return kind(chosen) if chosen is not None and chosen in list(kind) else None


def go(**values: str | None) -> None:
    """Change the view (by URL parameters); anything but a page or its size begins at page 1 again."""
    grid.flush()
    if set(values) - {"page", "size"}:
        values = {"page": None, **values}
    state.set_parameters(**values)
    for name in values:
        state.drop(f"view_{name}")


def clear() -> None:
    """Show all rows, in their order."""
    go(**dict.fromkeys(NAMES))


def _change(name: str) -> None:
    value = state.get(f"view_{name}", None)
    grid.flush()
    state.set_parameters(**{name: str(value) if value else None, "page": None})


def _turn(key: str) -> None:
    grid.flush()
    state.set_parameters(page=str(state.get(key, 1)))


def toolbar(dataset: Dataset) -> None:
    """Search and filters in one line; the rarer ones behind a button."""
    with st.container(horizontal=True, vertical_alignment="bottom"):
        state.once("view_text", lambda: state.parameter("text"))
        st.text_input(
            _("Search"), type="search", key="view_text", placeholder=_("Search question, answer, instruction"),
            on_change=_change, args=("text",), label_visibility="collapsed", width="stretch",
        )  # fmt: skip
        counts = resources.store().label_counts(dataset.id)
        if any(counts) and len(counts) <= 200:
            _select(
                "label",
                _("All labels"),
                {name or NONE: f"{name or _('(no label)')} · {n:,}" for name, n in counts.items()},
            )
        _select("issue", _("All rows"), _issue_choices(dataset))
        if finding := current().filter.finding:
            name, gone = privacy.title(finding), dict.fromkeys(["finding"])
            st.button(name, icon=":material/filter_alt_off:", help=_("Show all rows"), on_click=go, kwargs=gone)
        used = sum(bool(state.parameter(name)) for name in BEHIND)
        with st.popover(f"{_('More')} · {used}" if used else _("More"), icon=":material/filter_list:"):
            _select("split", _("All splits"), {s or NONE: grid.split_name(s) for s in map(str, Split)}, _("Split"))
            _select("status", _("Any status"), {s or NONE: grid.status_name(s) for s in map(str, Status)}, _("Status"))
            _select("sort", _("In their order"), _sort_choices(), _("Sort by"))
            _select("size", _("100 rows a page"), {"50": "50", "200": "200"}, _("Rows on a page"))
            st.button(_("Show all rows in their order"), on_click=clear, width="stretch")


def _select(name: str, everything: str, choices: dict[str, str], label: str = "") -> None:
    """A choice whose first entry is "everything"."""
    asked = state.parameter(name)
    if asked and asked not in choices:
        state.set_parameters(**{name: None})  # of another dataset, or gone
    state.once(f"view_{name}", lambda: asked if asked in choices else "")
    if state.get(f"view_{name}", "") not in ("", *choices):
        state.put(f"view_{name}", "")
    state.say_again(f"view_{name}")
    st.selectbox(
        label or everything, ["", *choices], format_func=lambda value: choices.get(value, everything),
        key=f"view_{name}", on_change=_change, args=(name,), width=220 if label else 165,
        label_visibility="visible" if label else "collapsed",
    )  # fmt: skip


def _issue_choices(dataset: Dataset) -> dict[str, str]:
    counts, table = resources.store().issue_counts(dataset.id), issue_table()
    found = sorted(counts, key=lambda code: (list(Severity).index(table.get(code, Severity.ADVICE)), -counts[code]))
    kinds = {table.get(code, Severity.ADVICE) for code in found}
    general = {
        Severity.ERROR.value: _("With errors"),
        Severity.WARNING.value: _("With warnings"),
        Severity.ADVICE.value: _("With advice"),
    }
    chosen = {name: title for name, title in general.items() if Severity(name) in kinds}
    return {**chosen, **{code: f"{short(code)} · {counts[code]:,}" for code in found}}


def short(code: str) -> str:
    """An issue in a few words: its code, readable."""
    return sentence_of(code).split(". ")[0].split("。")[0][:60]


def _sort_choices() -> dict[str, str]:
    return {
        "tokens": _("Tokens, fewest first"),
        "-tokens": _("Tokens, most first"),
        "label": _("Label, A to Z"),
        "-position": _("Last row first"),
    }


def pager(pages: int, page: int) -> None:
    """The pages of rows; nothing while there is only one."""
    if pages > 1:
        shown = min(page, pages)
        key = f"view_page_{shown}"  # fresh for each page: it then begins where the URL says
        # Left to itself, a control of few pages is so narrow that it hides all but one of them.
        st.pagination(
            pages, default=shown, key=key, on_change=_turn, args=(key,), max_visible_pages=5,
            width=280,
        )  # fmt: skip
