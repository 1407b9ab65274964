"""Counting the tokens of blocks in a second thread while the first reads on; at the end both count.

For a large file the second thread only hands blocks to a process of its own, so that neither waits for the other.
"""

from __future__ import annotations

import marshal
import sys
import tempfile
from collections import deque
from collections.abc import Callable, Sequence
from functools import cached_property
from threading import Condition, Lock, Thread
from typing import IO, Any

import numpy as np

from core.checks.helper import WORTH, Gone, Helper
from core.checks.scanning import Numbers, Unit
from core.tokens import encoding_names
from core.tokens.bulk import Bulk

HELD = 16  # blocks that wait in memory, about 2 MB each
_TURN = 0.001  # seconds; five times as long is usual, and longer than much of what is done here
_turns, _usual, _counting = Lock(), list[float](), 0

Told = Callable[[int], None]


def _take_turns(more: int) -> None:
    """Let threads wait for each other no longer than they need, while any counts."""
    global _counting
    with _turns:
        if not _counting:
            _usual.append(sys.getswitchinterval())
        _counting += more
        sys.setswitchinterval(_TURN if _counting else _usual.pop())


class Counting:
    """Counts blocks in one encoding; with `ahead` the reader is never held up, and what must wait is on disk.

    `size` is how many bytes there are to be read: for many there is a second process.
    """

    def __init__(self, encoding: str, *, ahead: bool, size: int = 0) -> None:
        self.encoding, self.ahead = encoding, ahead
        self._aided = size >= WORTH and encoding in encoding_names()
        self.done = 0  # bytes of the lines that are counted
        self._results: list[tuple[Numbers, Numbers]] = []
        self._waiting: deque[tuple[int, Unit]] = deque()
        self._filed: deque[tuple[int, int]] = deque()  # place and length in the file
        self._changed = Condition()
        self._closed = self._stopped = self._ended = False
        self._failure: BaseException | None = None
        self._thread = Thread(target=self._help, daemon=True)

    def add(self, unit: Unit, tokens: Numbers, answers: Numbers) -> None:
        """Take a block to be counted; its known tokens are given, the others are written beside them."""
        self._results.append((tokens, answers))
        if not self.encoding or not (unit.rows or unit.bodies):
            self.done += unit.size
            return
        if not self._thread.ident:
            # Where most lines are known from an earlier check, a process would take longer to start than to count.
            self._aided &= 2 * (len(unit.rows) + len(unit.bodies)) >= len(tokens)
            _take_turns(1)
            self._thread.start()
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
        if self._thread.ident and not self._ended:
            self._thread.join()
            self._ended = True
            _take_turns(-1)
        if "_disk" in vars(self):
            self._disk.close()

    @cached_property
    def _bulk(self) -> Bulk:
        return Bulk(self.encoding)

    @cached_property
    def _disk(self) -> IO[bytes]:
        return tempfile.TemporaryFile()

    def _help(self) -> None:
        try:
            if self._aided:
                self._hand_over()
            while True:
                self._wait()
                if self._stopped or (not self._count_one() and self._closed):
                    return
        except BaseException as failure:  # told by the thread that asked
            self._failure = failure

    def _wait(self) -> None:
        with self._changed:
            self._changed.wait_for(lambda: self._closed or self._waiting or self._filed)

    def _hand_over(self) -> None:
        """Let another process count until no more is to come; return where it cannot, or for what it cannot take."""
        held: deque[tuple[int, Unit]] = deque()  # what it counts, and what it counts next
        try:
            helper = Helper(self.encoding)
        except Gone:
            return
        try:
            packed = self._packed(held, wait=True)
            while packed:
                helper.ask(packed)
                packed = self._packed(held)  # meanwhile, so that it never waits long
                self._put(*held[0], *helper.answer())
                held.popleft()
                packed = packed or self._packed(held, wait=True)
        except (Gone, ValueError):  # it was killed; or a body is nested too deep to be handed over
            for left in held:
                self._count(*left)
        finally:
            helper.stop()

    def _packed(self, held: deque[tuple[int, Unit]], *, wait: bool = False) -> bytes:
        """The next block as it is handed over, noted among those held; nothing where none waits, or will."""
        found = self._next()
        while wait and found is None and not self._closed:
            self._wait()
            found = self._next()
        if found is None or self._stopped:
            return b""
        held.append(found)
        unit = found[1]
        return marshal.dumps((unit.roles, unit.texts, [body for _row, body in unit.bodies]))

    def _next(self) -> tuple[int, Unit] | None:
        """A block that waits; None where none does."""
        with self._changed:
            if self._waiting:
                return self._waiting.popleft()
            return self._from_file() if self._filed else None

    def _count_one(self) -> bool:
        """Count one block; whether there was one."""
        found = self._next()
        if found:
            self._count(*found)
        return found is not None

    def _count(self, place: int, unit: Unit) -> None:
        counts = self._bulk.chats(unit.roles, unit.texts) if unit.rows else ()
        self._put(place, unit, counts, [self._bulk.one.body(body) for _row, body in unit.bodies])

    def _put(self, place: int, unit: Unit, counts: Sequence[Any], of_bodies: Sequence[tuple[int, int]]) -> None:
        """Write down what was counted of a block."""
        columns = self._results[place]
        for column, counted in zip(columns, counts, strict=bool(counts)):
            column[unit.rows] = np.frombuffer(counted, np.int32) if isinstance(counted, bytes) else counted
        for (row, _body), numbers in zip(unit.bodies, of_bodies, strict=True):
            columns[0][row], columns[1][row] = numbers
        with self._changed:
            self.done += unit.size

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
