"""Files that are nearly JSON Lines: good lines byte for byte, broken ones repaired or left."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.dataset.readers import Format, Reject, read, sniff
from core.dataset.repairing import offered, parts_of, write

GOOD = ['{"messages":  [], "n": 1.50}', '{"é": "\\u00e9"}']


def repaired(path: Path) -> list[str]:
    target = path.with_suffix(".out")
    write(parts_of(path), target)
    return target.read_text("utf-8").splitlines()


def test_good_lines_stay_byte_for_byte_and_a_text_over_two_lines_is_one_again(tmp_path: Path) -> None:
    path = tmp_path / "x.jsonl"
    path.write_text("\n".join([GOOD[0], '{"a": "one', "", 'two", "n": 1.0}', "nonsense", GOOD[1], "{'a': 1}"]), "utf-8")
    assert repaired(path) == [GOOD[0], '{"a": "one\\n\\ntwo", "n": 1.0}', GOOD[1], '{"a": 1}']
    assert [part.row for part in parts_of(path) if not part.good] == [2, 5, 7]


@pytest.mark.parametrize(
    ("text", "form"),
    [
        ("{'messages': [{'role': 'user', 'content': 'a'}]}\n" * 3, Format.JSONL),
        ("{prompt: 'a', completion: 'b'}\n" * 3, Format.JSONL),
        ("{“prompt”: “a”}\n{“prompt”: “b”}\n", Format.JSONL),
        ("[\n  {'a': 1},\n  {'a': 2},\n]", Format.JSON),
        ('[{"a": 1 "b": 2}]', Format.JSON),
    ],
)
def test_what_is_meant_to_be_json_is_read_as_it_and_can_be_repaired(tmp_path: Path, text: str, form: Format) -> None:
    path = tmp_path / "x.txt"
    path.write_text(text, "utf-8")
    source = sniff(path)
    assert source.format is form and not source.sample
    assert all(isinstance(row, Reject) for row in read(source))
    found = offered(path, source, 10)
    assert found and all(json.loads(line) for part in found for line in (part.proposal.lines if part.proposal else ()))


@pytest.mark.parametrize("text", ["{name}, hello\nyou, there\n", "a: b\nc: d\n", "text,label\n{x: 1},a\n", "{}\n{}\n"])
def test_tables_stay_tables(tmp_path: Path, text: str) -> None:
    path = tmp_path / "x.csv"
    path.write_text(text)
    assert sniff(path).format is (Format.JSONL if text.startswith("{}") else Format.CSV)


@given(
    st.lists(st.dictionaries(st.text(st.characters(codec="utf-8")), st.text(st.characters(codec="utf-8")), min_size=1))
)
def test_a_file_of_valid_lines_comes_out_as_it_went_in(bodies: list[dict[str, str]]) -> None:
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "x.jsonl"
        lines = [json.dumps(body, ensure_ascii=False) for body in bodies]
        path.write_text("".join(f"{line}\n" for line in lines), "utf-8", newline="\n")
        target = path.with_suffix(".out")
        write(parts_of(path), target)
        assert target.read_bytes() == path.read_bytes()
