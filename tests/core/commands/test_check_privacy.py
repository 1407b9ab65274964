"""`python -m core check --privacy`: what should not be in a file, by half, without changing the rest of the report."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import pytest

from core.commands import check
from core.errors import BadInput

NUMBER = "13812345678"


def call(*arguments: str | Path) -> int:
    parser = argparse.ArgumentParser()
    check.add_parser(parser.add_subparsers())
    options = parser.parse_args(["check", *map(str, arguments)])
    return int(options.run(options))


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "train.jsonl"
    users = [f"我的电话是{NUMBER}", f"订单号{NUMBER}", "a\u200bb@c.cn", *(f"question {i}" for i in range(12))]
    lines = [{"messages": [{"role": "user", "content": u}, {"role": "assistant", "content": "ok"}]} for u in users]
    path.write_text("\n".join(json.dumps(line, ensure_ascii=False) for line in lines), encoding="utf-8")
    return path


def test_json_gets_one_more_object_and_only_with_the_flag(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert call(file, "--json") == 0
    without = json.loads(capsys.readouterr().out)
    assert call(file, "--json", "--privacy") == 0
    out = capsys.readouterr().out
    report = json.loads(out)
    found = report.pop("privacy")
    assert report == without and NUMBER not in out
    assert " ".join(found) == "rows rows_found kinds scripts first"
    assert found["rows"] == 15 and found["rows_found"] == 2
    assert found["kinds"] == {
        "phone": {"rows": 1, "found": 1}, "email": {"rows": 1, "found": 1}, "zero_width": {"rows": 1, "found": 1}
    }  # fmt: skip
    assert found["scripts"] == {"latin": 13, "han": 2}
    assert {"line": 1, "field": "messages[0].content", "kind": "phone", "seen": "138****5678"} in found["first"]
    assert {"line": 3, "field": "messages[0].content", "kind": "zero_width", "seen": "⟨U+200B⟩"} in found["first"]


def test_a_person_reads_where_it_is_but_never_what_it_is(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert call(file, "--privacy") == 0
    out = capsys.readouterr().out
    assert "Phone numbers: 1 in 1 row" in out and "line 1, messages[0].content: 138****5678" in out
    assert NUMBER not in out and "rows by script: Latin letters 13, Chinese 2" in out
    assert call(file) == 0
    assert "Phone numbers" not in capsys.readouterr().out


def test_a_file_with_nothing_in_it_is_said_to_have_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "empty.jsonl"
    path.write_text('{"messages":[{"role":"user","content":"q"},{"role":"assistant","content":"a"}]}\n' * 12)
    call(path, "--privacy")
    assert "nothing found in 12 rows" in capsys.readouterr().out


@pytest.mark.parametrize(("style", "mask"), [("kind", "[电话]"), ("partly", "138****5678"), ("numbered", "[电话 1]")])
def test_a_masked_copy_is_written(
    file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], style: str, mask: str
) -> None:
    file.write_bytes(file.read_bytes() + f"\nno JSON, call {NUMBER}".encode())
    out = tmp_path / "masked.jsonl"
    assert call(file, "--mask", out, "--mask-style", style) == 1  # the last line is an error
    said = capsys.readouterr()
    assert "masked.jsonl: 3 rows masked." in said.err and NUMBER not in said.out.replace("订单号" + NUMBER, "")
    old, new = file.read_text(encoding="utf-8").splitlines(), out.read_text(encoding="utf-8").splitlines()
    assert len(old) == len(new) and old[1] == new[1] and old[3:-1] == new[3:-1]
    assert json.loads(new[0])["messages"][0]["content"] == f"我的电话是{mask}" and NUMBER not in new[-1]


def test_a_file_is_never_masked_onto_itself(file: Path) -> None:
    before = file.read_bytes()
    with pytest.raises(BadInput, match="another one"):
        call(file, "--mask", file)
    assert file.read_bytes() == before and [path.name for path in file.parent.iterdir()] == [file.name]
