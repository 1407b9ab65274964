"""The work of checking lines: in this process, or the second half of a large file in one beside it."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import numpy as np

from core.beside import Beside, Lost, possible
from core.checks.background import Counting, Told
from core.checks.reading import BLOCK, Line, read_blocks
from core.checks.scanning import Numbers, Scan
from core.tokens import encoding, encoding_names

if TYPE_CHECKING:
    from core.checks.linecache import Known

__all__ = ["Halved", "Lost", "Whole", "middle"]

WORTH = 8 << 20  # bytes of a file from which on a second process saves more than it costs


def middle(file: BinaryIO, size: int, encoding_name: str) -> int | None:
    """Where the second half of a file begins, behind a line break; None where it is better left whole."""
    if size < WORTH or encoding_name not in encoding_names() or not possible():
        return None
    file.seek(size // 2)
    line = file.readline(BLOCK)
    place = file.tell()
    file.seek(0)
    return place if line.endswith(b"\n") and place < size else None


class Whole:
    """Lines judged by the rules, their tokens counted by a second thread. Stop it in any case."""

    def __init__(self, scan: Scan, encoding_name: str, *, ahead: bool, late: bool = False) -> None:
        self.scan = scan
        self._counting = Counting(encoding_name, ahead=ahead, late=late)

    def read(self, blocks: Iterable[list[Line]], told: Told) -> None:
        """Judge all lines; `told` hears the bytes done."""
        for block in blocks:
            self._counting.add(*self.scan.block(block))
            told(self._counting.done)

    def finish(self, told: Told) -> tuple[Numbers, Numbers]:
        """Tokens and answer tokens of every line, waited for."""
        return self._counting.finish(told)

    def stop(self) -> None:
        """End the second thread."""
        self._counting.stop()


class Halved(Whole):
    """The same of a file's first half, while another process does it to the second. Raises Lost where that ends."""

    def __init__(self, path: Path, place: int, scan: Scan, encoding_name: str, *, ahead: bool) -> None:
        encoding(encoding_name)  # built once, for both
        super().__init__(scan, encoding_name, ahead=ahead, late=True)
        self._path, self._place, self._name, self._ahead = path, place, encoding_name, ahead
        self._beside = Beside(self._behind)

    def read(self, blocks: Iterable[list[Line]], told: Told) -> None:
        """Judge the lines of the first half, then add what was found of the second."""
        super().read(blocks, lambda done: told(done + self._beside.done))
        found, known = self._beside.hear()
        self.scan.add(found)
        if self.scan.known:
            self.scan.known.add(known)

    def finish(self, told: Told) -> tuple[Numbers, Numbers]:
        """Tokens and answer tokens of every line, waited for."""
        tokens, answers = super().finish(lambda done: told(done + self._beside.done))
        behind: tuple[Numbers, Numbers] = self._beside.hear()
        return np.concatenate((tokens, behind[0])), np.concatenate((answers, behind[1]))

    def stop(self) -> None:
        """End the second thread and the other process."""
        super().stop()
        self._beside.stop()

    def _behind(self, beside: Beside) -> None:
        """What the other process does."""
        known: Known | None = self.scan.known.empty() if self.scan.known else None
        with self._path.open("rb") as file:
            scan = Scan(self.scan.kind, known, before=_lines_before(file, self._place))
            half = Whole(scan, self._name, ahead=self._ahead, late=True)
            half.read(read_blocks(file), beside.reach)
        beside.say((scan.packed(), known))
        beside.say(half.finish(beside.reach))


def _lines_before(file: BinaryIO, place: int) -> int:
    """How many lines end before a place; the file stands there then."""
    lines = 0
    while block := file.read(min(BLOCK, place - file.tell())):
        lines += block.count(b"\n")
    return lines
