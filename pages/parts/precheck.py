"""What the rules say of a file of training examples, before it is imported: figures, and the lines with errors."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from core.checks import Issue, Report, Severity, check_file
from core.dataset.readers import Format, Source
from core.words import _
from pages.parts import grid, state
from pages.parts.imports import size
from pages.parts.snapshot import MARKS
from pages.parts.text import escape

AT_ONCE = 30_000_000  # bytes that are looked through in about half a second
LISTED = 200  # lines; the check of the dataset has all
SEEN = 6  # rows of the list that are seen without scrolling
TALL = 66  # pixels of one: its sentence is wrapped
_UTF8 = ("utf-8", "utf-8-sig", "ascii")


def show(source: Source) -> None:
    """How many examples and errors there are, and each line that has something; nothing for a converted file."""
    if source.shape or source.parts or source.format is not Format.JSONL or source.encoding.lower() not in _UTF8:
        return
    report = _report(source)
    figures = [
        _("{n} {n:example|examples}", n=f"{report.examples:,}"),
        f"{MARKS[Severity.ERROR]} " + _("{n} {n:error|errors}", n=f"{report.errors:,}"),
        f"{MARKS[Severity.WARNING]} " + _("{n} {n:warning|warnings}", n=f"{report.warnings:,}"),
    ]
    st.markdown(" · ".join(figures))
    graver = [issue for issue in report.details if issue.severity is not Severity.ADVICE]
    graver.sort(key=lambda issue: issue.severity is not Severity.ERROR)
    for issue in graver:
        if not issue.line:
            st.markdown(f"{MARKS[issue.severity]} {escape(issue.sentence)}")
    lines = [issue for issue in graver if issue.line]
    if lines:
        _list(lines, report.errors + report.warnings - len(graver) + len(lines))


def _report(source: Source) -> Report:
    """The report of the rules alone; made once for a file, with a progress where it takes a while."""
    stand = source.path.stat()
    key = (str(source.path), stand.st_size, stand.st_mtime_ns)
    kept_for, report = state.get("precheck", (None, None))
    if kept_for != key or report is None:
        report = (
            check_file(source.path, encoding="", largest=None)
            if stand.st_size <= AT_ONCE
            else _slowly(source.path, stand.st_size)
        )
        state.put("precheck", (key, report))
    return report


def _slowly(path: Path, bytes_: int) -> Report:
    sentence = _("A large file ({size}): its rules are checked in a few seconds.", size=size(bytes_))
    place = st.empty()
    bar = place.progress(0.0, sentence)
    shown = [0]

    def tell(done: int, total: int) -> None:
        if (percent := done * 100 // max(total, 1)) > shown[0]:
            shown[0] = percent
            bar.progress(percent / 100, sentence)

    report = check_file(path, encoding="", progress=tell, largest=None)
    place.empty()
    return report


def _list(issues: list[Issue], found: int) -> None:
    names = (_("Line"), _("What was found"), _("What to do"), _("Field"))
    rows = [
        dict(zip(names, (issue.line, issue.found, issue.advice, issue.field), strict=True)) for issue in issues[:LISTED]
    ]
    widths = dict(zip(names, (50, 220, 220, 110), strict=True))
    st.dataframe(
        rows, hide_index=True, row_height=TALL, height=min(SEEN, len(rows)) * TALL + grid.ROW + 3,
        alt=_("Lines with something to mend"),
        column_config={name: st.column_config.Column(width=width) for name, width in widths.items()},
    )  # fmt: skip
    notes = [_("The first {n} of {m}.", n=f"{len(rows):,}", m=f"{found:,}")] if found > len(rows) else []
    fate = _("What can be read comes in as it is, to be mended later; what cannot be read is left out and listed.")
    st.caption(" ".join([*notes, fate]))
