"""The file a dataset came from, brought again: what is new, changed and gone, through the recipe it was made with.

What the file said of a row before people edited it is known from the history, so a row that only they changed is no
change of the file, and where both changed it the two texts are told.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from core.dataset import mapping
from core.dataset.difference import Coming, Known, compare
from core.dataset.examples import Draft, Example, Origin, load, user_text
from core.dataset.readers import Reject, Source, read
from core.dataset.recipes import Recipe
from core.dataset.shapes import Shape
from core.dataset.updating import EVERY_STEP, REPORT_EVERY, Brought, Progress, reporter, taken_over
from core.errors import AppError

if TYPE_CHECKING:
    from core.store import Dataset, Store

_COMPARED = 20  # rows of a file that tell whether a dataset was made of it
_HALF = 0.5


def compare_file(
    store: Store,
    dataset: Dataset,
    source: Source,
    progress: Progress | None = None,
    cancelled: Callable[[], bool] = lambda: False,
) -> Brought:
    """A file beside the dataset that was made of it, through the recipe it was made with.

    Raises BadInput where the recipe does not fit the file's columns.
    """
    recipe = Recipe.from_dict(dataset.recipe) if dataset.recipe else mapping.suggest(source)
    report = reporter(progress, cancelled, max(source.rows_estimate, 1) + dataset.rows)
    coming: list[Coming] = []
    problems: list[Reject] = []
    for outcome in mapping.apply(recipe, read(source), report, source=source):
        if isinstance(outcome, Draft):
            coming.append(_of_draft(outcome))
        else:
            problems.append(outcome)
    said = _file_said(store, dataset)
    known: list[Known] = []
    files: dict[int, str] = {}
    for number, example in enumerate(store.examples(dataset.id), start=1):
        known.append(_as_line(example, said.get(example.id, {})))
        files[example.id] = example.origin.file
        if number % REPORT_EVERY == 0:
            report(source.rows_estimate + number)
    found = compare(known, coming)
    names = {part.name for part in source.parts} or {source.name}
    known_names = set(files.values())
    inside = names if names & known_names else known_names
    still = _still_unread(store, dataset, problems)
    gone = [row for row in found.gone if files[row.id] and files[row.id] in inside and row.id not in still]
    return Brought(replace(found, gone=gone), dataset.revision, tuple(problems), from_file=True)


def _still_unread(store: Store, dataset: Dataset, problems: Sequence[Reject]) -> set[int]:
    """The rows mended here whose line stands in the file as it did: they are not gone from it."""
    unread = {_content(problem.cells or problem.text) for problem in problems} - {_content("")}
    return {id for id, item in store.mended(dataset.id).items() if item.kept and _content(item.kept) in unread}


def _content(kept: str | Mapping[str, str]) -> Hashable:
    return kept if isinstance(kept, str) else tuple(sorted(kept.items()))


def _of_draft(draft: Draft) -> Coming:
    fields = {"raw": draft.raw, "label": draft.label} if draft.label else {"raw": draft.raw}
    return Coming(fields, _question(draft.raw), 0, _place(draft.origin), draft)


def _as_line(example: Example, said: Mapping[str, str]) -> Known:
    fields = {"raw": example.raw, "label": example.label}
    base = {name: said.get(name, value) for name, value in fields.items()}
    asked = dict.fromkeys((_question(base["raw"]), _question(example.raw)) if said else (_question(example.raw),))
    return Known(example.id, example.revision, fields, base, tuple(asked), _place(example.origin))


def _place(origin: Origin) -> tuple[str, str, int]:
    return origin.file, origin.sheet, origin.row


def _question(raw: str) -> str:
    try:
        return user_text(load(raw))
    except ValueError:
        return ""


def _file_said(store: Store, dataset: Dataset) -> dict[int, dict[str, str]]:
    """What the file last said of the fields of rows that were edited since: before the first edit of a person."""
    from_the_file = set(taken_over(store, dataset.id))
    said: dict[int, dict[str, str]] = {}
    steps = store.history(dataset.id, limit=EVERY_STEP) if dataset.revision > 1 else []
    for entry in reversed(steps):
        if entry.kind != "edit" or entry.undone or entry.action != "change":
            continue
        row = said.setdefault(entry.example_id, {})
        if entry.batch_id in from_the_file:
            row.update(_texts(entry.after))
        else:
            said[entry.example_id] = {**_texts(entry.before), **row}
    return said


def _texts(values: Mapping[str, Any] | None) -> dict[str, str]:
    return {name: str(value) for name, value in (values or {}).items()}


def made_of(store: Store, source: Source, limit: int = 3) -> list[Dataset]:
    """The datasets that a file seems to have become before, newest first: by its name, or by its first rows."""
    found = []
    for dataset in store.datasets():
        if dataset.origin and (_is_named(dataset, source) or _holds(store, dataset, source)):
            found.append(dataset)
        if len(found) == limit:
            break
    return found


def _is_named(dataset: Dataset, source: Source) -> bool:
    """Whether a file has the name of the dataset's, and is no table that was exported from it under that name."""
    exported = source.shape is Shape.TABLE and (dataset.recipe or {}).get("shape") != Shape.TABLE
    return dataset.origin == source.name and not exported


def _holds(store: Store, dataset: Dataset, source: Source) -> bool:
    """Whether most of the first rows of a file, through the recipe of a dataset, are among its first rows."""
    if not dataset.recipe or not source.sample:
        return False
    try:
        recipe = Recipe.from_dict(dataset.recipe)
        outcomes = mapping.apply(recipe, iter(source.sample[:_COMPARED]), source=source)
        lines = {outcome.raw for outcome in outcomes if isinstance(outcome, Draft)}
    except AppError:  # its columns are others
        return False
    here = {example.raw for example in store.page(dataset.id, size=100).examples}
    return bool(lines) and len(lines & here) > _HALF * len(lines)
