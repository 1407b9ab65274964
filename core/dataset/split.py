"""A seeded split into train, validation and test: each class keeps its share, nothing of a group is on two sides.

Which rows are held out hangs on what stands in them and on the seed, not on their order or their ids. Rows that have
their part already (`fixed`) never move: new ones are dealt out so that the shares hold for all of them together.
"""

from __future__ import annotations

import random
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from hashlib import blake2b
from typing import Generic, NamedTuple, TypeVar

from core.dataset.examples import Split
from core.errors import BadInput
from core.words import T

Id = TypeVar("Id", int, str)
Amount = float | int  # a share of all rows (0.1), or a number of rows (1000)
SIDES = (Split.TEST, Split.VALIDATION)  # what is held out, in the order in which it is drawn
_KEPT_IN = (Split.TRAIN, Split.TEST, Split.VALIDATION)  # of a group that is on several sides already: the least harm


class Item(NamedTuple, Generic[Id]):
    """A row to be placed: `key` is its content, `group` what it must stay together with ("": nothing)."""

    id: Id
    label: str = ""
    key: str = ""
    group: str = ""
    split: Split = Split.NONE
    fixed: bool = False


class _Unit(NamedTuple, Generic[Id]):
    """Rows that go to the same side: their draw, who they are, how many of each class, and what holds them together."""

    order: tuple[bytes, Id]
    ids: list[Id]
    labels: Sequence[tuple[str, int]]
    group: str = ""


def assign(pairs: Iterable[tuple[Id, str]], *, validation: Amount, seed: int = 0) -> dict[Id, Split]:
    """Train or validation for each (id, label): `divide` for rows of which no more is known."""
    return divide((Item(id, label, str(id)) for id, label in pairs), validation=validation, seed=seed)


def divide(items: Iterable[Item[Id]], *, validation: Amount, test: Amount = 0, seed: int = 0) -> dict[Id, Split]:
    """The part of each row.

    Each class gets its share by largest remainder, and one of two or more rows keeps at least one in train. The
    numbers are met exactly where no group stands in the way. The same rows and seed give the same split in any order.
    Raises BadInput where more is to be held out than there is.
    """
    rows = list(items)
    for amount in (test, validation):
        _wanted(amount, len(rows))
    result = {row.id: row.split for row in rows if row.fixed}
    state = _State(rows, seed)
    for side, amount in zip(SIDES, (test, validation), strict=True):
        state.fill(side, amount)
    return {**result, **state.placed}


class _State(Generic[Id]):
    """Where rows are while they are dealt out."""

    def __init__(self, rows: Sequence[Item[Id]], seed: int) -> None:
        self.sizes = Counter(row.label for row in rows)
        self.total = len(rows)
        self.is_new = not any(row.fixed for row in rows)
        self.chance = random.Random(f"{seed}")
        self.counts: dict[Split, Counter[str]] = defaultdict(Counter)
        self.placed: dict[Id, Split] = {}
        sides: dict[str, set[Split]] = defaultdict(set)
        for row in rows:
            if row.fixed:
                self.counts[row.split][row.label] += 1
                sides[row.group].add(row.split)
        self.units: list[_Unit[Id]] = []
        for unit in _units(rows, seed):
            if unit.group and unit.group in sides:
                self._put(unit, next(side for side in (*_KEPT_IN, Split.NONE) if side in sides[unit.group]))
            else:
                self.units.append(unit)
                self._put(unit, Split.TRAIN)

    def _put(self, unit: _Unit[Id], side: Split) -> None:
        for row in unit.ids:
            self.placed[row] = side
        counts = self.counts[side]
        for label, rows in unit.labels:
            counts[label] += rows

    def fill(self, side: Split, amount: Amount) -> None:
        """Move units from train to a side, until each class has its share there or nothing fits any more."""
        free: Counter[str] = Counter()
        for unit in self.units:
            for label, rows in unit.labels:
                free[label] += rows
        taught, here = self.counts[Split.TRAIN], self.counts[side]
        spare = {label: min(free[label], taught[label] - 1) for label in self.sizes}
        wanted = _wanted(amount, self.total)
        most = {label: here[label] + max(0, spare[label]) for label in sorted(self.sizes)}
        if sum(most.values()) < wanted:  # a class of one row is held out only where the others cannot give enough
            alone = {label for label, size in self.sizes.items() if size == 1 and free[label]}
            most = {label: room + (label in alone) for label, room in most.items()}
        if sum(most.values()) < wanted and self.is_new:
            raise BadInput(
                T("Holding out {wanted} {wanted:row|rows} would leave a class without any to train on.", wanted=wanted),
                T("Hold out {most} {most:row|rows} at most.", most=sum(most.values())),
            )
        quota = _quota(self.sizes, most, min(wanted, sum(most.values())), self.chance)
        need = {label: max(0, quota[label] - here[label]) for label in quota}
        if isinstance(amount, int):
            _trim(need, max(0, wanted - here.total()), quota)
        self._take(side, need, most)

    def _take(self, side: Split, need: dict[str, int], most: Mapping[str, int]) -> None:
        room = {label: most[label] - self.counts[side][label] for label in most}
        left: list[_Unit[Id]] = []
        for exactly in (True, False):
            waiting, left = (left, []) if left else (self.units, [])
            for unit in waiting:
                if not (_fits(unit.labels, need) if exactly else _nearer(unit.labels, need, room)):
                    left.append(unit)
                    continue
                for label, rows in unit.labels:
                    need[label] -= rows
                    room[label] -= rows
                    self.counts[Split.TRAIN][label] -= rows
                self._put(unit, side)
            if not left or not any(need.values()):
                break
        self.units = left


def _fits(labels: Sequence[tuple[str, int]], need: Mapping[str, int]) -> bool:
    return all(need[label] >= rows for label, rows in labels)


def _nearer(labels: Sequence[tuple[str, int]], need: Mapping[str, int], room: Mapping[str, int]) -> bool:
    """Whether a group that is a little too large comes nearer to what is needed than none."""
    gain = sum(abs(need[label]) - abs(need[label] - rows) for label, rows in labels)
    return gain > 0 and _fits(labels, room)


def _units(rows: Sequence[Item[Id]], seed: int) -> list[_Unit[Id]]:
    """The rows that may be placed, those of a group together, in an order drawn from their content and the seed."""
    groups: dict[str, list[Item[Id]]] = defaultdict(list)
    one = {row.label: ((row.label, 1),) for row in rows}
    made: list[_Unit[Id]] = []
    for row in rows:
        if row.fixed:
            continue
        if row.group:
            groups[row.group].append(row)
        else:
            made.append(_Unit((_drawn(seed, row.key), row.id), [row.id], one[row.label]))
    for group, members in groups.items():
        order = min((_drawn(seed, row.key), row.id) for row in members)
        labels = sorted(Counter(row.label for row in members).items())
        made.append(_Unit(order, [row.id for row in members], labels, group))
    made.sort(key=lambda unit: unit.order)
    return made


def _drawn(seed: int, key: str) -> bytes:
    return blake2b(f"{seed}:{key}".encode("utf-8", "surrogatepass"), digest_size=12).digest()


def _wanted(amount: Amount, total: int) -> int:
    if isinstance(amount, float):
        if not 0 <= amount < 1:
            raise BadInput(T("The share {seen} is not between 0 and 1.", seen=amount), T("Give 0.1 for a tenth."))
        return round(total * amount)
    if amount < 0 or (amount and amount >= total):
        message = T("{seen} {seen:row|rows} cannot be held out of {total}.", seen=amount, total=total)
        raise BadInput(message, T("Leave at least one row to train on."))
    return amount


def _quota(sizes: Mapping[str, int], most: Mapping[str, int], wanted: int, chance: random.Random) -> dict[str, int]:
    """Rows of each class to hold out: its share rounded down, the rest to the largest remainders."""
    total = max(1, sum(sizes.values()))
    quota = {label: min(room, wanted * sizes[label] // total) for label, room in most.items()}
    tie = {label: chance.random() for label in quota}
    by_remainder = sorted(quota, key=lambda label: (-(wanted * sizes[label] % total), tie[label]))
    left = wanted - sum(quota.values())
    while left:
        for label in by_remainder:
            if left and quota[label] < most[label]:
                quota[label] += 1
                left -= 1
    return quota


def _trim(need: dict[str, int], wanted: int, quota: Mapping[str, int]) -> None:
    """Take rows away where the most are needed, until a number of rows is not exceeded."""
    while sum(need.values()) > wanted:
        need[max(need, key=lambda label: (need[label], quota[label], label))] -= 1
