"""A large file in two processes: the very report that one process makes, whatever happens to the other."""

from __future__ import annotations

import json
import os
import random
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from core.checks import Report, check_file, halves, scanning
from core.checks.halves import middle

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
ODD = [
    b"{", b"", b"\xff", b'{"prompt":"a","completion":"b"}', b'{"messages":[]}', b"[1]",
    b'{"messages":[{"role":"bot","content":"x"},{"role":"assistant","content":""}]}',
]  # fmt: skip


def shown(report: Report) -> tuple[object, ...]:
    return report.as_json(), report.with_tools, report.details


def lines_of(rows: int, seed: int) -> list[bytes]:
    """Chats, some of them broken, some said before, in the other half as well."""
    rng = random.Random(seed)
    lines: list[bytes] = []
    for n in range(rows):
        said = [{"role": "user", "content": f"{n} 新建 order {rng.random()}"}, {"role": "assistant", "content": "Yes."}]
        chat = json.dumps({"messages": said}, ensure_ascii=False).encode()
        lines.append(rng.choice(ODD) if rng.random() < 0.1 else rng.choice(lines) if lines and n % 17 == 0 else chat)
    return lines


@pytest.fixture
def others(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Small files are worth a second process, too; the numbers of those that began."""
    pids: list[int] = []

    class Noted(halves.Beside):
        def __init__(self, work: Callable[[halves.Beside], None]) -> None:
            super().__init__(work)
            pids.append(self.pid)

    monkeypatch.setattr(halves, "Beside", Noted)
    monkeypatch.setattr(halves, "WORTH", 1)
    monkeypatch.setattr(halves, "possible", lambda: True)
    return pids


def whole(path: Path, **wanted: object) -> Report:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(halves, "possible", lambda: False)
        return check_file(path, **wanted)  # type: ignore[arg-type]


@pytest.mark.parametrize("end", [b"\n", b"\r\n"], ids=["LF", "CRLF"])
@pytest.mark.parametrize("kept", [3, 1_000])
@pytest.mark.parametrize("rows", [1, 2, 3, 40, 3_000])
def test_two_processes_find_what_one_finds(
    tmp_path: Path, others: list[int], monkeypatch: pytest.MonkeyPatch, rows: int, kept: int, end: bytes
) -> None:
    monkeypatch.setattr(scanning, "KEPT", kept)
    path = tmp_path / "x.jsonl"
    for seed in range(3):
        path.write_bytes(end.join(lines_of(rows, seed)) + end * (seed % 2))
        told: list[Report] = []
        report = check_file(path, limit=20, structure=told.append)
        assert shown(report) == shown(whole(path, limit=20)) and len(told) == 1
        assert told[0].errors == report.errors and told[0].examples == report.examples
    assert len(others) == 3 or rows < 3


def test_what_both_halves_know_is_known_the_next_time(tmp_path: Path, others: list[int]) -> None:
    path = tmp_path / "x.jsonl"
    path.write_bytes(b"\n".join(lines_of(500, 1)))
    first = check_file(path, cache=tmp_path / "cache")
    assert len(others) == 1
    again = check_file(path, cache=tmp_path / "cache")
    assert len(others) == 1 and shown(first) == shown(again) == shown(whole(path))


@pytest.mark.parametrize("moment", ["begin", "structure"])
def test_where_the_other_process_is_killed_this_one_does_it_all(
    tmp_path: Path, others: list[int], monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    path = tmp_path / "x.jsonl"
    path.write_bytes(b"\n".join(lines_of(2_000, 2)))
    told: list[Report] = []

    def structure(report: Report) -> None:
        told.append(report)
        if moment == "structure":
            os.kill(others[0], signal.SIGKILL)

    if moment == "begin":
        monkeypatch.setattr(halves, "_lines_before", lambda *_: os.kill(os.getpid(), signal.SIGKILL))
    else:  # it has told what the rules found, and never tells the tokens
        counted = halves.Whole.finish
        main = os.getpid()

        def finish(self: halves.Whole, heard: Callable[[int], None]) -> object:
            return counted(self, heard) if os.getpid() == main else signal.pause()

        monkeypatch.setattr(halves.Whole, "finish", finish)
    report = check_file(path, structure=structure)
    assert len(told) == len(others) == 1 and shown(report) == shown(whole(path))


def test_a_check_that_is_broken_off_leaves_no_process(tmp_path: Path, others: list[int]) -> None:
    path = tmp_path / "x.jsonl"
    path.write_bytes(b"\n".join(lines_of(3_000, 3)))

    class Enough(Exception):
        pass

    def progress(_done: int, _total: int) -> None:
        raise Enough

    with pytest.raises(Enough):
        check_file(path, progress=progress)
    with pytest.raises(ProcessLookupError):
        os.kill(others[0], 0)


def test_progress_counts_both_halves_and_never_goes_back(tmp_path: Path, others: list[int]) -> None:
    path = tmp_path / "x.jsonl"
    path.write_bytes(b"\n".join(lines_of(3_000, 4)))
    heard: list[tuple[int, int]] = []
    check_file(path, progress=lambda done, total: heard.append((done, total)))
    size = path.stat().st_size
    assert heard == sorted(heard) and heard[-1] == (size, size) and others


@pytest.mark.parametrize(
    ("data", "place"),
    [(b"aa\nbb\ncc\n", 6), (b"aaaaaaa\nb", 8), (b"a\nbbbbbbbbb", None), (b"aaaaaaaaa", None), (b"aaaaaaaa\n", None)],
)
def test_a_file_is_cut_behind_a_line_break(tmp_path: Path, others: list[int], data: bytes, place: int | None) -> None:
    path = tmp_path / "x.jsonl"
    path.write_bytes(data)
    with path.open("rb") as file:
        assert middle(file, len(data), "o200k_base") == place and file.tell() == 0
        assert middle(file, len(data), "") is None


def test_small_files_are_left_whole(tmp_path: Path) -> None:
    path = tmp_path / "x.jsonl"
    path.write_bytes(b"a\n" * 1000)
    with path.open("rb") as file:
        assert middle(file, 2000, "o200k_base") is None
