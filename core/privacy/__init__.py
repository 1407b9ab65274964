"""Looking through a dataset or a file for what should not be in it, and mending it: verbs over core.checks.privacy."""

from core.checks.privacy import GARBLED, LOST, ODD, OTHER_SCRIPT, PERSONAL, Style
from core.privacy.files import FileScan, mask_file, scan_file
from core.privacy.fixing import drop, fix, fixed_text, undo
from core.privacy.names import NAMES, script_title, title
from core.privacy.scanning import scan_dataset
from core.privacy.showing import Piece, after, half_shown, pieces, plain, shown

__all__ = [
    "GARBLED",
    "LOST",
    "NAMES",
    "ODD",
    "OTHER_SCRIPT",
    "PERSONAL",
    "FileScan",
    "Piece",
    "Style",
    "after",
    "drop",
    "fix",
    "fixed_text",
    "half_shown",
    "mask_file",
    "pieces",
    "plain",
    "scan_dataset",
    "scan_file",
    "script_title",
    "shown",
    "title",
    "undo",
]
