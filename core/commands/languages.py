"""The part of `python -m core check --languages` that is written out for people."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from core.words import _

if TYPE_CHECKING:
    from core.privacy.languages import Languages

SHOWN = 20  # rows that are written out


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the option of this part to `check`."""
    parser.add_argument(
        "--languages", action="store_true", help="look for rows in another script or language than the rest"
    )


def look(options: argparse.Namespace) -> Languages | None:
    """What was asked for; None where nothing was. Raises BadInput where the file cannot be read."""
    if not options.languages:
        return None
    from core.privacy import languages

    return languages.look(options.file)


def lines(found: Languages) -> list[str]:
    """The shares, then the rows that differ, each with its language."""
    from core.checks.issues import visible
    from core.privacy import half_shown, script_title

    made = ["", _("Languages mixed")]
    for title, counts in (
        (_("rows by script"), found.scripts),
        (_("rows by language, where it is sure"), found.languages),
    ):
        if counts:
            shares = ", ".join(f"{script_title(name)} {rows:,}" for name, rows in counts.items())
            made.append(f"  {title}: {shares}")
    made.append("  " + _("rows in another script or language than the rest: {n}", n=f"{len(found.different):,}"))
    for row in found.different[:SHOWN]:
        seen = visible(half_shown(row.seen))
        made.append(f"    {_('line {n}', n=row.line)}, {script_title(row.language)}: {seen}")
    if len(found.different) > SHOWN:
        made.append("    " + _("… and {number} more", number=f"{len(found.different) - SHOWN:,}"))
    return made
