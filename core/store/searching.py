"""A search that goes through a dataset block by block and can be continued: first hits at once, the count later."""

from __future__ import annotations

from array import array
from dataclasses import dataclass, field
from threading import Lock

from sqlalchemy import ColumnElement, Connection, select

from core.store import words
from core.store.database import run
from core.store.schema import example
from core.store.tally import NARROW

STEP = 32  # blocks that are looked at in one go: 8,192 rows at import


@dataclass
class Search:
    """The hits of one search in the order of their places (the last first where `descending`), as far as it went."""

    dataset_id: int
    text: str
    where: list[ColumnElement[bool]]
    blocks: int
    descending: bool = False
    hits: array[int] = field(default_factory=lambda: array("q"))
    _passed: int = 0
    _lock: Lock = field(default_factory=Lock)

    @property
    def done(self) -> bool:
        """Whether the whole dataset was gone through."""
        return self._passed >= self.blocks

    def go_on(self, connection: Connection, wanted: int, steps: int = 1) -> None:
        """Look on until there are so many hits, and then `steps` steps more."""
        with self._lock:
            self._go_on(connection, wanted, steps)

    def _go_on(self, connection: Connection, wanted: int, steps: int) -> None:
        probes = words.probes(self.text)
        while not self.done and (len(self.hits) < wanted or steps > 0):
            steps -= len(self.hits) >= wanted
            count = min(STEP, self.blocks - self._passed)
            first = self.blocks - self._passed - count if self.descending else self._passed
            may_hold = words.candidates(connection, self.dataset_id, first, first + count, probes)
            runs = _runs(may_hold)
            for start, stop in reversed(runs) if self.descending else runs:
                self.hits.extend(self._look(connection, start, stop))
            self._passed += count

    def _look(self, connection: Connection, start: int, stop: int) -> list[int]:
        place = example.c.position
        inside = select(example.c.id).where(place >= start * NARROW, place < stop * NARROW, *self.where)
        ordered = inside.order_by(place.desc() if self.descending else place)
        return list(connection.execute(ordered).scalars())


def _runs(blocks: list[int]) -> list[tuple[int, int]]:
    """Neighbouring blocks as (first, after the last)."""
    found: list[tuple[int, int]] = []
    for block in blocks:
        if found and found[-1][1] == block:
            found[-1] = (found[-1][0], block + 1)
        else:
            found.append((block, block + 1))
    return found


def blocks_of(connection: Connection, dataset_id: int) -> int:
    """How many blocks of places a dataset has."""
    last = run(connection, "SELECT max(position) FROM example WHERE dataset_id = ?", (dataset_id,))[0][0]
    return 0 if last is None else int(last) // NARROW + 1
