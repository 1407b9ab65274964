"""Nearly JSON: what is proposed, and what is never touched."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from core.dataset.repair import LONGEST, difference, is_object, lost, propose

SAID = {"messages": [{"role": "user", "content": "it's 你好"}, {"role": "assistant", "content": None}], "ok": True}


def values(text: str) -> list[Any] | None:
    found = propose(text)
    return [json.loads(line) for line in found.lines] if found else None


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        (str(SAID), [SAID]),
        ("{'a': 'b', 'n': None, 't': True, 'f': False,}", [{"a": "b", "n": None, "t": True, "f": False}]),
        ('{"a": 1,}', [{"a": 1}]),
        ('{"a": [1, 2,],}', [{"a": [1, 2]}]),
        ('{"a": 1},', [{"a": 1}]),
        ('{"a": "one\ntwo\tthree"}', [{"a": "one\ntwo\tthree"}]),
        ('{"a": "he said "hi" to me"}', [{"a": 'he said "hi" to me'}]),
        ('{"a": [1, {"b": "c', [{"a": [1, {"b": "c"}]}]),
        ('{"a": {"b": 1}', [{"a": {"b": 1}}]),
        ("{“a”: “b”}", [{"a": "b"}]),
        ('{"a": 1} {"a": 2}{"b": 3}', [{"a": 1}, {"a": 2}, {"b": 3}]),
        ('{"a": 1}, {"a": 1}', [{"a": 1}, {"a": 1}]),
        ("{a: b}", [{"a": "b"}]),
        ('[{"a": 1}, {"a": 2}', [{"a": 1}, {"a": 2}]),
    ],
)
def test_what_was_probably_meant_is_proposed(text: str, wanted: list[Any]) -> None:
    assert values(text) == wanted
    assert propose(text).lost == ""  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("text", "gone"),
    [('{"a": 1 // note\n}', "note"), ('{"a": 1.10, "b": "x"', "0"), ('{"a": 1, "a": 2,}', "1")],
)
def test_what_a_proposal_drops_is_said(text: str, gone: str) -> None:
    found = propose(text)
    assert found and set(gone) <= set(found.lost)


@pytest.mark.parametrize("text", ["", "  ", "hello", "12", '"a"', "null", "[1, 2]", "[", "{", "{}", "a,b,c", "\udcff{"])
def test_nothing_is_made_up(text: str) -> None:
    assert propose(text) is None


def test_numbers_and_texts_beside_a_fault_stay_as_they_were_written() -> None:
    assert propose('{"n": 1.10, "a": "x\ny", "big": 12345678901234567890123}').lines == (  # type: ignore[union-attr]
        '{"n": 1.10, "a": "x\\ny", "big": 12345678901234567890123}',
    )
    assert propose('{"n":1.10, "é": "\\u00e9"} {"a":  2}').lines == (  # type: ignore[union-attr]
        '{"n":1.10, "é": "\\u00e9"}',
        '{"a":  2}',
    )


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)
objects = st.dictionaries(st.text(), json_values, min_size=1, max_size=4)


@given(objects, st.booleans(), st.sampled_from([None, 1]))
def test_valid_json_is_never_changed(value: dict[str, Any], ascii: bool, indent: int | None) -> None:
    try:
        text = json.dumps(value, ensure_ascii=ascii, indent=indent)
        text.encode()
    except UnicodeEncodeError:
        return
    if is_object(text):  # not a number too large for it, say
        assert propose(text) is None


@given(objects)
def test_what_python_prints_comes_back_whole(value: dict[str, Any]) -> None:
    found = propose(str(value))
    if found and not found.lost:
        assert len(found.lines) == 1


@given(st.text(alphabet="{}[]\"'“”:,\\/#*\n ab01.-eNTuntrefalsoé你", max_size=120) | st.text(max_size=60))
@example('{"a": 1}{"a": 2')
@example("{'a': '\\ud800'}")
def test_what_is_proposed_is_json(text: str) -> None:
    found = propose(text)
    if found:
        assert found.lines
        for line in found.lines:
            assert is_object(line) and "\n" not in line
        assert difference(text, "\n".join(found.lines))


@given(objects, st.data())
def test_a_cut_object_keeps_what_was_there(value: dict[str, Any], data: st.DataObject) -> None:
    text = json.dumps(value, ensure_ascii=True)
    cut = data.draw(st.integers(1, len(text)))
    found = propose(text[:cut])
    if found:
        assert all(is_object(line) for line in found.lines)


HOSTILE = [
    "{'",
    '"a"b',
    '"}',
    "{",
    '{"a":',
    '"',
    "'",
    "//",
    "/*",
    ",",
    '",',
    "a ",
    "\\",
    '{"a":1} ',
    "(",
    "-",
    "“",
    "'}",
]


@pytest.mark.parametrize("piece", HOSTILE)
@pytest.mark.parametrize("start", ["", '{"a": "', "["])
def test_hostile_text_takes_no_long_time(start: str, piece: str) -> None:
    text = start + piece * ((LONGEST - 10) // len(piece))
    begun = time.process_time()
    propose(text)
    assert time.process_time() - begun < 4
    assert propose(text + "x" * 20) is None


def test_the_difference_shows_the_change_and_cuts_the_rest() -> None:
    before, after = '{"a": "' + "x" * 400 + '",}', '{"a": "' + "x" * 400 + '"}'
    pieces = difference(before, after)
    assert [(piece.before, piece.after) for piece in pieces if piece.before != piece.after] == [(",", "")]
    assert sum(len(piece.before) for piece in pieces) < 120
    assert lost("{'a': None}", '{"a":null}') == ""
