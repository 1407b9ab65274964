"""How the answers of a reinforcement training are judged: by a field of the row, or by a grader of one's own."""

from __future__ import annotations

from typing import Any

import orjson
import streamlit as st

from core.dataset.examples import Body, Kind
from core.store import Dataset
from core.words import _
from pages.parts import resources

OWN = "own"
ANSWER = "{{sample.output_text}}"
NOT_JUDGED_BY = ("messages", "tools", "parallel_tool_calls", "response_format", "functions")
LOOKED_AT = 20  # rows in which fields are looked for


def form(dataset: Dataset) -> dict[str, Any] | None:
    """The grader as far as it is chosen; None where the data needs none, or none can be read."""
    if dataset.kind is not Kind.REINFORCEMENT:
        return None
    ways = {
        "eq": _("the same text as a field"),
        "ilike": _("holds the text of a field"),
        "fuzzy_match": _("as close as can be to a field"),
        OWN: _("by a grader of my own (JSON)"),
    }
    with st.container(border=True):
        way = st.selectbox(
            _("An answer is good when it is"), list(ways), format_func=ways.__getitem__, key="launch_judge",
            help=_("The model tries answers of its own; each is judged like this, and the better ones are learnt."),
        )  # fmt: skip
        if way == OWN:
            return _typed()
        bodies = [row.body for row in resources.store().page(dataset.id, size=LOOKED_AT).examples]
        field = st.selectbox(_("Field of the row"), fields(bodies), key="launch_judge_field")
    return made(way, field) if field else None


def fields(bodies: list[Body]) -> list[str]:
    """The fields of rows that a grader can compare an answer with, in their order."""
    found = dict.fromkeys(name for body in bodies for name in body if name not in NOT_JUDGED_BY)
    return list(found)


def made(way: str, field: str) -> dict[str, Any]:
    """The grader that compares an answer with a field of its row."""
    both = {"name": field[:200], "input": ANSWER, "reference": f"{{{{item.{field}}}}}"}
    if way == "fuzzy_match":
        return {"type": "text_similarity", "evaluation_metric": way, **both}
    return {"type": "string_check", "operation": way, **both}


def _typed() -> dict[str, Any] | None:
    text = st.text_area(
        _("Grader"), height=160, key="launch_judge_own",
        placeholder='{"type": "python", "name": "mine", "source": "def grade(sample, item): return 1.0"}',
    )  # fmt: skip
    try:
        grader = orjson.loads(text) if text.strip() else None
    except orjson.JSONDecodeError as error:
        st.caption(_("This is no JSON yet: {problem}.", problem=str(error)))
        return None
    return grader if isinstance(grader, dict) else None
