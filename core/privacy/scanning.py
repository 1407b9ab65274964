"""A dataset is looked through: row by row, into the store, whole or not at all."""

from __future__ import annotations

from collections.abc import Callable

from core.checks.privacy import OTHER_SCRIPT, scan_row
from core.errors import Cancelled
from core.privacy.languages import Tongues
from core.store import Store
from core.store.findings import Found, Line, Scan
from core.words import T

_BATCH = 5_000

Progress = Callable[[int, int], None]


def scan_dataset(
    store: Store,
    dataset_id: int,
    progress: Progress | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> Scan:
    """Look through every row and keep what was found. Raises NotFound, Cancelled."""
    dataset = store.dataset(dataset_id)
    scan_id = store.findings.begin(dataset_id, dataset.revision)
    tongues: Tongues[tuple[int, str]] = Tongues(dataset.rows)
    waiting: list[Found] = []
    done = 0
    for lines in store.findings.lines(dataset_id):
        if cancelled and cancelled():
            raise Cancelled(T("The work was stopped."))
        for line in lines:
            waiting += _look(line, tongues)
        done += len(lines)
        if len(waiting) >= _BATCH:
            store.findings.add(scan_id, waiting)
            waiting = []
        if progress:
            progress(done, max(done, dataset.rows))
    strangers = [row for rows in tongues.different().values() for row in rows]
    store.findings.add(scan_id, [*waiting, *(Found(number, OTHER_SCRIPT, digest, 1) for number, digest in strangers)])
    return store.findings.finish(scan_id, done, tongues.scripts)


def _look(line: Line, tongues: Tongues[tuple[int, str]]) -> list[Found]:
    found = scan_row(line.raw, line.label)
    tongues.add(found.script, found.language, (line.id, line.content_hash))
    return [Found(line.id, kind, line.content_hash, times) for kind, times in found.kinds.items()]


def look_again(line: Line, rest: str) -> list[Found]:
    """What a row holds after an edit; `rest` is the script of the others where this row's was another before."""
    found = scan_row(line.raw, line.label)
    made = [Found(line.id, kind, line.content_hash, times) for kind, times in found.kinds.items()]
    differs = rest and (found.script not in ("", rest) or found.language)
    return [*made, Found(line.id, OTHER_SCRIPT, line.content_hash, 1)] if differs else made
