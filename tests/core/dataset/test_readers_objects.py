"""JSON and JSON Lines: recognised by content, read byte-exact, every bad line with its place."""

from __future__ import annotations

import json
from pathlib import Path

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.dataset.examples import Kind
from core.dataset.readers import Format, Reject, Row, Source, read, sniff
from core.dataset.readers import objects as objects_reader
from core.errors import BadInput

CHAT = '{"messages": [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello"}]}'


def source_of(tmp_path: Path, content: str | bytes, name: str = "data.json") -> Source:
    path = tmp_path / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return sniff(path)


def split_outcomes(source: Source) -> tuple[list[Row], list[Reject]]:
    outcomes = list(read(source))
    return [r for r in outcomes if isinstance(r, Row)], [r for r in outcomes if isinstance(r, Reject)]


@pytest.mark.parametrize(
    ("content", "form", "rows"),
    [
        ('{"a": "1"}\n{"a": "2"}\n', Format.JSONL, 2),
        ('{"a": "1"}', Format.JSONL, 1),
        ('\ufeff{"a": "1"}\r\n\r\n{"a": "2"}', Format.JSONL, 2),
        ('[{"a": "1"}, {"a": "2"}]', Format.JSON, 2),
        ('[\n  {\n    "a": "1"\n  },\n  {"a": "2"}\n]\n', Format.JSON, 2),
        ('{"version": 1, "data": [{"a": "1"}, {"a": "2"}], "tags": ["x"]}', Format.JSON, 2),
        ('{\n "data": [\n{"a": "1"},\n{"a": "2"}\n]}', Format.JSON, 2),
        (CHAT, Format.JSONL, 1),
        (f"{CHAT}\n{CHAT}\n", Format.JSONL, 2),
        ('oops\n{"a": "1"}\n{"a": "2"}\n', Format.JSONL, 2),
    ],
)
def test_the_form_is_seen_by_the_content(tmp_path: Path, content: str, form: Format, rows: int) -> None:
    source = source_of(tmp_path, content)
    good, _bad = split_outcomes(source)
    assert (source.format, len(good)) == (form, rows)


def test_a_table_that_begins_with_a_bracket_is_a_table(tmp_path: Path) -> None:
    source = source_of(tmp_path, "text,label\n[note] hello,a\n{x} there,b\n", "t.csv")
    assert source.format is Format.CSV


@pytest.mark.parametrize(
    ("line", "kind"),
    [
        (CHAT, Kind.CHAT),
        ('{"prompt": "a", "completion": "b"}', Kind.COMPLETION),
        ('{"input": {}, "preferred_output": [], "non_preferred_output": []}', Kind.PREFERENCE),
        ('{"text": "a", "label": "b"}', None),
    ],
)
def test_training_formats_are_recognised(tmp_path: Path, line: str, kind: Kind | None) -> None:
    assert source_of(tmp_path, f"{line}\n" * 3).training is kind


def test_the_text_of_a_line_is_kept_exactly(tmp_path: Path) -> None:
    lines = [
        '{ "prompt":"\\u00e9\\/",  "completion": "x\u2028y", "n": 1.10, "k":1e4}',
        '{"prompt":"b","completion":"c"} ',
    ]
    source = source_of(tmp_path, "\ufeff" + lines[0] + "\r\n\n" + lines[1] + "\n", "x.jsonl")
    good, _bad = split_outcomes(source)
    assert [(row.number, row.raw) for row in good] == [(1, lines[0]), (3, lines[1])]


def test_values_that_are_no_text_become_text(tmp_path: Path) -> None:
    content = (
        '{"a": 1, "b": 1.10, "c": true, "d": null, "e": ["x", {"y": 1}], "f": 12345678901234567890123.5}\n{"g": "z"}\n'
    )
    good, _bad = split_outcomes(source_of(tmp_path, content))
    assert good[0].cells == {
        "a": "1", "b": "1.10", "c": "true", "d": "", "e": '["x",{"y":1}]', "f": "12345678901234567890123.5", "g": "",
    }  # fmt: skip
    assert good[1].cells["a"] == ""


def test_names_of_fields_are_cleaned(tmp_path: Path) -> None:
    source = source_of(tmp_path, '{"\ufeffText ": "a", "Text": "b"}\n' * 2)
    assert source.columns == ("Text", "Text 2")
    assert split_outcomes(source)[0][0].cells == {"Text": "a", "Text 2": "b"}


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ('{"a": "unclosed}', "No valid JSON at character"),
        ('{"a": 1,}', "No valid JSON at character 8"),
        ("[1, 2]", "a list, not an object"),
        ('"text"', "a text, not an object"),
        ("null", "an empty value"),
        ("42", "a bare value"),
        ('{"a": NaN}', "NaN and Infinity"),
        ('{"a": "\\ud800"}', "lone surrogate"),
        ('{"a": ' + "[" * 64 + "]" * 64 + "}", "deeper than 64"),
        ('{"a": ' + "[" * 5000 + "]" * 5000 + "}", "deeper than 64"),
        ("plain words", "No valid JSON"),
    ],
)
def test_a_bad_line_is_named_and_the_others_go_on(tmp_path: Path, line: str, words: str) -> None:
    source = source_of(tmp_path, '{"a": "1"}\n' + line + '\n{"a": "2"}\n', "x.jsonl")
    good, bad = split_outcomes(source)
    assert [row.cells["a"] for row in good] == ["1", "2"]
    assert [reject.row for reject in bad] == [2]
    assert words in str(bad[0].reason)
    assert bad[0].seen


def test_sixty_four_levels_are_fine(tmp_path: Path) -> None:
    source = source_of(tmp_path, '{"a": ' + "[" * 63 + "]" * 63 + "}\n" + '{"a": 1}\n')
    assert split_outcomes(source)[1] == []


def test_bytes_outside_the_encoding_reject_their_line(tmp_path: Path) -> None:
    source = source_of(tmp_path, '{"a": "好"}\n'.encode() + b'{"a": "\xff"}\n' + '{"a": "的"}\n'.encode())
    good, bad = split_outcomes(source)
    assert ([row.cells["a"] for row in good], [r.row for r in bad]) == (["好", "的"], [2])


def test_a_line_without_end_is_rejected(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(objects_reader, "MAX_LINE", 100)
    source = source_of(tmp_path, '{"a": "1"}\n{"a": "' + "x" * 999 + '"}\n{"a": "2"}\n')
    good, bad = split_outcomes(source)
    assert ([row.cells["a"] for row in good], [r.row for r in bad]) == (["1", "2"], [2])


def test_a_broken_list_gives_its_rows_up_to_the_fault(tmp_path: Path) -> None:
    source = source_of(tmp_path, '[{"a": "1"},\n {"a": "2"},\n {"a": oops},\n {"a": "3"}]')
    good, bad = split_outcomes(source)
    assert [row.cells["a"] for row in good] == ["1", "2"]
    assert "line 3, character 8" in str(bad[0].reason)


@pytest.mark.parametrize(
    ("text", "rows"),
    [
        ('{\n "a": "1"\n}\n{\n "a": "2"\n}\n', ["1", "2"]),
        ('{\n "a": "1"\n},\n{\n "a": "2"\n},\n', ["1", "2"]),
        ('[\n {"a": "1"},\n {"a": "2"}\n]\n[\n {"a": "3"}\n]\n', ["1", "2", "3"]),
        ('[\n{"a": "1"}\n]\n[\n]\n', ["1"]),
    ],
)
def test_objects_and_lists_one_behind_the_other_are_all_read(tmp_path: Path, text: str, rows: list[str]) -> None:
    good, bad = split_outcomes(source_of(tmp_path, text))
    assert ([row.cells["a"] for row in good], bad) == (rows, [])


def test_what_stands_behind_a_list_is_told(tmp_path: Path) -> None:
    good, bad = split_outcomes(source_of(tmp_path, '[\n{"a": "1"}\n]\nand so on'))
    assert ([row.cells["a"] for row in good], "line 3" in str(bad[0].reason)) == (["1"], True)


@pytest.mark.parametrize("times", [1, 3])
def test_examples_that_are_written_over_several_lines_are_examples(tmp_path: Path, times: int) -> None:
    source = source_of(tmp_path, (json.dumps(json.loads(CHAT), indent=2) + "\n") * times, "data.jsonl")
    assert source.training is Kind.CHAT
    good, bad = split_outcomes(source)
    assert [json.loads(row.raw) for row in good] == [json.loads(CHAT)] * times
    assert not bad


def test_items_of_a_list_that_are_no_objects_are_named(tmp_path: Path) -> None:
    good, bad = split_outcomes(source_of(tmp_path, '[{"a": "1"}, 5, {"a": "2"}]'))
    assert (len(good), [(r.row, r.seen) for r in bad]) == (2, [(2, "5")])


def test_two_lists_in_one_object_are_not_guessed_between(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="several lists of objects: train, test"):
        source_of(tmp_path, '{"train": [{"a": 1}],\n "test": [{"a": 2}]}')


def test_an_empty_list_holds_no_rows(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="no rows"):
        source_of(tmp_path, "[]")


value = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"]), max_size=10),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=5,
)  # fmt: skip
body = st.dictionaries(st.text(st.characters(exclude_categories=["Cs"]), max_size=5), value, min_size=1, max_size=4)


@settings(deadline=None)
@given(st.lists(body, min_size=1, max_size=8), st.booleans())
def test_lines_come_out_as_they_went_in(
    tmp_path_factory: pytest.TempPathFactory, bodies: list[dict], ascii: bool
) -> None:  # type: ignore[type-arg]
    lines = [json.dumps({"messages": [], **b}, ensure_ascii=ascii) for b in bodies]
    path = tmp_path_factory.mktemp("jsonl") / "x.jsonl"
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8", newline="")
    good, bad = split_outcomes(sniff(path))
    assert [row.raw for row in good] == lines
    assert not bad


@settings(deadline=None, max_examples=300)
@given(st.binary(max_size=200), st.sampled_from([b"", b"{", b"[{", b'{"a":1}\n', b'[{"a":"b"},']))
def test_random_bytes_give_rows_or_a_sentence(
    tmp_path_factory: pytest.TempPathFactory, data: bytes, start: bytes
) -> None:
    path = tmp_path_factory.mktemp("bytes") / "x.json"
    path.write_bytes(start + data)
    try:
        for outcome in read(sniff(path)):
            if isinstance(outcome, Reject):
                (str(outcome.reason) + outcome.seen).encode()
            elif outcome.raw:
                orjson.loads(outcome.raw)
    except BadInput as error:
        assert str(error)


@pytest.mark.data
def test_tnews_is_json_lines_though_it_is_called_json(shared_data) -> None:  # type: ignore[no-untyped-def]
    source = sniff(shared_data("tnews.json"))
    good, bad = split_outcomes(source)
    assert (source.format, source.columns) == (Format.JSONL, ("label", "label_desc", "sentence", "keywords"))
    assert (len(good), bad) == (10_000, [])


@pytest.mark.data
def test_the_drone_file_is_recognised_as_chats(shared_data) -> None:  # type: ignore[no-untyped-def]
    path = shared_data("drone_training.jsonl")
    source = sniff(path)
    good, bad = split_outcomes(source)
    assert (source.training, bad) == (Kind.CHAT, [])
    assert "".join(f"{row.raw}\n" for row in good).encode() == path.read_bytes()
