"""A seeded split into train and validation that keeps each class's share."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import TypeVar

from core.dataset.examples import Split
from core.errors import BadInput
from core.words import T

Id = TypeVar("Id", int, str)


def assign(pairs: Iterable[tuple[Id, str]], *, validation: float | int, seed: int = 0) -> dict[Id, Split]:
    """Train or validation for each (id, label); `validation` is a share (0.1) or a number of rows (1000).

    The number is met exactly; each class gets its share by largest remainder, and one of two or more rows keeps at
    least one in train. The same ids, labels and seed give the same split in any order. Raises BadInput.
    """
    classes: dict[str, list[Id]] = defaultdict(list)
    for identity, label in pairs:
        classes[label].append(identity)
    sizes = {label: len(ids) for label, ids in sorted(classes.items())}
    chance = random.Random(f"{seed}")
    quota = _quota(sizes, _wanted(validation, sum(sizes.values())), chance)
    result: dict[Id, Split] = {}
    for label in sizes:
        ids = sorted(classes[label])
        held_out = set(random.Random(f"{seed}:{label}").sample(ids, quota[label]))
        result |= {i: Split.VALIDATION if i in held_out else Split.TRAIN for i in ids}
    return result


def _wanted(validation: float | int, total: int) -> int:
    if isinstance(validation, float):
        if not 0 <= validation < 1:
            raise BadInput(T("The share {seen} is not between 0 and 1.", seen=validation), T("Give 0.1 for a tenth."))
        return round(total * validation)
    if validation < 0 or (validation and validation >= total):
        message = T("{seen} rows cannot be held out of {total}.", seen=validation, total=total)
        raise BadInput(message, T("Leave at least one row to train on."))
    return validation


def _quota(sizes: Mapping[str, int], wanted: int, chance: random.Random) -> dict[str, int]:
    """Rows of each class to hold out: its share rounded down, the rest to the largest remainders."""
    total = max(1, sum(sizes.values()))
    # A class of one row is held out only when the other classes cannot give enough: nothing would teach it.
    room = {label: size - 1 for label, size in sizes.items()}
    if sum(room.values()) < wanted:
        room = {label: size - 1 if size > 1 else 1 for label, size in sizes.items()}
    if sum(room.values()) < wanted:
        raise BadInput(
            T("Holding out {wanted} rows would leave a class without any to train on.", wanted=wanted),
            T("Hold out {most} rows at most.", most=sum(room.values())),
        )
    quota = {label: min(room[label], wanted * size // total) for label, size in sizes.items()}
    tie = {label: chance.random() for label in sizes}
    by_remainder = sorted(sizes, key=lambda label: (-(wanted * sizes[label] % total), tie[label]))
    left = wanted - sum(quota.values())
    while left:
        for label in by_remainder:
            if left and quota[label] < room[label]:
                quota[label] += 1
                left -= 1
    return quota
