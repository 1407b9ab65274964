"""Reading files: recognise one with `sniff`, then `read` its rows and the reasons for those that cannot be used."""

from core.dataset.readers.packed import Member
from core.dataset.readers.several import ALL_SHEETS
from core.dataset.readers.sheets import opened_once
from core.dataset.readers.sniffing import read, read_blocks, sniff, sniff_all
from core.dataset.readers.values import Block, Format, Reject, Row, Source, excerpt

__all__ = [
    "ALL_SHEETS",
    "Block",
    "Format",
    "Member",
    "Reject",
    "Row",
    "Source",
    "excerpt",
    "opened_once",
    "read",
    "read_blocks",
    "sniff",
    "sniff_all",
]
