"""The part of `python -m core check` that looks for personal data and secrets, and writes a copy without them."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from core.words import _

if TYPE_CHECKING:
    from core.privacy import FileScan

SHOWN = 5  # finds of one kind that are written out
STYLES = ("kind", "partly", "numbered")


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of this part to `check`."""
    parser.add_argument(
        "--privacy", action="store_true", help="also look for personal data, secrets and odd characters"
    )
    parser.add_argument(
        "--mask", type=Path, metavar="OUT.jsonl", help="write a copy in which personal data and secrets are masked"
    )
    parser.add_argument(
        "--mask-style", choices=STYLES, default="kind",
        help="with --mask: [phone], 138****5678, or [phone 1] that is the same for the same (kind)",
    )  # fmt: skip


def look(options: argparse.Namespace) -> FileScan | None:
    """What was asked for; None where nothing was. Raises BadInput where the file cannot be read or written."""
    if not (options.privacy or options.mask):
        return None
    from core.privacy import Style, mask_file, scan_file

    if options.mask:
        changed, left = mask_file(options.file, options.mask, Style(options.mask_style))
        said = _("{file}: {n} {n:row|rows} masked.", file=options.mask.name, n=f"{changed:,}")
        if left:
            said += " " + _("{n} {n:row is|rows are} too long to be read and {n:was|were} left out.", n=f"{left:,}")
        print(said, file=sys.stderr)
    return scan_file(options.file)


def lines(found: FileScan) -> list[str]:
    """What was found, kind by kind, the first finds by half; then the scripts of the rows."""
    from core.privacy import script_title, title

    made = ["", _("Personal data, secrets and odd characters")]
    if not found.kinds:
        made.append("  " + _("nothing found in {n} {n:row|rows}", n=f"{found.rows:,}"))
    for kind, counts in found.kinds.items():
        name = title(kind)
        made.append(
            "  " + _("{kind}: {n} in {m} {m:row|rows}", kind=name, n=f"{counts['found']:,}", m=f"{counts['rows']:,}")
        )
        first = [one for one in found.first if one["kind"] == kind][:SHOWN]
        made += [f"    {_('line {n}', n=one['line'])}, {one['field']}: {one['seen']}" for one in first]
    if len(found.scripts) > 1:
        shares = ", ".join(f"{script_title(script)} {rows:,}" for script, rows in found.scripts.items())
        made.append("  " + _("rows by script: {shares}", shares=shares))
    return made
