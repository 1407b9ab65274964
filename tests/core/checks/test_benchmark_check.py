"""The benchmark of checking: its file is the same each time, and both sides find the same in it."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

from benchmarks import chats, check


def test_the_file_is_the_same_each_time_and_as_described(tmp_path: Path) -> None:
    paths = [tmp_path / "a.jsonl", tmp_path / "b.jsonl"]
    for path in paths:
        chats.write(path, 11_000)
    data = paths[0].read_bytes()
    assert data == paths[1].read_bytes()
    lines = data.splitlines()
    assert len(lines) == 11_000 and 550 < len(data) / len(lines) < 680
    assert 0.015 < 1 - len(set(lines)) / len(lines) < 0.03
    kinds = Counter(json.loads(line)["messages"][0]["content"][:5] for line in lines)
    assert 0.65 < kinds["对给定文本"] / len(lines) < 0.71 and 0.18 < kinds["Name "] / len(lines) < 0.22


def test_both_sides_find_the_same(tmp_path: Path) -> None:
    path, cache = tmp_path / "a.jsonl", tmp_path / "cache"
    chats.write(path, 700)
    theirs = check.cookbook(path)
    assert theirs["roles"] and theirs["missing_system"]
    for _ in range(2):
        assert theirs.items() <= check.ours(path, cache).items()
    assert check.limit(path)["tokens"] < theirs["tokens"]
    check.change(path, tmp_path / "b.jsonl")
    changed = zip(path.open("rb"), (tmp_path / "b.jsonl").open("rb"), strict=True)
    assert sum(before != after for before, after in changed) == check.CHANGED
    assert check.cookbook(tmp_path / "b.jsonl").items() <= check.ours(tmp_path / "b.jsonl", cache).items()
