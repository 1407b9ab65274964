"""What a text should not give away, and what stands in it that nobody sees: found as spans, masked or mended.

`scan` finds personal data and secrets, `odd` invisible and broken characters, `garbled` text whose encoding was
mistaken, `main_script` tells the script of a text. `rows` looks through whole examples, `masking` writes new ones.
Nothing here prints a find in full: `half` is how it is shown.
"""

from core.checks.privacy.characters import odd, without
from core.checks.privacy.garbled import garbled, mended
from core.checks.privacy.masking import Book, Style, half, masked
from core.checks.privacy.rows import RowScan, findings, rewritten, scan_row, texts_of
from core.checks.privacy.scanning import scan
from core.checks.privacy.scripts import main_script, script_counts
from core.checks.privacy.values import GARBLED, LOST, ODD, OTHER_SCRIPT, PERSONAL, Span

__all__ = [
    "GARBLED",
    "LOST",
    "ODD",
    "OTHER_SCRIPT",
    "PERSONAL",
    "Book",
    "RowScan",
    "Span",
    "Style",
    "findings",
    "garbled",
    "half",
    "main_script",
    "masked",
    "mended",
    "odd",
    "rewritten",
    "scan",
    "scan_row",
    "script_counts",
    "texts_of",
    "without",
]
