"""Lines dealt out into two files, written while the next are made."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from core.dataset import dealing
from core.dataset.dealing import Lines, written_behind
from core.dataset.sampling import drawn


@pytest.mark.parametrize("held", [1 << 20, 100, 0], ids=["in memory", "some on disk", "on disk"])
def test_each_line_is_in_one_file_in_the_order_of_the_draw(
    held: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dealing, "IN_MEMORY", held)
    monkeypatch.setattr(dealing, "_AT_ONCE", 7)
    with closing(Lines()) as lines:
        for start in range(0, 60, 10):
            lines.add(b"".join(b"%d\n" % n for n in range(start, start + 10)))
        lines.deal(tmp_path / "a", tmp_path / "b")
    dealt = [list(map(int, (tmp_path / name).read_bytes().split())) for name in "ab"]
    assert dealt == list(drawn(60))


def test_blocks_are_written_in_their_order_however_many_there_are() -> None:
    file, blocks = io.BytesIO(), [b"%d," % n for n in range(500)]
    written_behind(file, iter(blocks))
    assert file.getvalue() == b"".join(blocks)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no disk that is always full")
def test_a_full_disk_is_told_and_no_more_blocks_are_made() -> None:
    made = []

    def blocks() -> Iterator[bytes]:
        for n in range(1_000):
            made.append(n)
            yield b"x" * 10

    with Path("/dev/full").open("wb", buffering=0) as full, pytest.raises(OSError, match="No space"):
        written_behind(full, blocks())
    assert len(made) < 1_000


def test_what_fails_while_blocks_are_made_is_told() -> None:
    def blocks() -> Iterator[bytes]:
        yield b"x"
        raise ValueError("no more")

    with pytest.raises(ValueError, match="no more"):
        written_behind(io.BytesIO(), blocks())
