"""Which characters and pairs of characters occur in a block of rows: what a search need not look through.

Each block of rows (256 at import) keeps a set of 65,536 bits, one for each hash of a character and of two that stand
together, capital and small ASCII letters alike. A word can only be in a block that has all its bits, so a search for
a word that is nowhere reads almost no row, a Chinese word of two characters included. Edits only ever add bits; a
block without a set is simply looked through.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from sqlalchemy import BigInteger, Column, Connection, ForeignKey, Integer, LargeBinary, Table

from core.store.database import metadata, run, run_many
from core.store.tally import NARROW

if TYPE_CHECKING:
    import numpy as np

BITS = 1 << 16
_BITS = "SELECT bits FROM block_words WHERE dataset_id = ? AND block = ?"
_CHANGE = "UPDATE block_words SET bits = ? WHERE dataset_id = ? AND block = ?"
_ONE, _FIRST, _SECOND, _WORD = 0xC2B2AE35, 0x9E3779B1, 0x85EBCA6B, 0xFFFFFFFF
_SHORT = 200  # characters that are sooner looked at one by one than given to numpy
_SEARCHED = ("question", "answer", "other", "label")

block_words = Table(
    "block_words",
    metadata,
    Column("dataset_id", Integer, ForeignKey("dataset.id", ondelete="CASCADE"), primary_key=True),
    Column("block", BigInteger, primary_key=True),
    Column("bits", LargeBinary, nullable=False),
)


def _hashes(text: str) -> np.ndarray:
    """The number of the bit of each character and of each pair."""
    import numpy as np

    codes = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), dtype=np.uint32)
    codes = codes + (codes - np.uint32(ord("A")) < 26) * np.uint32(32)  # what is below A becomes a huge number
    pairs = codes[:-1] * np.uint32(_FIRST) + codes[1:] * np.uint32(_SECOND)
    return np.concatenate([codes * np.uint32(_ONE), pairs]) >> np.uint32(16)


def probes(text: str) -> list[tuple[int, int]]:
    """What the set of a block must have for this text to be in it: (byte, bit in it)."""
    numbers = sorted({int(number) for number in _hashes(text)})
    return [(number >> 3, 1 << (number & 7)) for number in numbers]


def sets(rows: Iterable[tuple[int, str]]) -> dict[int, bytes]:
    """The set of bits of each block, from the place and the text of rows."""
    import numpy as np

    made = {}
    for block, text in _blocks(rows).items():
        found = np.zeros(BITS, dtype=bool)
        found[_hashes(text)] = True
        made[block] = np.packbits(found, bitorder="little").tobytes()
    return made


def add_sets(connection: Connection, dataset_id: int, made: Mapping[int, bytes]) -> None:
    """Keep the sets of new rows, joined with those that are there. All rows of a block must be in one of them."""
    known = _known(connection, dataset_id, made)
    new = [(dataset_id, block, bits) for block, bits in made.items() if block not in known]
    run_many(connection, "INSERT INTO block_words (dataset_id, block, bits) VALUES (?, ?, ?)", new)
    for block, bits in known.items():
        both = int.from_bytes(bits, "little") | int.from_bytes(made[block], "little")
        run(connection, _CHANGE, (both.to_bytes(BITS // 8, "little"), dataset_id, block))


def add_words(connection: Connection, dataset_id: int, rows: Iterable[tuple[int, str]]) -> None:
    """Add the texts of some rows, each with its place, to the sets of their blocks where these have one."""
    for block, text in _blocks(rows).items():
        for (known,) in run(connection, _BITS, (dataset_id, block)):
            missing = [number for number in _numbers(text) if not known[number >> 3] >> (number & 7) & 1]
            if missing:
                bits = bytearray(known)
                for number in missing:
                    bits[number >> 3] |= 1 << (number & 7)
                run(connection, _CHANGE, (bytes(bits), dataset_id, block))


def _numbers(text: str) -> set[int]:
    """What `_hashes` gives, for a short text without the start of numpy."""
    if len(text) > _SHORT:
        return set(_hashes(text).tolist())
    codes = [code + 32 if 65 <= code <= 90 else code for code in map(ord, text)]
    numbers = {(code * _ONE & _WORD) >> 16 for code in codes}
    return numbers | {(first * _FIRST + second * _SECOND & _WORD) >> 16 for first, second in pairwise(codes)}


def _blocks(rows: Iterable[tuple[int, str]]) -> dict[int, str]:
    texts: dict[int, list[str]] = {}
    for position, text in rows:
        texts.setdefault(position // NARROW, []).append(text)
    return {block: "\n".join(some) for block, some in texts.items()}


def _known(connection: Connection, dataset_id: int, blocks: Iterable[int]) -> dict[int, bytes]:
    found = {block: run(connection, _BITS, (dataset_id, block)) for block in blocks}
    return {block: bytes(rows[0][0]) for block, rows in found.items() if rows}


def searched_text(row: Mapping[str, str]) -> str:
    """The texts of a row that a search looks into."""
    return "\n".join(row[name] for name in _SEARCHED)


def new_text(before: Mapping[str, Any], after: Mapping[str, Any]) -> str:
    """Those of the searched texts of a row that are not what they were, as far as they are other ones."""
    changed = [name for name in _SEARCHED if name in after and after[name] != before.get(name)]
    return "\n".join([_new_part(before.get(name) or "", after[name]) for name in changed])


def _new_part(before: str, after: str) -> str:
    """A text without the start and the end that stood there before, but for the characters that touch what is new."""
    start = _alike(before, after)
    rest = min(len(before), len(after)) - start
    end = len(after) - _alike(before[::-1][:rest], after[::-1][:rest])
    return after[max(0, start - 1) : end + 1]


def _alike(one: str, other: str) -> int:
    """How many characters two texts begin with alike."""
    low, high = 0, min(len(one), len(other))
    while low < high:
        middle = (low + high + 1) // 2
        if one[low:middle] == other[low:middle]:
            low = middle
        else:
            high = middle - 1
    return low


def texts_of(connection: Connection, ids: Iterable[int]) -> list[tuple[int, str]]:
    """The place and the searched texts of rows."""
    wanted = f"SELECT position, {', '.join(_SEARCHED)} FROM example WHERE id = ?"
    rows = [row for example_id in ids for row in run(connection, wanted, (example_id,))]
    return [(row[0], "\n".join(row[1:])) for row in rows]


def read_words(connection: Connection, dataset_id: int) -> None:
    """Make the sets of a dataset anew from its rows, removed ones included: they may come back."""
    run(connection, "DELETE FROM block_words WHERE dataset_id = ?", (dataset_id,))
    mine = "(dataset_id = ? OR removed_from = ?)"
    last = run(connection, f"SELECT max(position) FROM example WHERE {mine}", (dataset_id, dataset_id))[0][0]
    texts = f"SELECT position, {', '.join(_SEARCHED)} FROM example WHERE {mine} AND position >= ? AND position < ?"
    for block in range(0 if last is None else last // NARROW + 1):
        place = (dataset_id, dataset_id, block * NARROW, (block + 1) * NARROW)
        rows = run(connection, texts, place)
        add_sets(connection, dataset_id, sets((row[0], "\n".join(row[1:])) for row in rows))


def candidates(
    connection: Connection, dataset_id: int, first: int, stop: int, wanted: list[tuple[int, int]]
) -> list[int]:
    """The blocks from `first` to before `stop` that may hold a text with these probes."""
    reading = "SELECT block, bits FROM block_words WHERE dataset_id = ? AND block >= ? AND block < ?"
    known = run(connection, reading, (dataset_id, first, stop))
    without = {block for block, bits in known if not all(bits[byte] & bit for byte, bit in wanted)}
    return [block for block in range(first, stop) if block not in without]
