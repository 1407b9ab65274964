"""Lines dealt out into a file to train on and one that is held out, as the old preparer did."""

from __future__ import annotations

import mmap
from collections.abc import Iterator, Sequence
from itertools import accumulate
from pathlib import Path
from typing import IO

from core.dataset.export import replacing
from core.dataset.sampling import drawn

IN_MEMORY = 64 << 20  # bytes of lines; more of them wait on disk
_AT_ONCE = 1_000  # lines


class Lines:
    """Lines that wait to be dealt out. Close it to forget them."""

    def __init__(self) -> None:
        self._held: list[bytes] = []
        self._size = 0
        self._places = [0]
        self._file: IO[bytes] | None = None

    def __len__(self) -> int:
        return len(self._held) + len(self._places) - 1

    def add(self, block: bytes) -> None:
        """More lines, each with its break."""
        lines = block.split(b"\n")[:-1]
        self._size += len(block)
        if self._size <= IN_MEMORY:
            self._held += lines
            return
        if not self._file:
            import tempfile

            self._file = tempfile.TemporaryFile()  # noqa: SIM115  (closed by `close`)
        self._file.write(block)
        self._places += list(accumulate((len(line) + 1 for line in lines), initial=self._places[-1]))[1:]

    def deal(self, training: Path, held_out: Path) -> None:
        """Write both files, all or nothing."""
        with replacing(held_out) as second, replacing(training) as first:
            for target, numbers in zip((first, second), drawn(len(self)), strict=True):
                with target.open("wb") as out:
                    for start in range(0, len(numbers), _AT_ONCE):
                        out.write(b"\n".join([*self._at(numbers[start : start + _AT_ONCE]), b""]))

    def close(self) -> None:
        """Forget the lines."""
        self._held.clear()
        if self._file:
            self._file.close()

    def _at(self, numbers: Sequence[int]) -> Iterator[bytes]:
        """The lines at these places, without their breaks."""
        if not self._file:
            return map(self._held.__getitem__, numbers)
        self._file.flush()
        with mmap.mmap(self._file.fileno(), 0, access=mmap.ACCESS_READ) as text:
            return iter([self._line(number, text) for number in numbers])

    def _line(self, number: int, text: mmap.mmap) -> bytes:
        place = number - len(self._held)
        return self._held[number] if place < 0 else text[self._places[place] : self._places[place + 1] - 1]
