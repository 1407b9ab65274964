"""Files with bytes overwritten: reading them gives rows or a sentence, never anything else."""

from __future__ import annotations

from pathlib import Path

from core.dataset.readers import Reject, Row, read, sniff
from core.errors import BadInput


def read_damaged(path: Path, place: int, damage: bytes) -> None:
    """Overwrites the bytes at this place, then reads the file."""
    data = bytearray(path.read_bytes())
    data[place : place + len(damage)] = damage
    path.write_bytes(data)
    try:
        assert all(isinstance(row, Row | Reject) for row in read(sniff(path)))
    except BadInput as error:
        assert str(error)
