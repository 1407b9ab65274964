"""The part of `python -m core check --privacy` that is written out for people."""

from __future__ import annotations

from typing import TYPE_CHECKING

from core.words import _

if TYPE_CHECKING:
    from core.privacy import FileScan

SHOWN = 5  # finds of one kind that are written out


def lines(found: FileScan) -> list[str]:
    """What was found, kind by kind, the first finds by half; then the scripts of the rows."""
    from core.privacy import script_title, title

    made = ["", _("Personal data, secrets and odd characters")]
    if not found.kinds:
        made.append("  " + _("nothing found in {n} rows", n=f"{found.rows:,}"))
    for kind, counts in found.kinds.items():
        name = title(kind)
        made.append("  " + _("{kind}: {n} in {m} rows", kind=name, n=f"{counts['found']:,}", m=f"{counts['rows']:,}"))
        first = [one for one in found.first if one["kind"] == kind][:SHOWN]
        made += [f"    {_('line {n}', n=one['line'])}, {one['field']}: {one['seen']}" for one in first]
    if len(found.scripts) > 1:
        shares = ", ".join(f"{script_title(script)} {rows:,}" for script, rows in found.scripts.items())
        made.append("  " + _("rows by script: {shares}", shares=shares))
    return made
