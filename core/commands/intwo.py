"""`python -m core prepare` of a large table of prompts and completions, in two processes."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from core.beside import Lost
from core.commands.preparing import is_empty_answer, paired, pairs

if TYPE_CHECKING:
    from core.dataset.fixrows import Columns
    from core.dataset.readers import Reject, Source
    from core.dataset.recipes import Recipe
    from core.dataset.twins import Twins

# Who hears how many rows of a source were read, if anybody does.
Progress = Callable[["Source"], Callable[[int], None] | None]

_NO_TABLE = (b"[", b"{", b"<", b"|", b"")  # how JSON, markup and Markdown begin
_LOOKED_AT = 64  # bytes


def opened(
    options: argparse.Namespace, recipe_of: Callable[[Source], Recipe], progress: Progress
) -> tuple[Source, Recipe, Twins] | None:
    """What a text is, how it is understood, and its rows; None where one process has to read it.

    That it is UTF-8 is believed of its beginning, and proven by the reading, where else all of it is looked at before.
    """
    from core.dataset.encodings import at_first_sight
    from core.dataset.readers import sniff
    from core.dataset.twins import WORTH

    path = options.file[0]
    if len(options.file) > 1 or path.stat().st_size < WORTH:
        return None
    with path.open("rb") as file:
        if file.read(_LOOKED_AT).lstrip()[:1] in _NO_TABLE or not (encoding := at_first_sight(path)):
            return None
    source = sniff(path, sheet=options.sheet, encoding=encoding)
    recipe = recipe_of(source)
    rows = shared(source, recipe, progress)
    return (source, recipe, rows) if rows else None


def shared(source: Source, recipe: Recipe, progress: Progress) -> Twins | None:
    """The rows of a recognised table in two processes; None where one has to read them."""
    from core.dataset.twins import Twins, halves

    columns, both = paired(recipe), halves(source)
    if not columns or not both:
        return None

    def read(half: Source, told: Callable[[int], None]) -> Iterator[Columns | Reject]:
        return pairs(half, columns, told)

    try:
        return Twins(both, read, is_empty_answer, progress(source))
    except Lost:
        return None
