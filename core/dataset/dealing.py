"""Lines dealt out into a file to train on and one that is held out, as the old preparer did."""

from __future__ import annotations

import mmap
from collections.abc import Callable, Iterator, Sequence
from itertools import accumulate
from pathlib import Path
from queue import Queue
from threading import Thread
from typing import IO

from core.dataset.replacing import replacing
from core.dataset.sampling import Drawn, drawn

IN_MEMORY = 64 << 20  # bytes of lines; more of them wait on disk
_AT_ONCE = 1_000  # lines
_AHEAD = 4  # blocks made before the first of them is written


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

    def deal(self, training: Path, held_out: Path, draw: Callable[[int], Drawn] = drawn) -> None:
        """Write both files, all or nothing."""
        with replacing(held_out) as second, replacing(training) as first:
            for target, numbers in zip((first, second), draw(len(self)), strict=True):
                parts = (numbers[start : start + _AT_ONCE] for start in range(0, len(numbers), _AT_ONCE))
                with target.open("wb") as out:
                    written_behind(out, (b"\n".join([*self._at(part), b""]) for part in parts))

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


def written_behind(file: IO[bytes], blocks: Iterator[bytes]) -> None:
    """Write blocks in a second thread while the next ones are made: half of the time goes by in the system."""
    ahead: Queue[bytes] = Queue(_AHEAD)
    failed: list[BaseException] = []

    def write() -> None:
        while block := ahead.get():
            try:
                if not failed:
                    file.write(block)
            except BaseException as error:  # a full disk, which the first thread tells
                failed.append(error)

    writer = Thread(target=write)
    writer.start()
    try:
        for block in blocks:
            if failed:
                break
            ahead.put(block)
    finally:
        ahead.put(b"")
        writer.join()
    if failed:
        raise failed[0]
