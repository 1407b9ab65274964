"""Around a file before it is mapped: pasted text, other tools' formats, garbled letters, encodings side by side."""

from __future__ import annotations

import io
import json
from typing import BinaryIO

import streamlit as st

from core.dataset import encodings, mojibake
from core.dataset.readers import ALL_SHEETS, Source, sniff
from core.dataset.recipes import Recipe
from core.dataset.shapes import Shape
from core.errors import AppError
from core.words import Text, _
from pages.parts import uploads
from pages.parts.text import escape

LOOKED_INTO, MOST_SHEETS = 4 << 20, 12  # bytes and sheets up to which each sheet is looked into
READ = 28  # characters of a reading that are shown


def in_words() -> None:
    """Streamlit's own words on uploaders are English only, and its list of endings is cut off: say ours instead."""
    said = {
        "[data-testid=stFileUploaderDropzone] button p": _("Choose a file"),
        "[data-testid=stFileUploaderDropzoneInstructions] span": _("or drop it here"),
    }
    rules = (
        f"{place}{{font-size:0}}{place}::after{{content:{json.dumps(words, ensure_ascii=False)};font-size:.875rem}}"
        for place, words in said.items()
    )
    st.html(f"<style>{''.join(rules)}</style>")


def files(number: int) -> list[tuple[BinaryIO, str]]:
    """What was chosen or pasted just now; `number` names the widgets."""
    chosen = st.file_uploader(
        _("Tables or files of examples: CSV, TSV, Excel, ODS, JSON, JSON Lines or Parquet, up to 200 MB"),
        type=uploads.TYPES, key=f"upload_{number}", accept_multiple_files=True,
        help=_("Packed files (gzip, zip, bz2, xz) too. Several files become one dataset."),
    )  # fmt: skip
    return [(file, file.name) for file in chosen] + _pasted(number)


def _pasted(number: int) -> list[tuple[BinaryIO, str]]:
    """A table or lines that were pasted, as a file; nothing until the button is pressed."""
    with st.expander(_("Paste a table or lines"), icon=":material/content_paste:"):
        text = st.text_area(
            _("Paste a table or lines"), key=f"pasted_{number}", height=160, label_visibility="collapsed",
            placeholder=_("Copied cells of a spreadsheet, or lines of a CSV or JSON Lines file"),
        )  # fmt: skip
        pressed = st.button(_("Use this text"), disabled=not text.strip(), icon=":material/check:")
    if not pressed or not text.strip():
        return []
    return [(io.BytesIO(text.encode("utf-8", "replace")), _("Pasted text") + ".txt")]


def examples_already(source: Source) -> None:
    """Say that the lines are examples, and what happens to them."""
    names = {
        Shape.SHAREGPT: "ShareGPT",
        Shape.ALPACA: "Alpaca",
        Shape.CHOSEN: "chosen / rejected",
        Shape.CHATGPT: "ChatGPT",
        Shape.MESSAGES: _("chat"),
        Shape.TRANSCRIPT: _("written-out conversation"),
        Shape.TREE: "OpenAssistant",
        Shape.JUDGED: "KTO",
        Shape.ANNOTATED: _("annotated"),
    }
    if source.shape is Shape.TABLE:
        st.success(_("This table was exported from Luopan: every row comes back as it was, with its label and split."))
    elif source.shape is None:
        st.success(_("These lines are training examples already: they are imported byte for byte."))
    else:
        st.success(
            _("These lines are {name} examples: they are converted, as the preview shows.", name=names[source.shape])
        )


def mend(source: Source, start: Recipe, number: int) -> bool:
    """Whether garbled letters are mended: asked where some were found, with the first of them before and after."""
    if not source.garbled:
        return start.mend
    texts = (cell for row in source.sample for cell in row.cells.values())
    pairs = ((text, after) for text in texts if (after := mojibake.mended(text)) != text)
    before, after = next(pairs, ("", ""))
    wanted = st.checkbox(
        _("Mend garbled letters (UTF-8 that was read as a Western encoding)"), start.mend, key=f"map_{number}_mend"
    )
    if before:
        st.caption(f"{escape(_short(before))} → {escape(_short(after))}")
    else:
        st.caption(_("Too many letters were lost here: such rows are left out and listed."))
    return wanted


@st.cache_data(max_entries=20, show_spinner=False, hash_funcs={Text: repr})
def alike(source: Source) -> bool:
    """Whether several sheets of a workbook have the same columns, so that they can be read as one; where looking
    into all of them would take long, they may."""
    if source.parts or source.size > LOOKED_INTO or len(source.sheets) > MOST_SHEETS:
        return True
    try:
        return len(sniff(source.path, source.name, sheet=ALL_SHEETS).parts) > 1
    except AppError:
        return False


def header_of(source: Source) -> bool | int | None:
    """Whether the first row names the columns, or which one does; None where that differs from file to file."""
    if source.parts:
        found = {header_of(part) for part in source.parts}
        return found.pop() if len(found) == 1 else None
    return source.top + 1 if source.header and source.top else source.header


def readings(source: Source) -> dict[str, str]:
    """How the first text outside ASCII reads in each encoding that fits."""
    path = source.parts[0].path if source.parts else source.path
    return encodings.readings(path, dict.fromkeys([source.encoding, *encodings.OFFERED]))


def reading(name: str, found: dict[str, str]) -> str:
    """An encoding's name with what the file says in it."""
    return f"{name} — {_short(found[name])}" if found.get(name) else name


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= READ else line[: READ - 1] + "…"
