"""Shows text that came from outside (imported rows, model answers) as text: never as Markdown or HTML."""

from __future__ import annotations

import csv
import html
import io
import re
from collections.abc import Iterable, Sequence

import streamlit as st

from core.words import _

_MARKDOWN = str.maketrans({character: "\\" + character for character in "\\`*_{}[]()<>#+-.!|~$:&"})

# What Streamlit makes icons, links and arrows of even behind a backslash; a joiner without width keeps it apart.
_MAGIC = re.compile(
    r"(?<=:)(?=material/|streamlit:|//)|(?<=\bwww)(?=\.)|(?<=@)(?=\w)|(?<=(?<!\S)[-<>~])(?=-?[-<>=](?!\S))",
    re.IGNORECASE,
)
JOINER = "\u2060"


def escape(value: object) -> str:
    """Text made safe for the few places that read Markdown: labels, captions, messages of alerts."""
    line = str(value).replace("\r", "").replace("\n", " ")
    return _MAGIC.sub(JOINER, line).translate(_MARKDOWN)


def for_chart(value: object) -> str:
    """Text made safe for charts, which read a little HTML in names: labels, titles, legends."""
    return html.escape(str(value), quote=False)


def as_csv(header: Sequence[str], rows: Iterable[Sequence[str]]) -> bytes:
    """A table for a spreadsheet; a cell that would be taken for a formula gets an apostrophe."""
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(header)
    writer.writerows([f"'{cell}" if cell.startswith(("=", "+", "-", "@")) else cell for cell in row] for row in rows)
    return out.getvalue().encode("utf-8-sig", "replace")


def show(value: str) -> None:
    """A block of foreign text, wrapped, exactly as it is."""
    st.code(value or " ", language=None, wrap_lines=True)


def role_name(role: str) -> str:
    """What a role is called on screen."""
    names = {
        "system": _("Instruction (system)"),
        "developer": _("Instruction (developer)"),
        "user": _("Question (user)"),
        "assistant": _("Answer (assistant)"),
        "tool": _("Tool result"),
        "function": _("Function result"),
    }
    return names.get(role, role)
