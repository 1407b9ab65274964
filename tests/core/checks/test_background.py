"""A second process helps to count a large file: the same numbers, whatever becomes of it."""

from __future__ import annotations

import json
import random
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from core.checks import Report, background, check_file, helper

OPEN_WORDS = ["the", "order", "新建", "文件夹", "is", "late,", "please", "12", "<b>", "“x”", "…"]


def chat(rng: random.Random, n: int) -> bytes:
    said = [" ".join(rng.choices(OPEN_WORDS, k=rng.randint(1, 60))) for _ in range(2)]
    body: dict[str, Any] = {
        "messages": [{"role": "user", "content": said[0]}, {"role": "assistant", "content": said[1]}]
    }
    if n % 7 == 0:
        body["tools"] = [{"type": "function", "function": {"name": f"f{n}", "parameters": {"type": "object"}}}]
    if n % 31 == 0:
        body = {"prompt": said[0], "completion": said[1]}
    return b"{" if n % 97 == 0 else json.dumps(body, ensure_ascii=bool(n % 2)).encode()


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file of several blocks, with rows of all kinds."""
    rng = random.Random(3)
    path = tmp_path_factory.mktemp("large") / "a.jsonl"
    path.write_bytes(b"\n".join(chat(rng, n) for n in range(30_000)) + b"\n")
    return path


@pytest.fixture(scope="module")
def alone(large: Path) -> Report:
    return check_file(large)


@pytest.fixture
def aided(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(background, "WORTH", 0)


def same(path: Path, expected: Report, **options: Any) -> bool:
    found = check_file(path, **options)
    return found.as_json() == expected.as_json() and found.details == expected.details


@pytest.mark.usefixtures("aided")
@pytest.mark.parametrize(
    "options", [{}, {"structure": lambda _report: None}], ids=["as it is read", "behind the rules"]
)
def test_a_helper_counts_the_same(
    large: Path, alone: Report, options: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = spied(monkeypatch)
    usual = sys.getswitchinterval()
    assert same(large, alone, **options)
    assert asked
    assert sys.getswitchinterval() == usual


def spied(monkeypatch: pytest.MonkeyPatch, then: Callable[[helper.Helper], None] = lambda _: None) -> list[int]:
    """The sizes of the blocks that are handed over; `then` is done to the helper after each."""
    asked: list[int] = []
    ask = helper.Helper.ask

    def noted(self: helper.Helper, packed: bytes) -> None:
        ask(self, packed)
        asked.append(len(packed))
        then(self)

    monkeypatch.setattr(helper.Helper, "ask", noted)
    return asked


@pytest.mark.usefixtures("aided")
def test_a_helper_that_is_killed_costs_nothing_but_time(
    large: Path, alone: Report, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = spied(monkeypatch, lambda one: one._process.kill())
    assert same(large, alone, structure=lambda _report: None)
    assert len(asked) == 1


@pytest.mark.usefixtures("aided")
def test_where_no_process_can_be_started_none_is_needed(
    large: Path, alone: Report, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    assert same(large, alone)


@pytest.mark.usefixtures("aided")
def test_what_is_nested_too_deep_to_be_handed_over_is_counted_here(tmp_path: Path) -> None:
    deep = b'{"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}], "tools": %s1%s}'
    path = tmp_path / "deep.jsonl"
    path.write_bytes(b"\n".join([deep % (b"[" * n, b"]" * n) for n in (1, 200, 1_000)] * 5))
    found = check_file(path)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(background, "WORTH", 1 << 40)
        assert same(path, found)


@pytest.mark.usefixtures("aided")
def test_a_check_that_is_given_up_leaves_no_process(large: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    begun: list[helper.Helper] = []
    monkeypatch.setattr(background, "Helper", lambda encoding: begun.append(helper.Helper(encoding)) or begun[0])

    def enough(done: int, _size: int) -> None:
        if done > 500_000:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        check_file(large, progress=enough)
    assert begun[0]._process.returncode is not None


@pytest.mark.usefixtures("aided")
def test_lines_that_are_known_need_no_helper(large: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    edited = tmp_path / "edited.jsonl"
    lines = large.read_bytes().splitlines(keepends=True)
    edited.write_bytes(b"".join(lines[:-10] + [line.replace(b"order", b"ordered") for line in lines[-10:]]))
    expected = check_file(edited)
    check_file(large, cache=tmp_path / "cache")
    asked = spied(monkeypatch)
    assert same(edited, expected, cache=tmp_path / "cache")
    assert not asked


def test_a_small_file_needs_no_helper(large: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = spied(monkeypatch)
    check_file(large)
    assert not asked
