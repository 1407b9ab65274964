"""Counting the tokens of blocks in a second thread while the first reads on; at the end both count."""

from __future__ import annotations

import marshal
import tempfile
from collections import deque
from collections.abc import Callable
from functools import cached_property
from threading import Condition, Thread
from typing import IO

import numpy as np

from core.checks.scanning import Numbers, Unit
from core.tokens.bulk import Bulk

HELD = 16  # blocks that wait in memory, about 2 MB each

Told = Callable[[int], None]


class Counting:
    """Counts blocks in one encoding; with `ahead` the reader is never held up, and what must wait is on disk.

    A `late` second thread begins when all is read: where another process has the other core, it would only be in the
    reader's way.
    """

    def __init__(self, encoding: str, *, ahead: bool, late: bool = False) -> None:
        self.encoding, self.ahead, self.late = encoding, ahead, late
        self.done = 0  # bytes of the lines that are counted
        self._results: list[tuple[Numbers, Numbers]] = []
        self._waiting: deque[tuple[int, Unit]] = deque()
        self._filed: deque[tuple[int, int]] = deque()  # place and length in the file
        self._changed = Condition()
        self._closed = self._stopped = False
        self._failure: BaseException | None = None
        self._thread = Thread(target=self._help, daemon=True)

    def add(self, unit: Unit, tokens: Numbers, answers: Numbers) -> None:
        """Take a block to be counted; its known tokens are given, the others are written beside them."""
        self._results.append((tokens, answers))
        if not self.encoding or not (unit.rows or unit.bodies):
            self.done += unit.size
            return
        if not self.late:
            self._begin()
        place = len(self._results) - 1
        full = len(self._waiting) >= HELD
        if full and self.ahead and self._file(place, unit):
            return
        if full and not self.ahead:
            self._count_one()
        with self._changed:
            self._waiting.append((place, unit))
            self._changed.notify()

    def finish(self, told: Told) -> tuple[Numbers, Numbers]:
        """Count what is left and return tokens and answer tokens of every line; `told` hears the bytes done."""
        if self._waiting or self._filed:
            self._begin()
        with self._changed:
            self._closed = True
            self._changed.notify()
        while self._failure is None and self._count_one():
            told(self.done)
        self.stop(abruptly=False)
        if self._failure is not None:
            raise self._failure
        tokens, answers = zip(*self._results, strict=True) if self._results else ((), ())
        nothing = np.zeros(0, dtype=np.int32)
        return np.concatenate((nothing, *tokens)), np.concatenate((nothing, *answers))

    def stop(self, *, abruptly: bool = True) -> None:
        """Let the second thread end: at its next block, or when nothing waits any more."""
        with self._changed:
            self._closed = True
            self._stopped = abruptly
            self._changed.notify()
        if self._thread.ident:
            self._thread.join()
        if "_disk" in vars(self):
            self._disk.close()

    @cached_property
    def _bulk(self) -> Bulk:
        return Bulk(self.encoding)

    @cached_property
    def _disk(self) -> IO[bytes]:
        return tempfile.TemporaryFile()

    def _begin(self) -> None:
        if not self._thread.ident:
            self._thread.start()

    def _help(self) -> None:
        try:
            while True:
                with self._changed:
                    self._changed.wait_for(lambda: self._closed or self._waiting or self._filed)
                if self._stopped or (not self._count_one() and self._closed):
                    return
        except BaseException as failure:  # told by the thread that asked
            self._failure = failure

    def _count_one(self) -> bool:
        """Count one block; whether there was one."""
        with self._changed:
            if self._waiting:
                place, unit = self._waiting.popleft()
            elif self._filed:
                place, unit = self._from_file()
            else:
                return False
        tokens, answers = self._results[place]
        if unit.rows:
            tokens[unit.rows], answers[unit.rows] = self._bulk.chats(unit.roles, unit.texts)
        for row, body in unit.bodies:
            tokens[row], answers[row] = self._bulk.one.body(body)
        with self._changed:
            self.done += unit.size
        return True

    def _file(self, place: int, unit: Unit) -> bool:
        """Put a block on disk; False where it cannot be written so."""
        try:
            packed = marshal.dumps((place, unit.size, unit.rows, unit.roles, unit.texts, unit.bodies))
            with self._changed:
                at = self._disk.seek(0, 2)
                self._disk.write(packed)
                self._filed.append((at, len(packed)))
                self._changed.notify()
        except (ValueError, OSError):  # nested too deep, or the disk is full
            return False
        return True

    def _from_file(self) -> tuple[int, Unit]:
        at, length = self._filed.popleft()
        self._disk.seek(at)
        place, *parts = marshal.loads(self._disk.read(length))
        return place, Unit(*parts)
