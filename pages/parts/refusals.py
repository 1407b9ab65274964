"""Rows that an edit left as they were: a few are said, many are listed, and a file has all of them."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import streamlit as st

from core.dataset.examples import user_text
from core.store import Dataset
from core.words import Text, _
from pages.parts import grid, resources
from pages.parts.text import as_csv, escape

FEW = 3  # that are said each
SHOWN = 200  # rows in the table
Refused = Sequence[tuple[int, Text]]  # the row (0: one that was to be added), and why


def show(dataset: Dataset, refused: Refused) -> None:
    """Why rows were left as they were; nothing where there are none."""
    if len(refused) <= FEW:
        for _row, why in refused:
            st.error(escape(why), icon=":material/error:")
        return
    many = _("{n} {n:row was left as it was|rows were left as they were}.", n=f"{len(refused):,}")
    st.error(escape(many), icon=":material/error:")
    with st.expander(_("Rows that were left as they were"), icon=":material/list:", expanded=True):
        shown = _listed(dataset.id, refused[:SHOWN])
        st.dataframe(
            [dict(zip(_header(), cells, strict=True)) for cells in shown], hide_index=True,
            height=min(10 * grid.ROW, grid.ROW * (len(shown) + 1) + 3), alt=_("Rows that were left as they were"),
        )  # fmt: skip
        with st.container(horizontal=True, vertical_alignment="center"):
            if len(refused) > SHOWN:
                st.caption(_("The first {n} of {m}; the file has all.", n=SHOWN, m=f"{len(refused):,}"))
            st.download_button(
                _("Download the list"), partial(_file, dataset.id, refused), f"{dataset.name}-left.csv", "text/csv",
                icon=":material/save:", on_click="ignore", key="refused_download",
            )  # fmt: skip


def _header() -> list[str]:
    return [_("Row"), _("Question"), _("Why")]


def _listed(dataset_id: int, refused: Refused) -> list[list[str]]:
    living = resources.store().relations.living(dataset_id, [row for row, _why in refused if row])
    asked = {row: user_text(example.body) for row, example in living.items()}
    return [[str(row or "–"), asked.get(row, ""), str(why)] for row, why in refused]


def _file(dataset_id: int, refused: Refused) -> bytes:
    return as_csv(_header(), _listed(dataset_id, refused))
