"""Tool calls read out of what a model writes, piece by piece."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from core.server.engines.base import Piece
from core.server.engines.lora.toolcalls import BARE, TAGGED, Format, format_of, with_calls

CALL = '<tool_call>\n{"name": "track", "arguments": {"n": 7}}\n</tool_call>'


def pieces(text: str, size: int) -> Iterator[Piece]:
    return (Piece(text[at : at + size], -0.5) for at in range(0, len(text), size))


XML = "<tool_call>\n<function=track>\n<parameter=n>\n7\n</parameter>\n</function>\n</tool_call>"
LLAMA = '{"name": "track", "parameters": {"n": 7}}'


@pytest.mark.parametrize("size", [1, 3, 7, 200])
@pytest.mark.parametrize(
    ("form", "text", "opening", "before", "names"),
    [
        (TAGGED, "At nine.", "", "At nine.", []),
        (TAGGED, CALL, "", "", ["track"]),
        (TAGGED, XML, "", "", ["track"]),
        (TAGGED, f"Let me look.\n{CALL}\n{XML}", "", "Let me look.", ["track", "track"]),
        (TAGGED, CALL.removeprefix("<tool_call>\n"), "<tool_call>\n", "", ["track"]),
        (TAGGED, CALL.removesuffix("</tool_call>"), "", "", ["track"]),
        (TAGGED, "<tool_call>not json</tool_call>", "", "<tool_call>not json</tool_call>", []),
        (TAGGED, "1 < 2 and <tool", "", "1 < 2 and <tool", []),
        (BARE, LLAMA, "", "", ["track"]),
        (BARE, LLAMA.removeprefix('{"name": "'), '{"name": "', "", ["track"]),
        (BARE, f"It is {LLAMA}", "", f"It is {LLAMA}", []),
        (BARE, '{"n": 7}', "", '{"n": 7}', []),
    ],
)
def test_calls_are_read_and_text_stays_text(
    size: int, form: Format, text: str, opening: str, before: str, names: list[str]
) -> None:
    found = list(with_calls(pieces(text, size), form, opening))
    assert "".join(piece.text for piece in found if piece.kind == "text").rstrip() == before
    calls = [call for piece in found if piece.kind == "tool_calls" for call in json.loads(piece.text)]
    assert [call["function"]["name"] for call in calls] == names
    assert all(json.loads(call["function"]["arguments"]) == {"n": 7} for call in calls)
    assert len({call["id"] for call in calls}) == len(calls)


@pytest.mark.parametrize(("written", "form"), [(CALL, TAGGED), (XML, TAGGED), (LLAMA, BARE), ("[track(n=7)]", None)])
def test_a_family_is_known_by_how_its_template_writes_a_call(written: str, form: Format | None) -> None:
    assert format_of(written, ("track", {"n": 7})) is form


@pytest.mark.parametrize("form", [TAGGED, BARE])
def test_text_is_not_held_back_while_no_call_can_have_begun(form: Format) -> None:
    def coming() -> Iterator[Piece]:
        yield Piece("At ")
        raise AssertionError("the first piece was not passed on")

    assert next(with_calls(coming(), form)).text == "At "
