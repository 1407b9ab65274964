"""Finds are masked or mended: one batch of edits, on the revisions that were read, so it can be undone as one step."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass, field, replace

from core.checks.privacy import GARBLED, ODD, OTHER_SCRIPT, PERSONAL, Book, Style, masked, mended, rewritten, without
from core.dataset.edits import Applied, Change, Edits, Problem, Removed
from core.dataset.examples import Split
from core.errors import AppError, Cancelled
from core.privacy.scanning import look_again
from core.store import Store
from core.store.findings import Found, Line, Scan
from core.words import T

Progress = Callable[[int, int], None]


def fixed_text(text: str, kinds: Collection[str], style: Style = Style.KIND, book: Book | None = None) -> str:
    """A text without its finds of these kinds: read rightly, odd characters out, the rest masked."""
    if GARBLED in kinds:
        text = mended(text)
    if odd := [kind for kind in kinds if kind in ODD]:
        text = without(text, odd)
    personal = [kind for kind in kinds if kind in PERSONAL]
    return masked(text, personal, style, book) if personal else text


def fix(
    store: Store,
    dataset_id: int,
    kinds: Collection[str],
    who: str,
    style: Style = Style.KIND,
    progress: Progress | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> Applied:
    """Mask or mend every find of these kinds that the last scan knows of, but for those that were set aside.

    Doing it again changes nothing.
    """
    for _attempt in range(3):
        book = Book(*store.findings.book(dataset_id))
        found = _changes(store, dataset_id, kinds, (style, book), progress, cancelled)
        if store.findings.add_to_book(dataset_id, book.added):
            break  # else somebody masks the same dataset: take their numbers and begin again
    else:
        raise AppError(T("Somebody else is masking these rows."), T("Wait a moment and try again."))
    before, revision = store.findings.latest(dataset_id), store.dataset(dataset_id).revision
    different = set(store.findings.rows(dataset_id, [OTHER_SCRIPT]))
    applied = store.apply(dataset_id, Edits(changed=found.changes), who)
    if before is not None:
        _look_again(store, before, found, different)
        if before.revision == revision and applied.batch_id is not None:
            store.findings.keep_up(before, revision + 1)
    return replace(applied, problems=(*applied.problems, *found.problems))


def _look_again(store: Store, scan: Scan, made: _Changes, different: set[int]) -> None:
    """What the changed rows still hold is found, and what was set aside in them stays so: nobody edited that."""
    found: list[Found] = []
    aside: list[tuple[str, str]] = []
    for lines in store.findings.lines(scan.dataset_id, [change.example_id for change in made.changes]):
        for line in lines:
            found += look_again(line, scan.main_script if line.id in different else "")
            aside += [(kind, line.content_hash) for kind in made.aside.get(line.id, ())]
    store.findings.add(scan.id, found)
    store.asides.add(scan.dataset_id, aside)


def drop(store: Store, dataset_id: int, kinds: Collection[str], who: str) -> Applied:
    """Delete the rows with finds of these kinds, as one step that can be undone; none of a locked test set."""
    before, revision = store.findings.latest(dataset_id), store.dataset(dataset_id).revision
    rows = store.relations.living(dataset_id, store.findings.rows(dataset_id, kinds)).values()
    locked = store.splits.lock(dataset_id) is not None
    removed = [Removed(row.id, row.revision) for row in rows if not (locked and row.split is Split.TEST)]
    applied = store.apply(dataset_id, Edits(removed=removed), who) if removed else Applied()
    if before is not None and before.revision == revision and applied.batch_id is not None:
        store.findings.keep_up(before, revision + 1)
    return applied


def undo(store: Store, dataset_id: int, who: str, batch_id: int) -> Applied:
    """Take a fix back; what the last scan knew of the rows holds again."""
    before, revision = store.findings.latest(dataset_id), store.dataset(dataset_id).revision
    applied = store.undo(dataset_id, who, batch_id)
    if before is not None and before.revision == revision and applied.batch_id is not None:
        store.findings.keep_up(before, revision + 1)
    return applied


@dataclass
class _Changes:
    """What a fix does to the rows, and the kinds that are set aside in each."""

    changes: list[Change] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    aside: dict[int, set[str]] = field(default_factory=dict)


def _changes(
    store: Store,
    dataset_id: int,
    kinds: Collection[str],
    how: tuple[Style, Book],
    progress: Progress | None,
    cancelled: Callable[[], bool] | None,
) -> _Changes:
    ids = store.findings.rows(dataset_id, kinds)
    marked: dict[str, set[str]] = {}
    for kind, content in store.asides.marks(dataset_id):
        marked.setdefault(content, set()).add(kind)
    made = _Changes()
    done = 0
    for lines in store.findings.lines(dataset_id, ids):
        if cancelled and cancelled():
            raise Cancelled(T("The work was stopped."))
        for line in lines:
            aside = marked.get(line.content_hash, set())
            try:
                change = _change(line, [kind for kind in kinds if kind not in aside], *how)
            except (ValueError, TypeError, RecursionError):
                message = T("This row is nested too deeply to edit its text. Edit its JSON instead.")
                made.problems.append(Problem(line.id, message))
                continue
            if change:
                made.changes.append(change)
                made.aside[line.id] = aside
        done += len(lines)
        if progress:
            progress(done, len(ids))
    return made


def _change(line: Line, kinds: Collection[str], style: Style, book: Book) -> Change | None:
    def change(text: str) -> str:
        return fixed_text(text, kinds, style, book)

    fields: dict[str, str | None] = {}
    if (raw := rewritten(line.raw, change)) != line.raw:
        fields["raw"] = raw
    if line.label and (label := change(line.label)) != line.label:
        fields["label"] = label
    return Change(line.id, line.revision, fields) if fields else None
