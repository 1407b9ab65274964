"""Tool calls read out of what a model writes, piece by piece."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from core.server.engines.base import Piece
from core.server.engines.lora.toolcalls import with_calls

CALL = '<tool_call>\n{"name": "track", "arguments": {"n": 7}}\n</tool_call>'


def pieces(text: str, size: int) -> Iterator[Piece]:
    return (Piece(text[at : at + size], -0.5) for at in range(0, len(text), size))


@pytest.mark.parametrize("size", [1, 3, 7, 200])
@pytest.mark.parametrize(
    ("text", "opening", "before", "names"),
    [
        ("At nine.", "", "At nine.", []),
        (CALL, "", "", ["track"]),
        (f"Let me look.\n{CALL}\n{CALL}", "", "Let me look.", ["track", "track"]),
        (CALL.removeprefix("<tool_call>\n"), "<tool_call>\n", "", ["track"]),
        (CALL.removesuffix("</tool_call>"), "", "", ["track"]),
        ("<tool_call>not json</tool_call>", "", "<tool_call>not json</tool_call>", []),
        ("1 < 2 and <tool", "", "1 < 2 and <tool", []),
    ],
)
def test_calls_are_read_and_text_stays_text(size: int, text: str, opening: str, before: str, names: list[str]) -> None:
    found = list(with_calls(pieces(text, size), opening))
    assert "".join(piece.text for piece in found if piece.kind == "text").rstrip() == before
    calls = [call for piece in found if piece.kind == "tool_calls" for call in json.loads(piece.text)]
    assert [call["function"]["name"] for call in calls] == names
    assert all(json.loads(call["function"]["arguments"]) == {"n": 7} for call in calls)
    assert len({call["id"] for call in calls}) == len(calls)


def test_text_is_not_held_back_while_no_call_can_have_begun() -> None:
    def coming() -> Iterator[Piece]:
        yield Piece("At ")
        raise AssertionError("the first piece was not passed on")

    assert next(with_calls(coming())).text == "At "
