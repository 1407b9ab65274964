"""Reading files: recognise one with `sniff`, then `read` its rows and the reasons for those that cannot be used."""

from core.dataset.readers.packed import Member
from core.dataset.readers.sniffing import read, sniff, sniff_all
from core.dataset.readers.values import Format, Reject, Row, Source, excerpt

__all__ = ["Format", "Member", "Reject", "Row", "Source", "excerpt", "read", "sniff", "sniff_all"]
