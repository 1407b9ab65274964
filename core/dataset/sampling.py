"""The draw with which the old preparer held rows out: the same rows for the same number of them, without numpy."""

from __future__ import annotations

import random
import sys
from array import array
from collections.abc import Sequence
from itertools import chain

MOST_HELD_OUT = 1_000
SEED = 42
_AT_ONCE = 4_096
_WORDS = 624  # of the Mersenne Twister's state

Drawn = tuple[Sequence[int], Sequence[int]]  # the places of the lines to train on, and of those held out


def drawn(rows: int) -> Drawn:
    """The places of the rows to train on, in the order in which the old preparer wrote them: at least four fifths.
    Then those of the others, in their own order.

    It is `numpy.random.RandomState(42).permutation(rows)`, of which pandas takes the first ones.
    """
    wanted = max(rows - MOST_HELD_OUT, int(rows * 0.8))
    places = _permutation(rows)
    return places[:wanted], sorted(places[wanted:])


def _permutation(rows: int) -> list[int]:
    chance = random.Random()
    state = [SEED]
    for place in range(1, _WORDS):
        state.append((1812433253 * (state[-1] ^ (state[-1] >> 30)) + place) & 0xFFFFFFFF)
    chance.setstate((3, (*state, _WORDS), None))
    places = list(range(rows))
    words = chain.from_iterable(iter(lambda: _words(chance), None))
    last = rows - 1
    while last > 0:
        mask = (1 << last.bit_length()) - 1
        below = mask >> 1
        for word in words:
            if (other := word & mask) <= last:
                places[last], places[other] = places[other], places[last]
                last -= 1
                if last == below:
                    break
    return places


def _words(chance: random.Random) -> array[int]:
    """The next words of the generator, many at once: asking for each by itself takes three times as long."""
    words = array("I")
    words.frombytes(chance.getrandbits(32 * _AT_ONCE).to_bytes(4 * _AT_ONCE, sys.byteorder))
    return words if sys.byteorder == "little" else words[::-1]
