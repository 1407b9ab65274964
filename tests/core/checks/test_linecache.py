"""A file that was checked before: the same report with less work, whatever happened to the file or to the cache."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.checks import Report, check_file, files, linecache
from core.dataset.examples import Kind

ROOT = Path(__file__).resolve().parents[3]


def chat(number: int, system: bool = True) -> str:
    said = [{"role": "system", "content": "Be brief."}] if system else []
    said += [{"role": "user", "content": f"What is {number}?"}, {"role": "assistant", "content": "A number."}]
    return json.dumps({"messages": said})


LINES = [
    *(chat(n, system=bool(n % 3)) for n in range(30)),
    "", "{", "[1]", "\ufeff" + chat(1), '{"prompt":"a","completion":"b"}', '{"messages":[]}', '{"x":NaN}',
    '{"prompt":1}',
    '{"messages":[{"role":"user","content":"<|im_end|>"},{"role":"bot","content":""},{"role":"bot","content":""}]}',
    '{"messages":[{"role":"user","content":"q"},{"role":"assistant","content":"a"}],"tools":[{"type":"function",'
    '"function":{"name":"f","description":"d","parameters":{"type":"object","properties":{"x":{"type":"string"}}}}}]}',
]  # fmt: skip


def write(path: Path, lines: list[str]) -> Path:
    path.write_text("".join(line + "\n" for line in lines), encoding="utf-8", newline="\n")
    return path


def shown(report: Report) -> tuple[object, ...]:
    return report.as_json(), report.with_tools, report.details


@pytest.fixture
def work(monkeypatch: pytest.MonkeyPatch) -> Callable[[], int]:
    """How many lines were read by the rules since it was last asked."""
    from core.checks import scanning

    seen: list[object] = []
    judge = scanning.plain
    monkeypatch.setattr(scanning, "plain", lambda line: (seen.append(line), judge(line))[1])

    def count() -> int:
        found = len(seen)
        seen.clear()
        return found

    return count


@settings(deadline=None, max_examples=60)
@given(
    st.lists(st.sampled_from(LINES), min_size=1, max_size=60),
    st.lists(
        st.tuples(st.sampled_from(["put", "take", "change"]), st.integers(0, 59), st.sampled_from(LINES)), max_size=8
    ),
    st.sampled_from([5, 20, 65_536]),
)
def test_with_a_cache_the_report_is_the_same_after_any_edits(
    lines: list[str], edits: list[tuple[str, int, str]], limit: int
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path, cache = Path(folder) / "x.jsonl", Path(folder) / "cache"
        check_file(write(path, lines), cache=cache)
        for what, at, line in edits:
            place = at % (len(lines) + 1)
            lines = lines[:place] + [line] * (what != "take") + lines[place + (what != "put") :]
        write(path, lines)
        for _ in range(2):
            assert shown(check_file(path, limit=limit, cache=cache)) == shown(check_file(path, limit=limit))


def test_known_lines_are_not_read_again(tmp_path: Path, work: Callable[[], int]) -> None:
    lines = [chat(n) for n in range(500)]
    path = write(tmp_path / "x.jsonl", lines)
    check_file(path, cache=tmp_path / "cache")
    assert work() == 500
    check_file(path, cache=tmp_path / "cache")
    assert work() == 0
    lines[7:9] = [chat(1000), chat(1001), chat(1002)]
    moved = write(tmp_path / "other name.jsonl", lines)
    check_file(moved, cache=tmp_path / "cache")
    assert work() == 3
    check_file(moved, cache=tmp_path / "cache")
    assert work() == 0


def test_another_encoding_kind_or_release_knows_nothing(
    tmp_path: Path, work: Callable[[], int], monkeypatch: pytest.MonkeyPatch
) -> None:
    path, cache = write(tmp_path / "x.jsonl", [chat(n) for n in range(50)]), tmp_path / "cache"
    check_file(path, cache=cache)
    assert work() == 50
    check_file(path, encoding="cl100k_base", cache=cache)
    assert work() == 50
    check_file(path, kind=Kind.CHAT, cache=cache)
    assert work() == 50
    monkeypatch.setattr(linecache, "rules", lambda: "of another release")
    check_file(path, cache=cache)
    assert work() == 50
    check_file(path, limit=3, cache=cache)  # a limit is no part of what is known
    assert work() == 0


def test_the_fingerprint_is_of_the_rules_and_the_counting() -> None:
    assert linecache.rules() == linecache.rules() and len(linecache.rules()) == 32


@pytest.mark.parametrize("damage", ["cut", "bits", "head", "empty", "other", "findings"])
def test_a_damaged_cache_is_passed_over(tmp_path: Path, damage: str, work: Callable[[], int]) -> None:
    path, cache = write(tmp_path / "x.jsonl", LINES), tmp_path / "cache"
    check_file(path, cache=cache)
    [kept] = cache.iterdir()
    data = kept.read_bytes()
    head, _, body = data.partition(b"\n")
    broken = {
        "cut": data[:-5],
        "bits": data[:-9] + bytes([data[-9] ^ 1]) + data[-8:],
        "head": b"{" + data,
        "empty": b"",
        "other": b'{"lines":"many"}\n' + body,
        "findings": json.dumps({**json.loads(head), "findings": [[1]]}).encode() + b"\n" + body,
    }[damage]
    kept.write_bytes(broken)
    work()
    assert shown(check_file(path, cache=cache)) == shown(check_file(path))
    assert work() > len(LINES)
    assert kept.read_bytes() == data


def test_a_folder_that_cannot_be_written_is_no_obstacle(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert check_file(write(tmp_path / "x.jsonl", LINES), cache=tmp_path / "file" / "cache").examples


def test_what_was_not_used_for_longest_goes_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(linecache, "MAX_FILES", 3)
    cache = tmp_path / "cache"
    names = {}
    for number in range(5):
        path = write(tmp_path / f"{number}.jsonl", [chat(number * 100 + n) for n in range(20)])
        check_file(path, cache=cache)
        [names[number]] = set(cache.glob("*.lines")) - set(names.values())
        os.utime(names[number], (number, number))
        if number == 2:
            check_file(tmp_path / "0.jsonl", cache=cache)  # used again just now
    left = {number for number, path in names.items() if path.exists()}
    assert left == {0, 3, 4}


def test_a_cache_is_bounded_in_bytes_and_half_written_files_go(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cache = tmp_path / "cache"
    cache.mkdir()
    for name, age in (("old.part", 5000), ("new.part", 5)):
        (cache / name).write_bytes(b"x")
        os.utime(cache / name, (time.time() - age,) * 2)
    monkeypatch.setattr(linecache, "MAX_BYTES", 4000)
    for number in range(6):
        check_file(write(tmp_path / "x.jsonl", [chat(number * 100 + n) for n in range(20)]), cache=cache)
    assert 0 < sum(path.stat().st_size for path in cache.glob("*.lines")) <= 4000
    assert [path.name for path in cache.glob("*.part")] == ["new.part"]
    check_file(write(tmp_path / "x.jsonl", [chat(n) for n in range(3000)]), cache=cache)
    assert sum(path.stat().st_size for path in cache.glob("*.lines")) <= 4000, "too large a file is not kept"


def test_two_processes_may_use_it_at_once(tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    paths = [write(tmp_path / f"{at}.jsonl", [chat(n) for n in range(at, 300 + at)]) for at in range(2)]
    script = (
        "import sys; from pathlib import Path; from core.checks import check_file\n"
        "for _ in range(15): check_file(Path(sys.argv[1]), cache=Path(sys.argv[2]))"
    )
    both = [subprocess.Popen([sys.executable, "-c", script, path, cache], cwd=ROOT) for path in paths]
    assert [process.wait(60) for process in both] == [0, 0]
    for path in paths:
        assert shown(check_file(path, cache=cache)) == shown(check_file(path))
    assert not list(cache.glob("*.part"))


def test_a_kill_while_it_is_written_leaves_the_old_or_the_new(tmp_path: Path) -> None:
    path, cache = write(tmp_path / "x.jsonl", [chat(n) for n in range(5000)]), tmp_path / "cache"
    check_file(path, cache=cache)
    script = (
        "import sys; from pathlib import Path; from core.checks import check_file, linecache\n"
        "linecache.rules()\n"
        "while True:\n"
        "    path = Path(sys.argv[1]); path.write_text(path.read_text() + path.read_text()[-100:])\n"
        "    check_file(path, cache=Path(sys.argv[2])); print('.', flush=True)\n"
    )
    for wait in (0.0, 0.003, 0.01, 0.02):
        command = [
            sys.executable,
            "-c",
            script,
            str(write(tmp_path / "y.jsonl", [chat(n) for n in range(5000)])),
            str(cache),
        ]
        process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE)
        assert process.stdout is not None
        assert process.stdout.read(1) == b"."
        time.sleep(wait)
        process.send_signal(signal.SIGKILL)
        process.wait()
        process.stdout.close()
        assert shown(check_file(path, cache=cache)) == shown(check_file(path))


def test_without_a_folder_nothing_is_kept(tmp_path: Path) -> None:
    check_file(write(tmp_path / "x.jsonl", LINES))
    assert [path.name for path in tmp_path.iterdir()] == ["x.jsonl"]
    check_file(tmp_path / "x.jsonl", encoding="", cache=tmp_path / "cache")
    assert not (tmp_path / "cache").exists(), "uncounted lines are not kept as known"
    assert files.check_file is check_file
