"""Which of the learnt answers may be given where a request says what tools there are."""

from __future__ import annotations

import json
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from core.server.engines.base import AskError, SampleParams
from core.server.engines.classic.conversation import Answer
from core.words import T

Mask = NDArray[np.bool_]


def possible(answers: Sequence[Answer], params: SampleParams) -> Mask | None:
    """The answers that fit `tools` and `tool_choice`; None where all do. A call of a tool that is not offered gives way
    to any other answer. Raises AskError where none fits."""
    if not params.tools and params.tool_choice == "auto":
        return None
    offered = {tool["function"]["name"] for tool in params.tools}
    texts = np.array([answer.kind == "text" for answer in answers])
    calls = np.array([answer.kind == "tool_calls" and called(answer) <= offered for answer in answers])
    fits: Mask = {"none": texts, "required": calls, "auto": texts | calls}[params.tool_choice]
    if fits.any():
        return fits
    if params.tool_choice == "auto":
        return None
    raise AskError("tool_choice", T("tool_choice: none of the answers that this model has learnt satisfies it."))


def called(answer: Answer) -> set[str]:
    """The names of the functions that an answer calls."""
    functions = [call.get("function") for call in json.loads(answer.text)]
    return {str(function.get("name")) for function in functions if isinstance(function, dict)}
