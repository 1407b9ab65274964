"""Importing a file into the store: all of its good rows, a list of the others, or nothing at all."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from core.dataset import mapping
from core.dataset.examples import Draft
from core.dataset.readers import Reject, Source, read, sniff
from core.dataset.recipes import Recipe
from core.errors import BadInput, Cancelled
from core.words import T

if TYPE_CHECKING:
    from core.store import Dataset, Store

BATCH = 8_000  # rows a transaction
Progress = Callable[[int, int], None]


def import_file(
    store: Store,
    source: Path | Source,
    recipe: Recipe | None = None,
    name: str = "",
    progress: Progress | None = None,
    cancelled: Callable[[], bool] = lambda: False,
    begun: Callable[[int], None] = lambda _dataset_id: None,
) -> Dataset:
    """Make a dataset of a file; without a recipe the one that its columns suggest.

    `progress` is told rows read and about how many there are, `begun` the dataset's id before any row. Raises BadInput
    where no row can be used and Cancelled when `cancelled` says so; then, and on any other failure, nothing of the
    dataset stays.
    """
    if isinstance(source, Path):
        source = sniff(source)
    if recipe is None:
        recipe = mapping.suggest(source)
    if not recipe.as_is:
        mapping.check(recipe, source.columns)
    title = name.strip() or Path(source.name).stem
    dataset = store.create_dataset(title, recipe.kind, origin=source.name, recipe=recipe.as_dict())
    try:
        begun(dataset.id)
        _fill(store, dataset.id, source, recipe, progress, cancelled)
        return store.finish_import(dataset.id)
    except BaseException:
        store.discard(dataset.id)
        raise


def nothing_usable(source: Source, first: Reject | None) -> BadInput:
    """The error of a file none of whose rows became an example, with the first reason."""
    if first is None:
        return BadInput(
            T("No row of {file} is left.", file=source.name), T("Drop fewer classes, or take a larger sample.")
        )
    message = T(
        "No row of {file} can be used. Row {row}: {reason}", file=source.name, row=first.row, reason=first.reason
    )
    return BadInput(message, T("Check which column plays which role."))


def _fill(
    store: Store,
    dataset_id: int,
    source: Source,
    recipe: Recipe,
    progress: Progress | None,
    cancelled: Callable[[], bool],
) -> None:
    drafts: list[Draft] = []
    rejects: list[tuple[int, Reject]] = []  # with how many rows are above it
    first: Reject | None = None
    stored = 0

    def report(rows: int) -> None:
        # Asked while reading too, so that dropping most of a long file can be stopped.
        if cancelled():
            raise Cancelled(T("The import was stopped."), T("Nothing of it was kept."))
        if progress:
            progress(rows, max(rows, source.rows_estimate))

    def flush() -> None:
        if drafts:
            loading.add(drafts, read=True)
        if rejects:
            left_out = [
                (r.file or source.name, r.row, r.column, r.reason, r.seen, r.cells or r.text or None, n)
                for n, r in rejects
            ]
            loading.when_stored(partial(store.add_rejects, dataset_id, left_out))
        drafts.clear()
        rejects.clear()

    with store.loader(dataset_id) as loading:
        drafted = mapping.lines(recipe, source, report)
        for outcome in drafted or mapping.apply(recipe, read(source), report, source=source):
            if isinstance(outcome, Draft):
                drafts.append(outcome)
                stored += 1
            else:
                first = first or outcome
                rejects.append((stored, outcome))
            if len(drafts) + len(rejects) >= BATCH:
                flush()
        flush()
    if not stored:
        raise nothing_usable(source, first)
