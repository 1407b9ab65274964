"""`python -m core check` of a large file: errors first, a meter on a terminal, lines remembered for next time."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def large(tmp_path: Path) -> Path:
    path = tmp_path / "large.jsonl"
    with path.open("w", encoding="utf-8") as file:
        for n in range(12_000):
            said = [
                {"role": "user", "content": f"Say {n}."},
                {"role": "assistant", "content": f"Well, {n} it is. " * 20},
            ]
            said[0]["role"] = "bot" if n == 11_000 else "user"
            file.write(json.dumps({"messages": said}) + "\n")
    return path


def command(*arguments: str | Path) -> list[str]:
    return [sys.executable, "-m", "core", "check", *map(str, arguments)]


def environment(home: Path) -> dict[str, str]:
    return {**os.environ, "LUOPAN_HOME": str(home), "LANGUAGE": "en"}


def test_what_is_printed_is_the_same_from_memory_and_nothing_is_kept_where_told_so(large: Path, tmp_path: Path) -> None:
    home = tmp_path / "home"

    def printed(*more: str) -> str:
        done = subprocess.run(
            command(large, *more), cwd=ROOT, env=environment(home), capture_output=True, text=True, check=False
        )
        assert (done.returncode, done.stderr) == (1, "")
        return done.stdout

    anew = printed("--no-cache", "--limit", "100")
    assert not (home / "cache").exists()
    assert printed("--limit", "100") == anew
    assert len(list((home / "cache" / "lines").iterdir())) == 1
    assert printed("--limit", "100") == anew
    assert printed("--json") == printed("--json", "--no-cache")
    order = ["12,000 examples", "unknown_role (1)", "line 11,001" if "line 11,001" in anew else "line 11001"]
    order += ["over_limit (12,000)", "tokens in an example"]
    places = [anew.index(words) for words in order]
    assert places == sorted(places), "errors first, then what the tokens say"


def test_a_terminal_shows_how_far_it_is_and_is_left_clean(large: Path, tmp_path: Path) -> None:
    master, slave = pty.openpty()
    with subprocess.Popen(
        command(large, "--no-cache"), cwd=ROOT, env=environment(tmp_path), stdout=subprocess.PIPE, stderr=slave
    ) as process:
        assert process.stdout is not None
        assert b"unknown_role" in process.stdout.read()
    os.close(slave)
    shown = os.read(master, 10_000).decode() if process.wait() == 1 else ""
    os.close(master)
    assert " %" in shown
    assert shown.split("\r")[-2].strip() == "" and shown.endswith("\r"), shown[-80:]
