"""`python -m core check --repair`: a copy of a file with the lines that are nearly JSON put right, each one told."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from core.dataset.copying import copy_of
from core.words import _

if TYPE_CHECKING:
    from core.dataset.repairing import Part

SEEN = 400  # characters of a line that are printed


def repair(path: Path, target: Path) -> Path:
    """Write the good lines byte for byte and the repaired ones; tell each, and those that were left out."""
    from core.dataset import repairing
    from core.dataset.readers import sniff

    source = sniff(path)
    counts = {True: 0, False: 0}
    with copy_of(path, target) as part:
        repairing.write(_told(repairing.parts_of(path, source), counts), part)
    summary = _("{file}: {n} {n:line|lines} repaired, {m} left out.", file=target.name, n=counts[True], m=counts[False])
    print(summary, file=sys.stderr)
    return target


def _told(parts: Iterable[Part], counts: dict[bool, int]) -> Iterator[Part]:
    for part in parts:
        if not part.good:
            counts[part.sure] += 1
            _tell(part)
        yield part


def _tell(part: Part) -> None:
    said = [f"  - {part.text[:SEEN]!r}"]
    if part.sure and part.proposal:
        how = _("Row {n}: {how}", n=part.row, how=part.proposal.how)
        said += [f"  + {line[:SEEN]!r}" for line in part.proposal.lines]
    elif part.proposal:
        how = _("Row {n} is left out: a repair would drop “{text}”.", n=part.row, text=part.proposal.lost)
    else:
        how = _("Row {n} is left out: nobody can say what was meant.", n=part.row)
    print("\n".join([how, *said]), file=sys.stderr)
